package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// Exchanges are kept beside the records for people to look at: nothing depends on them. A hash holds those of one day,
// shard and first character of the ID, so that each is small when it expires. Full ones take no further top-up.
const (
	exchangesKept  = 72 * time.Hour
	exchangesBytes = 1200
	exchangesHeld  = 100
)

func exchangesKey(id topup.ID, day time.Time) string {
	return prefix(shardOf(string(id))) + "x:" + day.UTC().Format("20060102") + ":" + string(id[:1])
}

// exchangesScript appends lines to a top-up's, dropping the oldest ones above the bound. KEYS: 1 hash. ARGV: 1 ID,
// 2 lines, 3 most bytes, 4 most top-ups, 5 seconds to keep.
var exchangesScript = newScript(`
local old = redis.call('HGET', KEYS[1], ARGV[1])
if not old and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
local lines = (old or '') .. ARGV[2]
while #lines > tonumber(ARGV[3]) do
  local cut = string.find(lines, '\n', 1, true)
  if not cut or cut == #lines then break end
  lines = string.sub(lines, cut + 1)
end
redis.call('HSET', KEYS[1], ARGV[1], lines)
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
return 1
`)

// KeepExchanges keeps exchanges for people to look at, bounded in number, size and time. What does not fit is dropped.
func (s *Store) KeepExchanges(ctx context.Context, all map[topup.ID][]topup.Exchange) error {
	var errs []error
	for id, xs := range all {
		if !id.Valid() || len(xs) == 0 {
			continue
		}
		var lines strings.Builder
		for _, x := range xs {
			line, err := json.Marshal(x)
			if err != nil {
				return fmt.Errorf("encode exchange: %w", err)
			}
			lines.Write(line)
			lines.WriteByte('\n')
		}
		_, err := s.eval(ctx, exchangesScript, []string{exchangesKey(id, xs[0].At)}, string(id), lines.String(), exchangesBytes, exchangesHeld, int(exchangesKept.Seconds()))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Exchanges returns what is still kept of a top-up's exchanges, oldest first. now bounds the days that are looked at.
func (s *Store) Exchanges(ctx context.Context, id topup.ID, now time.Time) ([]topup.Exchange, error) {
	if !id.Valid() {
		return nil, topup.ErrNotFound
	}
	var out []topup.Exchange
	for back := exchangesKept; back >= 0; back -= 24 * time.Hour {
		text, err := s.rdb.HGet(ctx, exchangesKey(id, now.Add(-back)), string(id)).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		for line := range strings.Lines(text) {
			var x topup.Exchange
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				return nil, fmt.Errorf("%w: exchanges of %s", errCorrupt, id)
			}
			out = append(out, x)
		}
	}
	return out, nil
}
