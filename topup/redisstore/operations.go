package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

var _ topup.Operations = (*Store)(nil)

// standIndex is a sorted set of the IDs that stand in a state at a provider, by their creation.
func standIndex(shard int, st topup.State, p topup.ProviderName) string {
	return prefix(shard) + "in:" + strconv.Itoa(int(st)) + ":" + string(p)
}

// standSums is a hash of what stands open: state, provider and currency to micros.
func standSums(shard int) string { return prefix(shard) + "sums" }

func sumField(t *topup.Topup) string {
	return strconv.Itoa(int(t.State)) + ":" + string(t.Provider) + ":" + t.Amount.Currency
}

// Standing implements topup.Operations. A cursor is a shard and a position in it.
func (s *Store) Standing(ctx context.Context, st topup.State, p topup.ProviderName, cursor string, limit int) ([]topup.ID, string, error) {
	shard, offset, err := parseStandCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	var ids []topup.ID
	for ; shard < shards; shard, offset = shard+1, 0 {
		names, err := s.rdb.ZRange(ctx, standIndex(shard, st, p), offset, offset+int64(limit-len(ids))-1).Result()
		if err != nil {
			return nil, "", unavailable(err)
		}
		for _, n := range names {
			ids = append(ids, topup.ID(n))
		}
		if len(ids) >= limit {
			return ids, fmt.Sprintf("%d.%d", shard, offset+int64(len(names))), nil
		}
	}
	return ids, "", nil
}

func parseStandCursor(c string) (shard int, offset int64, err error) {
	if c == "" {
		return 0, 0, nil
	}
	a, b, _ := strings.Cut(c, ".")
	shard, err1 := strconv.Atoi(a)
	offset, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil || shard < 0 || shard >= shards || offset < 0 {
		return 0, 0, topup.ErrCursor
	}
	return shard, offset, nil
}

// Stocks implements topup.Operations.
func (s *Store) Stocks(ctx context.Context, now time.Time, ages []time.Duration) ([]topup.Stock, error) {
	var out []topup.Stock
	sums, err := s.standSums(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range topup.StandingStates {
		for _, p := range topup.Providers {
			stock, err := s.stock(ctx, st, p, now, ages)
			if err != nil {
				return nil, err
			}
			if stock.Count > 0 {
				stock.Sums = sums[strconv.Itoa(int(st))+":"+string(p)]
				out = append(out, stock)
			}
		}
	}
	return out, nil
}

// stock counts one state and provider over all shards.
func (s *Store) stock(ctx context.Context, st topup.State, p topup.ProviderName, now time.Time, ages []time.Duration) (topup.Stock, error) {
	out := topup.Stock{State: st, Provider: p, Older: make([]int64, len(ages))}
	pipe := s.rdb.Pipeline()
	var read []func()
	for shard := range shards {
		key := standIndex(shard, st, p)
		count, first := pipe.ZCard(ctx, key), pipe.ZRangeWithScores(ctx, key, 0, 0)
		read = append(read, func() {
			out.Count += count.Val()
			if len(first.Val()) > 0 {
				out.Oldest = earliest(out.Oldest, time.UnixMilli(int64(first.Val()[0].Score)).UTC())
			}
		})
		for i, age := range ages {
			older := pipe.ZCount(ctx, key, "-inf", formatMillis(now.Add(-age)))
			read = append(read, func() { out.Older[i] += older.Val() })
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return out, unavailable(err)
	}
	for _, r := range read {
		r()
	}
	return out, nil
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// standSums reads the sums of all shards, by state and provider ("3:aat").
func (s *Store) standSums(ctx context.Context) (map[string][]topup.Money, error) {
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, shards)
	for shard := range shards {
		cmds[shard] = pipe.HGetAll(ctx, standSums(shard))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	micros := map[string]int64{}
	for _, c := range cmds {
		for field, text := range c.Val() {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: sum %s", errCorrupt, field)
			}
			micros[field] += n
		}
	}
	out := map[string][]topup.Money{}
	for _, field := range slices.Sorted(maps.Keys(micros)) {
		at := strings.LastIndexByte(field, ':')
		if at > 0 && micros[field] != 0 {
			out[field[:at]] = append(out[field[:at]], topup.FromMicros(micros[field], field[at+1:]))
		}
	}
	return out, nil
}

// Leader implements topup.Operations.
func (s *Store) Leader(ctx context.Context) (string, error) {
	holder, err := s.rdb.Get(ctx, leaderKey).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return holder, unavailable(err)
}
