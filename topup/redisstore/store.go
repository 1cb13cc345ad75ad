package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"topupq/redispipe"
	"topupq/topup"
)

// Options are the settings of a Store. The zero value is good.
type Options struct {
	// Pipe sends the store's commands together with those of others on the same Redis, and is its owner's to close; nil for
	// one of the store's own.
	Pipe *redispipe.Pipe
	// CallbackLease is how long the process that records an outcome may send its callback before the outbox shows
	// it to others; longer than a callback's timeout. Default 20 s.
	CallbackLease time.Duration
	// Now is the clock; nil is time.Now. See Clock.
	Now func() time.Time
}

const defaultCallbackLease = 20 * time.Second

// Store is the topup.Store in Redis. It is safe for concurrent use.
type Store struct {
	rdb  redis.UniversalClient
	pipe *redispipe.Pipe
	// ownPipe means that the store closes it.
	ownPipe bool
	limiter *redis_rate.Limiter
	opts    Options
	rewind  rewind
	pauses  pauses
	// released are batches whose withheld rows may be sent.
	released released
	feeds    feeds
	// apart is set where top-ups of different shards may not be written by one call: on a cluster.
	apart atomic.Bool
	// owner marks the leases of this process.
	owner string
}

var _ topup.Store = (*Store)(nil)

// Open returns a Store on rdb, which it does not own: Close leaves rdb open. It makes no call: a Redis that is
// away shows at the first one, as topup.ErrUnavailable.
func Open(rdb redis.UniversalClient, opts Options) *Store {
	if opts.CallbackLease <= 0 {
		opts.CallbackLease = defaultCallbackLease
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{rdb: rdb, pipe: opts.Pipe, limiter: redis_rate.NewLimiter(rdb), opts: opts, owner: topup.NewLookupID()}
	if s.pipe == nil {
		s.pipe, s.ownPipe = redispipe.New(rdb), true
	}
	if _, one := rdb.(*redis.Client); !one {
		s.apart.Store(true)
	}
	return s
}

// Close sends what is under way and ends the store's goroutines.
func (s *Store) Close() {
	if s.ownPipe {
		s.pipe.Close()
	}
}

// Ping reports whether Redis can be read and written.
func (s *Store) Ping(ctx context.Context) error {
	return unavailable(s.rdb.Set(ctx, "tq:ping", 1, time.Minute).Err())
}

// newNonce numbers one write, so that a repeat of it is recognised. It is never 0.
func newNonce() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) | 1
}

func notFound(err error) error {
	if errors.Is(err, redis.Nil) {
		return topup.ErrNotFound
	}
	return unavailable(err)
}

// missing reports whether there is nothing under a key.
func missing(err error) bool { return errors.Is(err, redis.Nil) }

func millis(t time.Time) int64 { return t.UnixMilli() }
