package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// wakeAhead is how far ahead top-ups are woken when a pause ends: as long as a pause puts them off at most.
const wakeAhead = topup.PauseLookMost + time.Minute

// wakeTimedScript makes due what waits in a send index for a time not far ahead.
//
// KEYS: 1 send index. ARGV: 1 now, 2 the latest time, 3 limit. It returns how many it has woken.
var wakeTimedScript = newScript(`
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], ARGV[1], id) end
return #ids
`)

// wakeTimed makes due what waits to be sent at some providers because of a pause, and with it what waits for something
// else: that is found out again, and put off again.
func (s *Store) wakeTimed(ctx context.Context, providers []topup.ProviderName, now time.Time) error {
	for _, p := range providers {
		for shard := range shards {
			for {
				res, err := s.eval(ctx, wakeTimedScript, []string{sendIndex(shard, p)}, millis(now), millis(now.Add(wakeAhead)), wakeChunk)
				if err != nil {
					return err
				}
				n, err := res.Int()
				if err != nil && !errors.Is(err, redis.Nil) {
					return unavailable(err)
				}
				if n < wakeChunk {
					break
				}
			}
		}
	}
	return nil
}
