package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

const (
	// providerCallbacksKey is a stream of the last call-backs of providers, for people who look into a case.
	providerCallbacksKey  = "tq:provider-callbacks"
	providerCallbacksKept = 10_000
)

// NoteProviderCallback records what came of a provider's call-back, beside the last ten thousand others.
func (s *Store) NoteProviderCallback(ctx context.Context, n topup.ProviderCallback) error {
	return unavailable(s.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: providerCallbacksKey, MaxLen: providerCallbacksKept, Approx: true,
		Values: []any{"at", n.At.UTC().Format(time.RFC3339Nano), "provider", n.Provider, "result", n.Result, "topup", string(n.Topup), "detail", n.Detail},
	}).Err())
}

// ProviderCallbacks returns up to limit of the call-backs that were noted, the newest first.
func (s *Store) ProviderCallbacks(ctx context.Context, limit int64) ([]topup.ProviderCallback, error) {
	messages, err := s.rdb.XRevRangeN(ctx, providerCallbacksKey, "+", "-", limit).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]topup.ProviderCallback, len(messages))
	for i, m := range messages {
		text := func(name string) string { s, _ := m.Values[name].(string); return s }
		at, _ := time.Parse(time.RFC3339Nano, text("at")) // written above; else it stays unknown
		out[i] = topup.ProviderCallback{
			At: at, Provider: text("provider"), Result: text("result"), Topup: topup.ID(text("topup")), Detail: text("detail"),
		}
	}
	return out, nil
}

// FirstSeen reports whether nobody has asked about what within ttl, and remembers it.
func (s *Store) FirstSeen(ctx context.Context, what string, ttl time.Duration) (bool, error) {
	sum := sha256.Sum256([]byte(what))
	ok, err := s.rdb.SetNX(ctx, "tq:seen:"+hex.EncodeToString(sum[:12]), 1, ttl).Result()
	return ok, unavailable(err)
}
