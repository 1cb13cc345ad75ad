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
// lagged behind. Each shard counts its writes and remembers who made the latest ones. Every process remembers the last
// write that it has made or seen, and that one must still be there: a lower count shows a loss, and so does somebody
// else's write in its place.
type rewind struct {
	seen [shards]atomic.Pointer[place]

	mu     sync.Mutex
	mark   time.Time
	readAt time.Time
}

// place is one write of a shard: its count, and its nonce as bytes; "" stands for any.
type place struct {
	count int64
	nonce string
}

// markAge is how long the recovery mark is remembered before it is read again.
const markAge = 500 * time.Millisecond

// errWentBack fails the write that noticed. The next one finds the mark set.
var errWentBack = errors.New("the store has gone back in time: older top-ups are asked about before they are sent")

// last is the last write of a shard that is known.
func (r *rewind) last(shard int) *place {
	if p := r.seen[shard].Load(); p != nil {
		return p
	}
	return &place{}
}

// text is the place as the scripts read it.
func (p *place) text() string { return strconv.FormatInt(p.count, 10) + ":" + p.nonce }

// see remembers a write.
func (r *rewind) see(shard int, p *place) {
	for {
		old := r.seen[shard].Load()
		if (old != nil && p.count <= old.count) || r.seen[shard].CompareAndSwap(old, p) {
			return
		}
	}
}

// wentBack sets the recovery mark, accepts the counts that the store has now, and fails the write. missed is the write
// of the shard that is not there any more; where it is not remembered either, another goroutine has dealt with it.
func (s *Store) wentBack(ctx context.Context, shard int, missed *place) error {
	s.rewind.mu.Lock()
	defer s.rewind.mu.Unlock()
	if *s.rewind.last(shard) != *missed {
		return unavailable(errWentBack)
	}
	pipe := s.rdb.Pipeline()
	counts := make([]*redis.StringCmd, shards)
	for shard := range shards {
		counts[shard] = pipe.HGet(ctx, writesKey(shard), writesCount)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return unavailable(err)
	}
	now := time.Now().UTC()
	if err := s.rdb.Set(ctx, recoveredKey, millis(now), 0).Err(); err != nil {
		return unavailable(err)
	}
	for shard, c := range counts {
		n, err := c.Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return unavailable(err)
		}
		s.rewind.seen[shard].Store(&place{count: n})
	}
	s.rewind.mark, s.rewind.readAt = now, now
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
