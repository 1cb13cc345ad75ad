package redisstore

import (
	"context"

	"topupq/topup"
)

// outcomesKey is a hash of an operator's definite outcomes: "n" all, "f" failures.
func outcomesKey(key string) string { return "tq:outcomes:" + key }

// outcomesMost is the count above which both are halved, so that old ones are forgotten.
const outcomesMost = 20_000

// outcomesScript adds counts. KEYS: 1 hash. ARGV: 1 all, 2 failures, 3 the most.
var outcomesScript = newScript(`
local n = redis.call('HINCRBY', KEYS[1], 'n', ARGV[1])
local f = redis.call('HINCRBY', KEYS[1], 'f', ARGV[2])
if n > tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'n', math.floor(n / 2), 'f', math.floor(f / 2)) end
return n
`)

// AddOutcomes implements topup.Outcomes.
func (s *Store) AddOutcomes(ctx context.Context, key string, f topup.Failures) error {
	_, err := s.eval(ctx, outcomesScript, []string{outcomesKey(key)}, f.All, f.Failed, outcomesMost)
	return err
}

// UsualOutcomes implements topup.Outcomes.
func (s *Store) UsualOutcomes(ctx context.Context, key string) (topup.Failures, error) {
	var f struct {
		All    int64 `redis:"n"`
		Failed int64 `redis:"f"`
	}
	if err := s.rdb.HMGet(ctx, outcomesKey(key), "n", "f").Scan(&f); err != nil {
		return topup.Failures{}, unavailable(err)
	}
	return topup.Failures{All: f.All, Failed: f.Failed}, nil
}
