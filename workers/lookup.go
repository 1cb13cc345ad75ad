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

// LookupConfig says how lookups are run. Now may be nil for time.Now.
type LookupConfig struct {
	Store  topup.Lookups
	Routes Routes
	Log    *zap.Logger
	Now    func() time.Time
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
	result, failure := h.ask(ctx, l)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped while asking: %w", ctx.Err()) // the next worker asks again
	}
	if failure != nil && failure.Retryable && h.repeats(ctx)+1 < lookupTries {
		return errLookupAgain
	}
	return h.answer(ctx, l, result, failure)
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
	return nil, &topup.LookupError{Code: "provider_error", Message: "The provider gave no usable answer.", Retryable: true}
}

// answer stores what was found, or why nothing was.
func (h *Lookup) answer(ctx context.Context, l *topup.Lookup, result json.RawMessage, failure *topup.LookupError) error {
	done := *l
	done.State, done.Result, done.Error, done.DoneAt = topup.LookupDone, result, failure, h.cfg.Now()
	if failure != nil {
		done.State, done.Result = topup.LookupFailed, nil
	}
	if err := h.cfg.Store.PutLookup(ctx, &done, lookupKept); err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}
