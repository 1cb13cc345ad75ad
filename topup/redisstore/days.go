package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

var _ topup.Days = (*Store)(nil)

// dayRows is how many top-ups of a day are in memory at a time.
const dayRows = 256

// lateList is a list of the IDs of a merchant's top-ups that have moved on a day long after they were made.
func lateList(shard int, m topup.MerchantID, day time.Time) string {
	return prefix(shard) + "late:" + string(m) + ":" + day.UTC().Format("20060102")
}

// lateKept is how long a list of late ones can be read.
const lateKept = 400 * 24 * time.Hour

// noteLate lists a top-up that is about to make a late move. It is done before the move, so that no move is missing: one
// that is listed and then does not move is noticed by whoever reads.
func (s *Store) noteLate(ctx context.Context, from, to *topup.Topup) error {
	if len(to.History) == len(from.History) || to.UpdatedAt.Sub(to.CreatedAt) < topup.LateAfter {
		return nil
	}
	key := lateList(shardOf(string(to.ID)), to.Merchant, to.UpdatedAt)
	pipe := s.rdb.Pipeline()
	pipe.RPush(ctx, key, string(to.ID))
	pipe.Expire(ctx, key, lateKept)
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// EachCreated implements topup.Days.
func (s *Store) EachCreated(ctx context.Context, m topup.MerchantID, from, to time.Time, do func(*topup.Topup) error) error {
	return s.eachListed(ctx, m, from, to, dayList, func(t *topup.Topup) error {
		if t.CreatedAt.Before(from) || !t.CreatedAt.Before(to) {
			return nil
		}
		return do(t)
	})
}

// EachLate implements topup.Days.
func (s *Store) EachLate(ctx context.Context, m topup.MerchantID, from, to time.Time, do func(*topup.Topup) error) error {
	return s.eachListed(ctx, m, from, to, lateList, do)
}

// eachListed calls do for every top-up in the lists of the UTC days that [from, to) touches.
func (s *Store) eachListed(ctx context.Context, m topup.MerchantID, from, to time.Time, list func(int, topup.MerchantID, time.Time) string, do func(*topup.Topup) error) error {
	merchants := []topup.MerchantID{m}
	if m == "" {
		all, err := s.merchantIDs(ctx)
		if err != nil {
			return err
		}
		merchants = all
	}
	for day := from.UTC().Truncate(24 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
		for _, m := range merchants {
			for shard := range shards {
				if err := s.eachInList(ctx, list(shard, m, day), do); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Store) merchantIDs(ctx context.Context) ([]topup.MerchantID, error) {
	names, err := s.rdb.SMembers(ctx, merchantsKey).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(names)
	out := make([]topup.MerchantID, len(names))
	for i, n := range names {
		out[i] = topup.MerchantID(n)
	}
	return out, nil
}

func (s *Store) eachInList(ctx context.Context, key string, do func(*topup.Topup) error) error {
	for at := int64(0); ; at += dayRows {
		names, err := s.rdb.LRange(ctx, key, at, at+dayRows-1).Result()
		if err != nil {
			return unavailable(err)
		}
		ids := make([]topup.ID, len(names))
		for i, n := range names {
			ids[i] = topup.ID(n)
		}
		ts, err := s.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		for _, t := range ts {
			if t == nil {
				continue
			}
			if err := do(t); err != nil {
				return err
			}
		}
		if len(names) < dayRows {
			return nil
		}
	}
}

// dayKey is a hash of documents about a provider's day.
func dayKey(p topup.ProviderName, date string) string { return "tq:day:" + string(p) + ":" + date }

// PutDay implements topup.Days.
func (s *Store) PutDay(ctx context.Context, p topup.ProviderName, date, name string, doc json.RawMessage) error {
	return unavailable(s.rdb.HSet(ctx, dayKey(p, date), name, []byte(doc)).Err())
}

// GetDay implements topup.Days.
func (s *Store) GetDay(ctx context.Context, p topup.ProviderName, date, name string) (json.RawMessage, error) {
	text, err := s.rdb.HGet(ctx, dayKey(p, date), name).Result()
	if err != nil {
		return nil, notFound(err)
	}
	return json.RawMessage(text), nil
}

// balanceKey is a sorted set of "milliseconds amount currency" by time.
func balanceKey(p topup.ProviderName) string { return "tq:balance:" + string(p) }

// balanceKept is how long balances can be read.
const balanceKept = 100 * 24 * time.Hour

// AddBalance implements topup.Days.
func (s *Store) AddBalance(ctx context.Context, p topup.ProviderName, at time.Time, m topup.Money) error {
	pipe := s.rdb.Pipeline()
	member := fmt.Sprintf("%d %s %s", millis(at), m.Amount, m.Currency)
	pipe.ZAdd(ctx, balanceKey(p), redis.Z{Score: float64(millis(at)), Member: member})
	pipe.ZRemRangeByScore(ctx, balanceKey(p), "-inf", formatMillis(at.Add(-balanceKept)))
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// Balances implements topup.Days.
func (s *Store) Balances(ctx context.Context, p topup.ProviderName, from, to time.Time) ([]topup.BalanceAt, error) {
	lines, err := s.rdb.ZRangeByScore(ctx, balanceKey(p), &redis.ZRangeBy{Min: formatMillis(from), Max: formatMillis(to)}).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]topup.BalanceAt, 0, len(lines))
	for _, l := range lines {
		b, err := parseBalance(l)
		if err != nil {
			return nil, fmt.Errorf("%w: balance of %s", errCorrupt, p)
		}
		out = append(out, b)
	}
	return out, nil
}

func parseBalance(line string) (topup.BalanceAt, error) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return topup.BalanceAt{}, errors.New("three words are expected")
	}
	ms, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return topup.BalanceAt{}, err
	}
	amount, err := decimal.NewFromString(f[1])
	if err != nil {
		return topup.BalanceAt{}, err
	}
	return topup.BalanceAt{At: time.UnixMilli(ms).UTC(), Amount: topup.Money{Amount: amount, Currency: f[2]}}, nil
}

// alarmsKey is the JSON of the alarms in force.
const alarmsKey = "tq:alarms"

// PutAlarms implements topup.Days.
func (s *Store) PutAlarms(ctx context.Context, alarms []topup.Alarm) error {
	text, err := json.Marshal(alarms)
	if err != nil {
		return fmt.Errorf("encode alarms: %w", err)
	}
	return unavailable(s.rdb.Set(ctx, alarmsKey, text, 0).Err())
}

// Alarms implements topup.Days.
func (s *Store) Alarms(ctx context.Context) ([]topup.Alarm, error) {
	text, err := s.rdb.Get(ctx, alarmsKey).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var out []topup.Alarm
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%w: alarms", errCorrupt)
	}
	return out, nil
}

// hourKey is a hash of an hour's figures: "s", "f", "r", and "c:" with a currency.
func hourKey(p topup.ProviderName, hour time.Time) string {
	return "tq:hour:" + string(p) + ":" + hour.UTC().Format("2006010215")
}

// hourKept is how long an hour's figures can be read.
const hourKept = 10 * 24 * time.Hour

// AddHour implements topup.Days.
func (s *Store) AddHour(ctx context.Context, p topup.ProviderName, hour time.Time, add topup.HourFigures) error {
	pipe := s.rdb.Pipeline()
	key := hourKey(p, hour)
	counts := map[string]int64{"s": add.Succeeded, "f": add.Failed, "r": add.Reversed}
	for currency, micros := range add.Spent {
		counts["c:"+currency] = micros
	}
	for field, n := range counts {
		if n != 0 {
			pipe.HIncrBy(ctx, key, field, n)
		}
	}
	pipe.Expire(ctx, key, hourKept)
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// Hours implements topup.Days.
func (s *Store) Hours(ctx context.Context, p topup.ProviderName, from, to time.Time) ([]topup.HourFigures, error) {
	var out []topup.HourFigures
	var cmds []*redis.MapStringStringCmd
	pipe := s.rdb.Pipeline()
	for at := from.UTC().Truncate(time.Hour); at.Before(to); at = at.Add(time.Hour) {
		out = append(out, topup.HourFigures{Hour: at, Spent: map[string]int64{}})
		cmds = append(cmds, pipe.HGetAll(ctx, hourKey(p, at)))
	}
	if len(cmds) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	for i, c := range cmds {
		for field, text := range c.Val() {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: figures of %s", errCorrupt, p)
			}
			setFigure(&out[i], field, n)
		}
	}
	return out, nil
}

func setFigure(h *topup.HourFigures, field string, n int64) {
	switch currency, spent := strings.CutPrefix(field, "c:"); {
	case spent:
		h.Spent[currency] = n
	case field == "s":
		h.Succeeded = n
	case field == "f":
		h.Failed = n
	case field == "r":
		h.Reversed = n
	}
}
