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
// lagged behind. Each shard counts its writes, and every process remembers the highest counts it has seen.
type rewind struct {
	seen [shards]atomic.Int64

	mu     sync.Mutex
	mark   time.Time
	readAt time.Time
}

// markAge is how long the recovery mark is remembered before it is read again.
const markAge = 500 * time.Millisecond

// errWentBack fails the write that noticed. The next one finds the mark set.
var errWentBack = errors.New("the store has gone back in time: older top-ups are asked about before they are sent")

// see remembers a count.
func (r *rewind) see(shard int, n int64) {
	for {
		old := r.seen[shard].Load()
		if n <= old || r.seen[shard].CompareAndSwap(old, n) {
			return
		}
	}
}

// wentBack sets the recovery mark, accepts the counts that the store has now, and fails the write.
func (s *Store) wentBack(ctx context.Context) error {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	pipe := s.rdb.Pipeline()
	counts := make([]*redis.StringCmd, shards)
	for shard := range shards {
		counts[shard] = pipe.Get(ctx, writesKey(shard))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return unavailable(err)
	}
	behind := false
	for shard, c := range counts {
		n, err := c.Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return unavailable(err)
		}
		behind = behind || n < s.rewind.seen[shard].Load()
	}
	if behind { // else another goroutine has dealt with it meanwhile
		now := time.Now().UTC()
		if err := s.rdb.Set(ctx, recoveredKey, millis(now), 0).Err(); err != nil {
			return unavailable(err)
		}
		for shard, c := range counts {
			n, _ := c.Int64() // absent is 0; other errors are gone by now
			s.rewind.seen[shard].Store(n)
		}
		s.rewind.mark, s.rewind.readAt = now, now
	}
	return unavailable(errWentBack)
}

// Recovered implements topup.Ledger. It is read anew every half second.
func (s *Store) Recovered(ctx context.Context) (time.Time, error) {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	if time.Since(s.rewind.readAt) < markAge {
		return s.rewind.mark, nil
	}
	text, err := s.rdb.Get(ctx, recoveredKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return time.Time{}, unavailable(err)
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
