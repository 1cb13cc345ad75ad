package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// spendScript takes one call of a day's budget. KEYS: 1 count. ARGV: 1 budget, 2 time to live in milliseconds. It
// returns 0 when the budget is used up; then nothing is counted.
var spendScript = newScript(`
local n = tonumber(redis.call('GET', KEYS[1]) or '0')
if n >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], n + 1, 'PX', ARGV[2])
return 1
`)

// budgetKept is how long a day's count of status calls can be read.
const budgetKept = 40 * 24 * time.Hour

// SpendCall implements topup.Controls.
func (s *Store) SpendCall(ctx context.Context, p topup.ProviderName, day string, budget int64) (bool, error) {
	if budget <= 0 {
		return true, nil
	}
	res, err := s.eval(ctx, spendScript, []string{budgetKey(p, day)}, budget, budgetKept.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := res.Int()
	return n == 1, unavailable(err)
}

// SpentCalls implements topup.Controls.
func (s *Store) SpentCalls(ctx context.Context, p topup.ProviderName, day string) (int64, error) {
	n, err := s.rdb.Get(ctx, budgetKey(p, day)).Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return n, unavailable(err)
}
