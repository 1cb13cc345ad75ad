package redisstore

import (
	"context"
	"strconv"

	"topupq/topup"
)

// settledKey is a hash of counts: "s" and "o" with the number of a step, and "n" for all of them.
func settledKey(key string) string { return "tq:settled:" + key }

// settledMost is the number of observations above which all counts are halved, so that old times are forgotten.
const settledMost = 20000

// settledScript adds counts. KEYS: 1 hash. ARGV: 1 the most, 2 how many are added, then field and count in turn.
var settledScript = newScript(`
for i = 3, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('HINCRBY', KEYS[1], 'n', ARGV[2]) > tonumber(ARGV[1]) then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do redis.call('HSET', KEYS[1], all[i], math.floor(tonumber(all[i + 1]) / 2)) end
end
return 1
`)

// AddSettled implements topup.Controls.
func (s *Store) AddSettled(ctx context.Context, key string, add topup.SettleTimes) error {
	args := []any{settledMost, 0}
	var n int64
	for prefix, counts := range map[string]*[topup.SettleBuckets]int64{"s": &add.Settled, "o": &add.Open} {
		for step, c := range counts {
			if c != 0 {
				args = append(args, prefix+strconv.Itoa(step), c)
				n += c
			}
		}
	}
	if n == 0 {
		return nil
	}
	args[1] = n
	_, err := s.eval(ctx, settledScript, []string{settledKey(key)}, args...)
	return err
}

// Settled implements topup.Controls.
func (s *Store) Settled(ctx context.Context, key string) (topup.SettleTimes, error) {
	var out topup.SettleTimes
	fields, err := s.rdb.HGetAll(ctx, settledKey(key)).Result()
	if err != nil {
		return out, unavailable(err)
	}
	for name, text := range fields {
		n, err := strconv.ParseInt(text, 10, 64)
		step, bad := strconv.Atoi(name[1:])
		if err != nil || bad != nil || step < 0 || step >= topup.SettleBuckets {
			continue // "n", or a step of a newer version
		}
		if name[0] == 's' {
			out.Settled[step] = n
		} else {
			out.Open[step] = n
		}
	}
	return out, nil
}
