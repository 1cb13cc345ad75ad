package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"topupq/topup"
)

// PutMerchant implements topup.Merchants.
func (s *Store) PutMerchant(ctx context.Context, m *topup.Merchant) error {
	before, err := s.GetMerchant(ctx, m.ID)
	if err != nil && !errors.Is(err, topup.ErrNotFound) {
		return err
	}
	var stay, gone []any
	hashes := map[string]bool{}
	for _, k := range m.Keys {
		hashes[k.Hash] = true
		stay = append(stay, k.Hash)
	}
	if before != nil {
		for _, k := range before.Keys {
			if !hashes[k.Hash] {
				gone = append(gone, k.Hash)
			}
		}
	}
	stored := *m
	stored.Rev = m.Rev + 1
	value, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("encode merchant: %w", err)
	}
	args := []any{strconv.FormatInt(m.Rev, 10), value, string(m.ID), apiKeyPrefix, len(gone)}
	args = append(append(args, gone...), stay...)
	res, err := s.eval(ctx, merchantScript, []string{merchantPrefix + string(m.ID), merchantsKey}, args...)
	if err != nil {
		return err
	}
	if n, err := res.Int(); err != nil || n == 0 {
		if err != nil {
			return unavailable(err)
		}
		return topup.ErrContention
	}
	m.Rev++
	return nil
}

// GetMerchant implements topup.Merchants.
func (s *Store) GetMerchant(ctx context.Context, id topup.MerchantID) (*topup.Merchant, error) {
	value, err := s.rdb.HGet(ctx, merchantPrefix+string(id), "v").Result()
	if err != nil {
		return nil, notFound(err)
	}
	m := &topup.Merchant{}
	if err := json.Unmarshal([]byte(value), m); err != nil {
		return nil, fmt.Errorf("%w: merchant %s", errCorrupt, id)
	}
	return m, nil
}

// MerchantByKey implements topup.Merchants.
func (s *Store) MerchantByKey(ctx context.Context, hash string) (*topup.Merchant, error) {
	id, err := s.rdb.Get(ctx, apiKeyPrefix+hash).Result()
	if err != nil {
		return nil, notFound(err)
	}
	return s.GetMerchant(ctx, topup.MerchantID(id))
}

// ListMerchants implements topup.Merchants, in order of name.
func (s *Store) ListMerchants(ctx context.Context) ([]*topup.Merchant, error) {
	ids, err := s.rdb.SMembers(ctx, merchantsKey).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]*topup.Merchant, 0, len(ids))
	for _, id := range ids {
		m, err := s.GetMerchant(ctx, topup.MerchantID(id))
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *topup.Merchant) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}
