package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

var _ topup.Answers = (*Store)(nil)

func lookupBatchKey(id string) string { return "tq:lookups:" + id }
func catalogueKey(key string) string  { return "tq:catalogue:" + key }
func refreshKey(key string) string    { return "tq:refresh:" + key }

const (
	// packedMark begins a value that is compressed; JSON never does.
	packedMark = 0x01
	// packFrom is the size from which a value is compressed: lists of operators are megabytes, and merchants may ask
	// for many.
	packFrom = 2 << 10
)

func encode(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil || len(plain) < packFrom {
		return plain, err
	}
	return append([]byte{packedMark}, s2.EncodeBetter(nil, plain)...), nil
}

func decode(value string, v any) error {
	plain := []byte(value)
	if len(plain) > 0 && plain[0] == packedMark {
		var err error
		if plain, err = s2.Decode(nil, plain[1:]); err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
	}
	return json.Unmarshal(plain, v)
}

// put keeps v under a key for ttl.
func (s *Store) put(ctx context.Context, key string, v any, ttl time.Duration) error {
	value, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return unavailable(s.rdb.Set(ctx, key, value, ttl).Err())
}

// get reads what put has kept.
func (s *Store) get(ctx context.Context, key string, v any) error {
	value, err := s.rdb.Get(ctx, key).Result()
	if err != nil {
		return notFound(err)
	}
	if err := decode(value, v); err != nil {
		return fmt.Errorf("%w: %s", errCorrupt, key)
	}
	return nil
}

// PutLookup implements topup.Lookups.
func (s *Store) PutLookup(ctx context.Context, l *topup.Lookup, ttl time.Duration) error {
	return s.put(ctx, lookupKey(l.ID), l, ttl)
}

// GetLookup implements topup.Lookups.
func (s *Store) GetLookup(ctx context.Context, id string) (*topup.Lookup, error) {
	l := &topup.Lookup{}
	if err := s.get(ctx, lookupKey(id), l); err != nil {
		return nil, err
	}
	return l, nil
}

// PutLookups implements topup.Answers.
func (s *Store) PutLookups(ctx context.Context, ls []*topup.Lookup, ttl time.Duration) error {
	pipe := s.rdb.Pipeline()
	for _, l := range ls {
		value, err := encode(l)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		pipe.Set(ctx, lookupKey(l.ID), value, ttl)
	}
	_, err := pipe.Exec(ctx)
	return unavailable(err)
}

// GetLookups implements topup.Answers.
func (s *Store) GetLookups(ctx context.Context, ids []string) ([]*topup.Lookup, error) {
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.Get(ctx, lookupKey(id))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	out := make([]*topup.Lookup, len(ids))
	for i, cmd := range cmds {
		value, err := cmd.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		out[i] = &topup.Lookup{}
		if err := decode(value, out[i]); err != nil {
			return nil, fmt.Errorf("%w: lookup %s", errCorrupt, ids[i])
		}
	}
	return out, nil
}

// PutLookupBatch implements topup.Answers.
func (s *Store) PutLookupBatch(ctx context.Context, b *topup.LookupBatch, ttl time.Duration) error {
	return s.put(ctx, lookupBatchKey(b.ID), b, ttl)
}

// GetLookupBatch implements topup.Answers.
func (s *Store) GetLookupBatch(ctx context.Context, id string) (*topup.LookupBatch, error) {
	b := &topup.LookupBatch{}
	if err := s.get(ctx, lookupBatchKey(id), b); err != nil {
		return nil, err
	}
	return b, nil
}

// PutCatalogue implements topup.Answers.
func (s *Store) PutCatalogue(ctx context.Context, key string, a *topup.CatalogueAnswer, ttl time.Duration) error {
	return s.put(ctx, catalogueKey(key), a, ttl)
}

// GetCatalogue implements topup.Answers.
func (s *Store) GetCatalogue(ctx context.Context, key string) (*topup.CatalogueAnswer, error) {
	a := &topup.CatalogueAnswer{}
	if err := s.get(ctx, catalogueKey(key), a); err != nil {
		return nil, err
	}
	return a, nil
}

// ClaimRefresh implements topup.Answers.
func (s *Store) ClaimRefresh(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	ok, err := s.rdb.SetNX(ctx, refreshKey(key), s.owner, ttl).Result()
	return ok, unavailable(err)
}
