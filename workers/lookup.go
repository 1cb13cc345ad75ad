package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/topup"
)

// LookupConfig says how lookups are run. Store, Routes, Ledger and Log are required.
type LookupConfig struct {
	Store  topup.Lookups
	Routes Routes
	// Ledger tells whose top-up a question is about.
	Ledger lookupLedger
	// Catalogue keeps answers that are the same for everybody for CatalogueAge (1 h), and for CatalogueHardAge (24 h) to
	// serve while the provider is down; nil keeps none. Bell rings for the refresh of one in the background.
	Catalogue                      catalogue
	CatalogueAge, CatalogueHardAge time.Duration
	Bell                           lookupBell
	Log                            *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Lookup asks providers the non-paying questions of merchants.
type Lookup struct {
	cfg LookupConfig
	// repeats tells how often asynq has repeated a task.
	repeats func(context.Context) int
}

const (
	// lookupKept is how long an answer can be read.
	lookupKept = 24 * time.Hour
	// lookupTries bounds how often a provider is asked that may answer later.
	lookupTries = 4
)

// errLookupAgain asks asynq for a repeat.
var errLookupAgain = errors.New("provider_not_answering")

// NewLookup returns the handler of the lookup queue.
func NewLookup(cfg LookupConfig) *Lookup {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.CatalogueAge <= 0 {
		cfg.CatalogueAge = defaultCatalogueAge
	}
	if cfg.CatalogueHardAge <= 0 {
		cfg.CatalogueHardAge = defaultCatalogueHardAge
	}
	cfg.CatalogueHardAge = max(cfg.CatalogueHardAge, cfg.CatalogueAge)
	return &Lookup{cfg, func(ctx context.Context) int { n, _ := asynq.GetRetryCount(ctx); return n }}
}

// ProcessTask implements asynq.Handler. A lookup that has its answer is left alone.
func (h *Lookup) ProcessTask(ctx context.Context, task *asynq.Task) error {
	return guard(h.cfg.Log, h.process)(ctx, task)
}

func (h *Lookup) process(ctx context.Context, task *asynq.Task) error {
	id := strings.TrimSpace(string(task.Payload()))
	l, err := h.cfg.Store.GetLookup(ctx, id)
	if err != nil {
		return fmt.Errorf("load lookup: %w", err)
	}
	if l.State != topup.LookupQueued {
		return nil
	}
	f, err := h.find(ctx, l)
	if err != nil {
		return fmt.Errorf("find whose it is: %w", err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped while asking: %w", ctx.Err()) // the next worker asks again
	}
	if f.failure != nil && f.failure.Retryable && h.repeats(ctx)+1 < lookupTries {
		return errLookupAgain
	}
	return h.answer(ctx, l, f)
}

// find answers a question: about top-ups to their merchant only, from the catalogue where that has it, else by asking.
// The error is the store's.
func (h *Lookup) find(ctx context.Context, l *topup.Lookup) (found, error) {
	var traits topup.Traits
	if route, ok := h.cfg.Routes[l.Provider]; ok {
		traits = route.Provider.Traits()
	}
	if o := ownedAction(traits, l); o != nil {
		result, failure, err := h.owned(ctx, o, l)
		return found{result: result, failure: failure}, err
	}
	if h.isCatalogue(traits, l) {
		return h.fromCatalogue(ctx, l), nil
	}
	result, failure := h.ask(ctx, l)
	return found{result: result, failure: failure}, nil
}

// ask puts the question. Its failure is in words for the merchant, whatever went wrong.
func (h *Lookup) ask(ctx context.Context, l *topup.Lookup) (json.RawMessage, *topup.LookupError) {
	route, ok := h.cfg.Routes[l.Provider]
	if !ok {
		return nil, &topup.LookupError{Code: string(topup.CodeProviderNotAvailable), Message: "The provider is not configured."}
	}
	ctx, cancel := context.WithTimeout(ctx, route.StatusTimeout)
	defer cancel()
	result, err := route.Provider.Lookup(ctx, l.Action, l.Params)
	if err == nil && json.Valid(result) {
		return result, nil
	}
	h.cfg.Log.Info("lookup failed", zap.String("lookup", l.ID), zap.String("merchant", string(l.Merchant)),
		zap.String("provider", string(l.Provider)), zap.String("action", l.Action), zap.Error(err))
	var failure *topup.LookupError
	if errors.As(err, &failure) {
		return nil, failure
	}
	return nil, unreadableLookup()
}

func unreadableLookup() *topup.LookupError {
	return &topup.LookupError{Code: "provider_error", Message: "The provider gave no usable answer.", Retryable: true}
}

// answer stores what was found, or why nothing was.
func (h *Lookup) answer(ctx context.Context, l *topup.Lookup, f found) error {
	done := *l
	done.State, done.Result, done.Error, done.DoneAt = topup.LookupDone, f.result, f.failure, h.cfg.Now()
	done.CachedAt, done.Stale = f.cachedAt, f.stale
	if f.failure != nil {
		done.State, done.Result = topup.LookupFailed, nil
	}
	if err := h.cfg.Store.PutLookup(ctx, &done, lookupKept); err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}
