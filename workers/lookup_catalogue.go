package workers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// catalogue keeps answers that are the same for everybody.
type catalogue interface {
	PutCatalogue(ctx context.Context, key string, a *topup.CatalogueAnswer, ttl time.Duration) error
	GetCatalogue(ctx context.Context, key string) (*topup.CatalogueAnswer, error)
	ClaimRefresh(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// lookupBell rings for a lookup.
type lookupBell interface {
	Lookup(ctx context.Context, id string) error
}

const (
	defaultCatalogueAge     = time.Hour
	defaultCatalogueHardAge = 24 * time.Hour
	// maxCatalogueAnswer bounds what is kept of one answer, in bytes.
	maxCatalogueAnswer = 4 << 20
	// refreshShare of the age makes an answer be read anew in the background, so that one that is asked for often is never
	// too old.
	refreshShare = 0.75
	// refreshClaim is how long one refresh keeps others from starting, refreshKept how long its lookup is kept.
	refreshClaim = time.Minute
	refreshKept  = time.Hour
)

// found is what came of a lookup.
type found struct {
	result  json.RawMessage
	failure *topup.LookupError
	// cachedAt is when a kept result was read, zero for one that was read just now; stale means that it is too old.
	cachedAt time.Time
	stale    bool
}

func (h *Lookup) isCatalogue(traits topup.Traits, l *topup.Lookup) bool {
	return h.cfg.Catalogue != nil && slices.Contains(traits.Catalogue, l.Action)
}

// fromCatalogue answers from what is kept while that is young. What is older is asked for, and served with a mark when the
// provider does not answer. Lookups of nobody are refreshes: they always ask.
func (h *Lookup) fromCatalogue(ctx context.Context, l *topup.Lookup) found {
	key := catalogueKey(l)
	kept, err := h.cfg.Catalogue.GetCatalogue(ctx, key)
	if err != nil && !errors.Is(err, topup.ErrNotFound) {
		h.cfg.Log.Warn("catalogue not read", zap.String("lookup", l.ID), zap.Error(err))
	}
	age := h.cfg.CatalogueHardAge
	if kept != nil {
		age = h.cfg.Now().Sub(kept.At)
	}
	if l.Merchant != "" && age < h.cfg.CatalogueAge {
		if age > time.Duration(refreshShare*float64(h.cfg.CatalogueAge)) {
			h.refresh(ctx, l, key)
		}
		return found{result: kept.Result, cachedAt: kept.At}
	}
	result, failure := h.ask(ctx, l)
	if failure == nil {
		h.keep(ctx, key, result)
		return found{result: result}
	}
	if failure.Retryable && age < h.cfg.CatalogueHardAge {
		return found{result: kept.Result, cachedAt: kept.At, stale: true}
	}
	return found{failure: failure}
}

func (h *Lookup) keep(ctx context.Context, key string, result json.RawMessage) {
	if len(result) > maxCatalogueAnswer {
		return
	}
	answer := &topup.CatalogueAnswer{Result: result, At: h.cfg.Now()}
	if err := h.cfg.Catalogue.PutCatalogue(ctx, key, answer, h.cfg.CatalogueHardAge); err != nil {
		h.cfg.Log.Warn("catalogue not kept", zap.Error(err))
	}
}

// refresh asks for a key in the background, as a lookup of nobody. Should it get lost the answer is asked for when it
// is too old.
func (h *Lookup) refresh(ctx context.Context, l *topup.Lookup, key string) {
	if h.cfg.Bell == nil {
		return
	}
	mine, err := h.cfg.Catalogue.ClaimRefresh(ctx, key, refreshClaim)
	if err != nil || !mine {
		return
	}
	again := &topup.Lookup{
		ID: topup.NewLookupID(), Provider: l.Provider, Action: l.Action, Params: l.Params,
		State: topup.LookupQueued, CreatedAt: h.cfg.Now(),
	}
	err = h.cfg.Store.PutLookup(ctx, again, refreshKept)
	if err == nil {
		err = h.cfg.Bell.Lookup(ctx, again.ID)
	}
	if err != nil {
		h.cfg.Log.Warn("catalogue not refreshed", zap.String("action", l.Action), zap.Error(err))
	}
}

// catalogueKey is the same for the same question, however its parameters were written.
func catalogueKey(l *topup.Lookup) string {
	lines := []string{string(l.Provider), l.Action}
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		lines = append(lines, strings.ToLower(name)+"="+valueText(l.Params[name]))
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// valueText is a parameter's value as text; 2 and "2" are the same to every provider.
func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case bool:
		return strconv.FormatBool(v)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(text)
	}
}
