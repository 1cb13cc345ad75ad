package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// openRedeliveriesKey is a set of the orders that are not done.
const openRedeliveriesKey = "tq:redeliveries"

func redeliveryKey(id string) string { return "tq:redelivery:" + id }

// redeliveryKept is how long an order can be looked up after it was carried out.
const redeliveryKept = 7 * 24 * time.Hour

// PutRedelivery implements topup.Redeliveries. The order itself is written first: the set names none that is not there.
func (s *Store) PutRedelivery(ctx context.Context, r *topup.Redelivery) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode redelivery: %w", err)
	}
	ttl := time.Duration(0)
	if !r.DoneAt.IsZero() {
		ttl = redeliveryKept
	}
	if err := s.rdb.Set(ctx, redeliveryKey(r.ID), value, ttl).Err(); err != nil {
		return unavailable(err)
	}
	if r.DoneAt.IsZero() {
		return unavailable(s.rdb.SAdd(ctx, openRedeliveriesKey, r.ID).Err())
	}
	return unavailable(s.rdb.SRem(ctx, openRedeliveriesKey, r.ID).Err())
}

// GetRedelivery implements topup.Redeliveries.
func (s *Store) GetRedelivery(ctx context.Context, id string) (*topup.Redelivery, error) {
	value, err := s.rdb.Get(ctx, redeliveryKey(id)).Result()
	if err != nil {
		return nil, notFound(err)
	}
	r := &topup.Redelivery{}
	if err := json.Unmarshal([]byte(value), r); err != nil {
		return nil, fmt.Errorf("%w: redelivery %s", errCorrupt, id)
	}
	return r, nil
}

// OpenRedeliveries implements topup.Redeliveries.
func (s *Store) OpenRedeliveries(ctx context.Context) ([]*topup.Redelivery, error) {
	ids, err := s.rdb.SMembers(ctx, openRedeliveriesKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	var out []*topup.Redelivery
	for _, id := range ids {
		r, err := s.GetRedelivery(ctx, id)
		switch {
		case errors.Is(err, topup.ErrNotFound):
			continue
		case err != nil:
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}
