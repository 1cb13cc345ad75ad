package redisstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

const (
	// clockEvery is how often the store is asked for the time, clockTimeout bounds one question, clockTries is how many
	// there are: the quickest answer counts.
	clockEvery   = 10 * time.Second
	clockTimeout = time.Second
	clockTries   = 3
	// clockStep is the most that the time is corrected by at once, and clockApart what is worth a warning.
	clockStep  = time.Second
	clockApart = 2 * time.Second
)

// Clock tells the store's time, so that all processes agree on how long ago something was asked or sent, however wrong
// the clocks of their machines are. Between two questions it goes on by the monotonic clock: setting the machine's time
// does nothing to it. A store whose time jumps is followed by a second at a time, so that no hold time is cut short.
type Clock struct {
	rdb   redis.UniversalClient
	log   *zap.Logger
	local func() time.Time

	mu sync.Mutex
	// base is the store's time at the instant mark of the local clock; zero before the first answer.
	base, mark time.Time
	warned     bool
}

// NewClock returns a clock that tells the machine's time until Sync was answered. Run keeps it right.
func NewClock(rdb redis.UniversalClient, log *zap.Logger) *Clock {
	return &Clock{rdb: rdb, log: log, local: time.Now}
}

// Now is the present time, UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(c.local())
}

// at is the store's time at an instant of the local clock. The lock is held.
func (c *Clock) at(local time.Time) time.Time {
	if c.base.IsZero() {
		return local.UTC()
	}
	return c.base.Add(local.Sub(c.mark)).UTC()
}

// Sync asks the store for the time. It returns topup.ErrUnavailable when the store does not tell.
func (c *Clock) Sync(ctx context.Context) error {
	var theirs, mark time.Time
	best := time.Duration(-1)
	for range clockTries {
		told, asked, took, err := c.ask(ctx)
		if err != nil {
			return fmt.Errorf("ask Redis for the time: %w", unavailable(err))
		}
		if best < 0 || took < best {
			theirs, mark, best = told, asked.Add(took/2), took
		}
	}
	c.take(theirs, mark)
	return nil
}

func (c *Clock) ask(ctx context.Context) (told, asked time.Time, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	asked = c.local()
	told, err = c.rdb.Time(ctx).Result()
	return told, asked, c.local().Sub(asked), err
}

// take corrects the clock by what the store says: at once the first time, then by no more than clockStep.
func (c *Clock) take(theirs, mark time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base.IsZero() {
		c.warn(theirs.Sub(mark), "this machine's clock differs from that of Redis, which counts")
		c.base, c.mark = theirs, mark
		return
	}
	off := theirs.Sub(c.at(mark))
	c.warn(off, "the clock of Redis has jumped: it is followed slowly")
	c.base, c.mark = c.at(mark).Add(max(min(off, clockStep), -clockStep)), mark
}

// warn says once that the clocks are apart. The lock is held.
func (c *Clock) warn(off time.Duration, what string) {
	if apart := off.Abs() > clockApart; apart != c.warned {
		c.warned = apart
		if apart {
			c.log.Warn(what, zap.Duration("apart", off.Round(time.Millisecond)))
		}
	}
}

// Run asks for the time again and again until ctx ends.
func (c *Clock) Run(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := c.Sync(ctx); err != nil && ctx.Err() == nil {
			c.log.Debug("time not known", zap.Error(err)) // it goes on by itself
		}
	}
}
