package intake

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"topupq/topup"
)

// caller is who made a request. The merchant is shared between requests: read only.
type caller struct {
	merchant *topup.Merchant
	key      topup.APIKey
}

// keyCacheTime is how long a key that was found is believed: a revoked one is refused in less than 5 s.
const keyCacheTime = 3 * time.Second

// keyCacheSize bounds the cache; past it the cache starts anew.
const keyCacheSize = 10_000

type cachedKey struct {
	caller caller
	until  time.Time
}

// keyCache remembers the callers found lately, by the hash of their key.
type keyCache struct {
	mu      sync.Mutex
	entries map[string]cachedKey
}

func (k *keyCache) get(hash string, now time.Time) (caller, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.entries[hash]
	return e.caller, ok && now.Before(e.until)
}

func (k *keyCache) put(hash string, c caller, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.entries) >= keyCacheSize {
		clear(k.entries)
	}
	k.entries[hash] = cachedKey{caller: c, until: now.Add(keyCacheTime)}
}

// unauthorized is the one answer to a missing, malformed, unknown, revoked or disabled key.
func unauthorized() *Problem {
	return problem(http.StatusUnauthorized, codeUnauthorized, "Send a valid API key as \"Authorization: Bearer <key>\".")
}

// authenticate finds the merchant of the request's key.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !wellFormed(key) {
		return caller{}, unauthorized()
	}
	hash, now := keyHash(key), s.cfg.Now()
	if c, ok := s.keys.get(hash, now); ok {
		return c, nil
	}
	c, err := s.findCaller(r.Context(), hash)
	if err != nil {
		return caller{}, err
	}
	s.keys.put(hash, c, now)
	return c, nil
}

func (s *Server) findCaller(ctx context.Context, hash string) (caller, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	m, err := s.cfg.Store.MerchantByKey(ctx, hash)
	if errors.Is(err, topup.ErrNotFound) {
		return caller{}, unauthorized()
	}
	if err != nil {
		return caller{}, err
	}
	for _, k := range m.Keys {
		if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(hash)) == 1 && !m.Disabled {
			return caller{merchant: m, key: k}, nil
		}
	}
	return caller{}, unauthorized()
}
