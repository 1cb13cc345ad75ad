package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

const (
	// transactionKept is how long a provider's transaction number leads to its top-up: call-backs come and questions
	// are asked while it is young.
	transactionKept = 72 * time.Hour
	// transactionsPerKey numbers in a row share a hash, which Redis packs tightly.
	transactionsPerKey = 128
)

// transactionField is where a transaction number is kept. Providers whose numbers are not numbers tell our reference in
// their call-backs, and theirs are not kept.
func transactionField(p topup.ProviderName, transaction string) (key, field string, ok bool) {
	n, err := strconv.ParseUint(transaction, 10, 63)
	if err != nil || n == 0 {
		return "", "", false
	}
	key = "tq:tx:" + string(p) + ":" + strconv.FormatUint(n/transactionsPerKey, 36)
	return key, strconv.FormatUint(n%transactionsPerKey, 36), true
}

// noteTransaction keeps a transaction number that a write has learned, in the same pipeline as the write and without
// waiting for it: nothing depends on it but a call-back that tells no more than the number. Only Reloadly's do that.
func (s *Store) noteTransaction(ctx context.Context, from, to *topup.Topup) {
	if to.Provider != topup.Reloadly || to.ProviderTransactionID == from.ProviderTransactionID {
		return
	}
	key, field, ok := transactionField(to.Provider, to.ProviderTransactionID)
	if !ok {
		return
	}
	s.pipe.Post(ctx, func(p redis.Pipeliner) redis.Cmder {
		p.HSet(ctx, key, field, string(to.ID))
		return p.Expire(ctx, key, transactionKept)
	})
}

// TopupByTransaction implements topup.Answers.
func (s *Store) TopupByTransaction(ctx context.Context, p topup.ProviderName, transaction string) (topup.ID, error) {
	key, field, ok := transactionField(p, transaction)
	if !ok {
		return "", topup.ErrNotFound
	}
	id, err := s.rdb.HGet(ctx, key, field).Result()
	if err != nil {
		return "", notFound(err)
	}
	return topup.ID(id), nil
}
