package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

var _ topup.Usage = (*Store)(nil)

// creditKey is a hash of one shard's share of what a merchant has used of its credit, by currency in micros; dayUseKey
// one of what it was accepted on a day: "n" rows, and a sum for each currency.
func creditKey(shard int, m topup.MerchantID) string { return prefix(shard) + "cr:" + string(m) }

func dayUseKey(shard int, m topup.MerchantID, day time.Time) string {
	return prefix(shard) + "du:" + string(m) + ":" + day.UTC().Format("20060102")
}

// dayUseKept is how long a day's share is kept.
const dayUseKept = 50 * time.Hour

// reserveKey is a hash of a merchant's reservations: "seq" the last number, and each number's end and amounts.
func reserveKey(m topup.MerchantID) string { return "tq{r:" + string(m) + "}res" }

// numberUseKey is a hash of the top-ups of one recipient on a day: ID to "currency:micros".
func numberUseKey(m topup.MerchantID, day time.Time, number topup.MSISDN) string {
	return "tq{r:" + string(m) + "}n:" + day.UTC().Format("20060102") + ":" + number.Digits()
}

// Used implements topup.Usage.
func (s *Store) Used(ctx context.Context, m topup.MerchantID, day time.Time) (topup.Use, error) {
	u := topup.Use{Amounts: topup.Sums{}, Credit: topup.Sums{}}
	pipe := s.rdb.Pipeline()
	var credit, days []*redis.MapStringStringCmd
	for shard := range shards {
		credit = append(credit, pipe.HGetAll(ctx, creditKey(shard, m)))
		days = append(days, pipe.HGetAll(ctx, dayUseKey(shard, m, day)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return u, unavailable(err)
	}
	for shard := range shards {
		for currency, text := range credit[shard].Val() {
			if err := addText(u.Credit, currency, text); err != nil {
				return u, err
			}
		}
		for field, text := range days[shard].Val() {
			if field != "n" {
				if err := addText(u.Amounts, field, text); err != nil {
					return u, err
				}
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return u, fmt.Errorf("%w: use of %s", errCorrupt, m)
			}
			u.Topups += n
		}
	}
	return u, nil
}

func addText(sums topup.Sums, currency, micros string) error {
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: sum of %s", errCorrupt, currency)
	}
	sums.Add(currency, topup.FromMicros(n, currency).Amount)
	return nil
}

// reserveScript keeps a reservation. KEYS: 1 reservations. ARGV: 1 value, 2 time to live in milliseconds. It returns
// its number.
var reserveScript = newScript(`
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSET', KEYS[1], string.format('%.0f', seq), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), 86400000))
return seq
`)

// Reserve implements topup.Usage. A value is "end|rows|ZAR:micros|USD:micros".
func (s *Store) Reserve(ctx context.Context, m topup.MerchantID, u topup.Use, ttl time.Duration, now time.Time) (int64, error) {
	parts := []string{formatMillis(now.Add(ttl)), strconv.FormatInt(u.Topups, 10)}
	for currency, sum := range u.Amounts {
		parts = append(parts, currency+":"+strconv.FormatInt(topup.Money{Amount: sum, Currency: currency}.Micros(), 10))
	}
	res, err := s.eval(ctx, reserveScript, []string{reserveKey(m)}, strings.Join(parts, "|"), ttl.Milliseconds())
	if err != nil {
		return 0, err
	}
	n, err := res.Int64()
	return n, unavailable(err)
}

// Earlier implements topup.Usage.
func (s *Store) Earlier(ctx context.Context, m topup.MerchantID, number int64, now time.Time) (topup.Use, error) {
	u := topup.Use{Amounts: topup.Sums{}}
	all, err := s.rdb.HGetAll(ctx, reserveKey(m)).Result()
	if err != nil {
		return u, unavailable(err)
	}
	var ended []string
	for name, value := range all {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil || n >= number {
			continue // the count itself, or a later one
		}
		parts := strings.Split(value, "|")
		if end, err := strconv.ParseInt(parts[0], 10, 64); err != nil || end <= millis(now) || len(parts) < 2 {
			ended = append(ended, name)
			continue
		}
		rows, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return u, fmt.Errorf("%w: reservation of %s", errCorrupt, m)
		}
		u.Topups += rows
		for _, sum := range parts[2:] {
			currency, micros, _ := strings.Cut(sum, ":")
			if err := addText(u.Amounts, currency, micros); err != nil {
				return u, err
			}
		}
	}
	if len(ended) > 0 {
		err = unavailable(s.rdb.HDel(ctx, reserveKey(m), ended...).Err())
	}
	return u, err
}

// EndReserve implements topup.Usage.
func (s *Store) EndReserve(ctx context.Context, m topup.MerchantID, number int64) error {
	return unavailable(s.rdb.HDel(ctx, reserveKey(m), strconv.FormatInt(number, 10)).Err())
}

// numbersScript counts a merchant's top-ups against the limits of their recipients.
//
// KEYS: one per row. ARGV: 1 rows a recipient may have or "0", 2 time to live in milliseconds, then four per row: ID,
// currency, micros, micros a recipient may have of the currency or "". It returns 1 for each row that is counted.
var numbersScript = newScript(`
local out, most = {}, tonumber(ARGV[1])
for i = 1, #KEYS do
  local a = 2 + (i - 1) * 4
  local id, currency, micros, limit = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 3]), ARGV[a + 4]
  out[i] = 1
  if redis.call('HEXISTS', KEYS[i], id) == 0 then
    local rows, sum = 0, 0
    for _, v in ipairs(redis.call('HVALS', KEYS[i])) do
      rows = rows + 1
      local c, n = string.match(v, '^(%a+):(%d+)$')
      if c == currency then sum = sum + tonumber(n) end
    end
    if (most > 0 and rows >= most) or (limit ~= '' and sum + micros > tonumber(limit)) then
      out[i] = 0
    else
      redis.call('HSET', KEYS[i], id, currency .. ':' .. ARGV[a + 3])
      redis.call('PEXPIRE', KEYS[i], ARGV[2])
    end
  end
end
return out
`)

// TakeNumbers implements topup.Usage.
func (s *Store) TakeNumbers(ctx context.Context, m topup.MerchantID, day time.Time, ts []*topup.Topup, l topup.Limits) ([]bool, error) {
	out := make([]bool, len(ts))
	for start := 0; start < len(ts); start += maxCreateRows {
		part := ts[start:min(start+maxCreateRows, len(ts))]
		keys := make([]string, len(part))
		args := []any{l.NumberTopupsPerDay, dayUseKept.Milliseconds()}
		for i, t := range part {
			keys[i] = numberUseKey(m, day, t.Recipient)
			limit := ""
			if most, ok := l.NumberAmountPerDay[t.Amount.Currency]; ok {
				limit = strconv.FormatInt(topup.Money{Amount: most, Currency: t.Amount.Currency}.Micros(), 10)
			}
			args = append(args, string(t.ID), t.Amount.Currency, t.Amount.Micros(), limit)
		}
		res, err := s.eval(ctx, numbersScript, keys, args...)
		if err != nil {
			return nil, err
		}
		taken, err := res.Int64Slice()
		if err != nil || len(taken) != len(part) {
			return nil, unavailable(fmt.Errorf("count numbers: unexpected answer: %w", err))
		}
		for i, n := range taken {
			out[start+i] = n == 1
		}
	}
	return out, nil
}

// NumbersUsed implements topup.Usage.
func (s *Store) NumbersUsed(ctx context.Context, m topup.MerchantID, day time.Time, numbers []topup.MSISDN) ([]topup.Use, error) {
	out := make([]topup.Use, len(numbers))
	if len(numbers) == 0 {
		return out, nil
	}
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.StringSliceCmd, len(numbers))
	for i, number := range numbers {
		cmds[i] = pipe.HVals(ctx, numberUseKey(m, day, number))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	for i, cmd := range cmds {
		out[i].Amounts = topup.Sums{}
		for _, value := range cmd.Val() {
			currency, micros, _ := strings.Cut(value, ":")
			if err := addText(out[i].Amounts, currency, micros); err != nil {
				return nil, err
			}
			out[i].Topups++
		}
	}
	return out, nil
}
