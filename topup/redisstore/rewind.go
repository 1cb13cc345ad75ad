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
	// reached is how far each shard was seen to have come, by whoever's writes.
	reached [shards]atomic.Int64

	mu     sync.Mutex
	mark   time.Time
	readAt time.Time
}

// place is one write of a shard: its count, and its nonce as bytes; "" stands for any. The shard must have come as far as
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

// last is the last write of a shard that is known.
func (r *rewind) last(shard int) *place {
	out := place{least: r.reached[shard].Load()}
	if p := r.seen[shard].Load(); p != nil {
		out.count, out.nonce = p.count, p.nonce
	}
	return &out
}

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

// readCounts reads how many writes each shard has, and the recovery mark.
func (s *Store) readCounts(ctx context.Context) (counts [shards]int64, mark string, err error) {
	pipe := s.rdb.Pipeline()
	text := pipe.Get(ctx, recoveredKey)
	var cmds [shards]*redis.StringCmd
	for shard := range shards {
		cmds[shard] = pipe.HGet(ctx, writesKey(shard), writesCount)
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	if err := text.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return counts, "", unavailable(err)
	}
	for shard, c := range cmds {
		if counts[shard], err = c.Int64(); err != nil && !errors.Is(err, redis.Nil) {
			counts[shard] = away
		}
	}
	return counts, text.Val(), nil
}

// accept sets the recovery mark and takes the counts that the store has now for those that must be there from now on.
// The lock is held.
func (s *Store) accept(ctx context.Context, counts [shards]int64) error {
	now := s.opts.Now().UTC()
	if err := s.rdb.Set(ctx, recoveredKey, millis(now), 0).Err(); err != nil {
		return unavailable(err)
	}
	for shard, n := range counts {
		if n != away {
			s.rewind.seen[shard].Store(&place{count: n})
			s.rewind.reached[shard].Store(n)
		}
	}
	s.rewind.mark, s.rewind.readAt = now, time.Now()
	return nil
}

// Recovered implements topup.Ledger. It is read anew every half second, and with it how far the shards have come, so
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
	for shard, n := range counts {
		if n != away && n < s.rewind.reached[shard].Load() {
			err := s.accept(ctx, counts)
			return s.rewind.mark, err
		}
	}
	for shard, n := range counts {
		s.rewind.reached[shard].Store(max(s.rewind.reached[shard].Load(), n))
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
