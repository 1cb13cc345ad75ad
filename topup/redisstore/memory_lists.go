package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// oldBatchesKey is a set of the batches of which top-ups were forgotten.
const oldBatchesKey = "tq:oldbatches"

func (s *Store) noteOldBatches(ctx context.Context, batches map[topup.BatchID]bool) error {
	if len(batches) == 0 {
		return nil
	}
	names := make([]any, 0, len(batches))
	for b := range batches {
		names = append(names, string(b))
	}
	return unavailable(s.rdb.SAdd(ctx, oldBatchesKey, names...).Err())
}

// ForgetLists implements topup.Days: the merchants' lists of the day, the lists of old batches, and with the last day of
// a month those of its numbers.
func (s *Store) ForgetLists(ctx context.Context, day time.Time) error {
	merchants, err := s.merchantIDs(ctx)
	if err != nil {
		return err
	}
	for _, m := range merchants {
		for shard := range shards {
			if _, err := s.shorten(ctx, dayList(shard, m, day)); err != nil {
				return err
			}
		}
	}
	if err := s.forgetBatchLists(ctx); err != nil {
		return err
	}
	if next := day.UTC().AddDate(0, 0, 1); next.Day() != 1 {
		return nil
	}
	for shard := range shards {
		for bucket := range numberBuckets {
			if _, err := s.shorten(ctx, numberBucket(shard, day, uint64(bucket))); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetBatchLists shortens the lists of closed batches of which top-ups were forgotten.
func (s *Store) forgetBatchLists(ctx context.Context) error {
	names, err := s.rdb.SMembers(ctx, oldBatchesKey).Result()
	if err != nil {
		return unavailable(err)
	}
	for _, name := range names {
		b, err := s.GetBatch(ctx, topup.BatchID(name))
		if err != nil && !errors.Is(err, topup.ErrNotFound) {
			return err
		}
		if err == nil && b.ClosedAt.IsZero() {
			continue // its rows are still being read or sent
		}
		left := 0
		for shard := range shards {
			n, err := s.shorten(ctx, batchList(shard, topup.BatchID(name)))
			if err != nil {
				return err
			}
			left += n
		}
		if left > 0 {
			continue
		}
		if err := s.rdb.SRem(ctx, oldBatchesKey, name).Err(); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// shortenScript puts the entries that are left in the place of a list that nothing is added to any more. KEYS: 1 list.
// ARGV: 1 its length as it was read, then the entries.
var shortenScript = newScript(`
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
return 1
`)

// listedID is the length of an ID at the beginning of an entry of a list.
const listedID = 20

// shorten takes the entries of forgotten top-ups out of a list and returns how many are left. A list with as many
// entries as before is left as it is, and so is one of which very much is left: reading it costs little.
func (s *Store) shorten(ctx context.Context, key string) (int, error) {
	var left []any
	total := 0
	for at := int64(0); ; at += dayRows {
		names, err := s.rdb.LRange(ctx, key, at, at+dayRows-1).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, unavailable(err)
		}
		ids := make([]topup.ID, len(names))
		for i, n := range names {
			ids[i] = topup.ID(n[:min(len(n), listedID)])
		}
		there, err := s.exist(ctx, ids)
		if err != nil {
			return 0, err
		}
		for i, name := range names {
			if there[i] {
				left = append(left, name)
			}
		}
		total += len(names)
		if len(names) < dayRows {
			break
		}
	}
	if len(left) == total || len(left) > maxLeft {
		return len(left), nil
	}
	if _, err := s.eval(ctx, shortenScript, []string{key}, append([]any{total}, left...)...); err != nil {
		return len(left), fmt.Errorf("shorten list: %w", err)
	}
	return len(left), nil
}

// maxLeft bounds what one script writes anew.
const maxLeft = 2000
