package redisstore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// rewind notices a store that has gone back in time: restored from a copy, flushed, or failed over to a replica that
// lagged behind. A single server counts all writes in one place, a cluster those of each shard, and remembers who made the
// latest ones. Every process remembers the last write that it has made or seen, and that one must still be there: a lower
// count shows a loss, and so does somebody else's write in its place.
type rewind struct {
	seen [counters]atomic.Pointer[place]
	// reached is how far each counter was seen to have come, by whoever's writes.
	reached [counters]atomic.Int64

	mu     sync.Mutex
	mark   time.Time
	readAt time.Time
}

// counters is the number of places where writes are counted: every shard, and the whole.
const counters = shards + 1

// place is one write as counted: its count, and its nonce as bytes; "" stands for any. The counter must have come as far as
// least, too, whoever wrote that.
type place struct {
	count int64
	nonce string
	least int64
}

// markAge is how long the recovery mark is remembered before it is read again.
const markAge = 500 * time.Millisecond

// errWentBack fails the write that noticed. The next one finds the mark set.
var errWentBack = errors.New("the store has gone back in time: older top-ups are asked about before they are sent")

// counter is where a shard's writes are counted now.
func (s *Store) counter(shard int) int {
	if s.apart.Load() {
		return shard
	}
	return whole
}

// last is the last write of a counter that is known.
func (r *rewind) last(counter int) *place {
	out := place{least: r.reached[counter].Load()}
	if p := r.seen[counter].Load(); p != nil {
		out.count, out.nonce = p.count, p.nonce
	}
	return &out
}

// see remembers a write.
func (r *rewind) see(counter int, p *place) {
	for {
		old := r.seen[counter].Load()
		if (old != nil && p.count <= old.count) || r.seen[counter].CompareAndSwap(old, p) {
			return
		}
	}
}

// wentBack sets the recovery mark, accepts the counts that the store has now, and fails the write. missed is the write
// that is not there any more; where it is not remembered either, another goroutine has dealt with it.
func (s *Store) wentBack(ctx context.Context, counter int, missed *place) error {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	if *s.rewind.last(counter) != *missed {
		return unavailable(errWentBack)
	}
	counts, _, err := s.readCounts(ctx)
	if err != nil {
		return err
	}
	if err := s.accept(ctx, counts); err != nil {
		return err
	}
	return unavailable(errWentBack)
}

// away stands for the count of a shard that cannot be read now: of a cluster a part may be gone. Nothing is concluded
// from it, and nothing can be written there either.
const away = -1

// readCounts reads how many writes each counter has, and the recovery mark.
func (s *Store) readCounts(ctx context.Context) (counts [counters]int64, mark string, err error) {
	pipe := s.rdb.Pipeline()
	text := pipe.Get(ctx, recoveredKey)
	var cmds [counters]*redis.StringCmd
	for i := range cmds {
		cmds[i] = pipe.HGet(ctx, writesKey(i), writesCount)
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	if err := text.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return counts, "", unavailable(err)
	}
	for i, c := range cmds {
		if counts[i], err = c.Int64(); err != nil && !errors.Is(err, redis.Nil) {
			counts[i] = away
		}
	}
	return counts, text.Val(), nil
}

// accept sets the recovery mark and takes the counts that the store has now for those that must be there from now on.
// The lock is held.
func (s *Store) accept(ctx context.Context, counts [counters]int64) error {
	now := s.opts.Now().UTC()
	if err := s.rdb.Set(ctx, recoveredKey, millis(now), 0).Err(); err != nil {
		return unavailable(err)
	}
	for i, n := range counts {
		if n != away {
			s.rewind.seen[i].Store(&place{count: n})
			s.rewind.reached[i].Store(n)
		}
	}
	s.rewind.mark, s.rewind.readAt = now, time.Now()
	return nil
}

// Recovered implements topup.Ledger. It is read anew every half second, and with it how far the counters have come, so
// that a process also notices the loss of what others have written.
func (s *Store) Recovered(ctx context.Context) (time.Time, error) {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	if time.Since(s.rewind.readAt) < markAge {
		return s.rewind.mark, nil
	}
	counts, text, err := s.readCounts(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for i, n := range counts {
		if n != away && n < s.rewind.reached[i].Load() {
			err := s.accept(ctx, counts)
			return s.rewind.mark, err
		}
	}
	for i, n := range counts {
		s.rewind.reached[i].Store(max(s.rewind.reached[i].Load(), n))
	}
	s.rewind.readAt = time.Now()
	if text == "" {
		s.rewind.mark = time.Time{}
		return time.Time{}, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, unavailable(err)
	}
	s.rewind.mark = time.UnixMilli(ms).UTC()
	return s.rewind.mark, nil
}

// MarkRecovered implements topup.Ledger.
func (s *Store) MarkRecovered(ctx context.Context, at time.Time) error {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	if err := s.rdb.Set(ctx, recoveredKey, millis(at), 0).Err(); err != nil {
		return unavailable(err)
	}
	s.rewind.mark, s.rewind.readAt = at.UTC(), time.Now()
	return nil
}
