package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// maxDuePerShard bounds one due script.
const maxDuePerShard = 128

// DueChecks implements topup.Ledger.
func (s *Store) DueChecks(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error) {
	return s.due(ctx, dueScript, func(shard int) string { return checkIndex(shard, p) }, now, again, limit)
}

func (s *Store) due(ctx context.Context, sc script, index func(shard int) string, now, again time.Time, limit int, more ...any) ([]topup.Due, error) {
	answers, err := s.dueRows(ctx, sc, index, now, again, limit, func(shard int) []any { return append([]any{prefix(shard) + "t:"}, more...) })
	if err != nil {
		return nil, err
	}
	var out []topup.Due
	for i := 0; i+1 < len(answers); i += 2 {
		if h, ok := unpackHead(answers[i+1]); ok {
			out = append(out, topup.Due{ID: topup.ID(answers[i]), State: h.state, Round: h.round})
		}
	}
	return out, nil
}

// CountDueChecks implements topup.Ledger.
func (s *Store) CountDueChecks(ctx context.Context, p topup.ProviderName, now time.Time) (int64, error) {
	counts, err := s.countDue(ctx, func(shard int) string { return checkIndex(shard, p) }, now)
	var sum int64
	for _, n := range counts {
		sum += n
	}
	return sum, err
}

// DueCallbacks implements topup.Ledger.
func (s *Store) DueCallbacks(ctx context.Context, now, again time.Time, limit int) ([]string, error) {
	return s.dueRows(ctx, dueNamesScript, outboxKey, now, again, limit, func(int) []any { return nil })
}

// DueBatches implements topup.Batches.
func (s *Store) DueBatches(ctx context.Context, now, again time.Time, limit int) ([]topup.BatchID, error) {
	names, err := s.dueRows(ctx, dueNamesScript, batchesDueKey, now, again, limit, func(int) []any { return nil })
	out := make([]topup.BatchID, len(names))
	for i, n := range names {
		out[i] = topup.BatchID(n)
	}
	return out, err
}

// ForgetDueBatch implements topup.Batches.
func (s *Store) ForgetDueBatch(ctx context.Context, id topup.BatchID) error {
	pipe := s.rdb.Pipeline()
	for shard := range shards {
		pipe.ZRem(ctx, batchesDueKey(shard), string(id))
	}
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// dueRows first looks which shards have anything due, and runs the script on those, all at once. While some of them are
// away it returns what the others have, and an error only where that is nothing.
func (s *Store) dueRows(ctx context.Context, sc script, index func(shard int) string, now, again time.Time, limit int, extra func(shard int) []any) ([]string, error) {
	counts, away := s.countDue(ctx, index, now)
	var busy []int
	for shard, n := range counts {
		if n > 0 {
			busy = append(busy, shard)
		}
	}
	var rows [shards][]string
	var eg errgroup.Group
	start := int(newNonce() % shards)
	for i := range busy {
		if limit <= 0 {
			break
		}
		shard := busy[(i+start)%len(busy)]
		share := min(max(limit/(len(busy)-i), 1), maxDuePerShard)
		limit -= int(min(int64(share), counts[shard]))
		eg.Go(func() error {
			res, err := s.eval(ctx, sc, []string{index(shard)}, append([]any{millis(now), share, millis(again)}, extra(shard)...)...)
			if err != nil {
				return err
			}
			if rows[i], err = res.StringSlice(); err != nil && !errors.Is(err, redis.Nil) {
				return unavailable(err)
			}
			return nil
		})
	}
	err := eg.Wait()
	if out := slices.Concat(rows[:]...); len(out) > 0 {
		return out, nil
	}
	return nil, cmp.Or(err, away)
}

// countDue counts what is due in an index, one cheap command per shard. While some shards are away it returns what the
// others have, with an error.
func (s *Store) countDue(ctx context.Context, index func(shard int) string, now time.Time) ([shards]int64, error) {
	var out [shards]int64
	pipe := s.rdb.Pipeline()
	counts := make([]*redis.IntCmd, shards)
	for shard := range shards {
		counts[shard] = pipe.ZCount(ctx, index(shard), "-inf", formatMillis(now))
	}
	_, err := pipe.Exec(ctx) // of a cluster some shards may have answered all the same
	for shard, c := range counts {
		if c.Err() == nil {
			out[shard] = c.Val()
		}
	}
	return out, unavailable(err)
}

// Backlog implements topup.Ledger.
func (s *Store) Backlog(ctx context.Context) (topup.Backlog, error) {
	b := topup.Backlog{Sends: map[topup.ProviderName]int64{}, Checks: map[topup.ProviderName]int64{}}
	pipe := s.rdb.Pipeline()
	var adds []func()
	count := func(key string, add func(int64)) {
		cmd := pipe.ZCard(ctx, key)
		adds = append(adds, func() { add(cmd.Val()) })
	}
	for shard := range shards {
		for _, p := range topup.Providers {
			count(sendIndex(shard, p), func(n int64) { b.Sends[p] += n })
			count(checkIndex(shard, p), func(n int64) { b.Checks[p] += n })
		}
		count(outboxKey(shard), func(n int64) { b.Callbacks += n })
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return b, unavailable(err)
	}
	for _, add := range adds {
		add()
	}
	return b, nil
}
