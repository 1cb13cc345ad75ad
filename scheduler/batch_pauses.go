package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"topupq/topup"
)

// batchPausesEvery is how often the pauses of batches are looked through.
const batchPausesEvery = 30 * time.Second

// batchPauses owes batch.paused for the brakes that stand and that nobody told of: the worker that has pulled one tells the
// merchant itself, unless it dies in between. Pauses of batches that have closed, or are gone, are forgotten.
func (s *Scheduler) batchPauses(ctx context.Context) error {
	now := s.cfg.Now()
	if now.Sub(s.paused) < batchPausesEvery {
		return nil
	}
	s.paused = now
	pauses, err := s.cfg.Store.Pauses(ctx)
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	var errs []error
	for _, p := range pauses {
		if p.Scope.Kind != topup.PauseByBrake && p.Scope.Kind != topup.PauseByHold {
			continue
		}
		if err := s.batchPause(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("look at %s: %w", p.Scope, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Scheduler) batchPause(ctx context.Context, p topup.ScopedPause) error {
	batch, operator, _ := strings.Cut(p.Scope.Name, "/")
	b, err := s.cfg.Store.UpdateBatch(ctx, topup.BatchID(batch), func(b *topup.Batch) error {
		if p.Scope.Kind != topup.PauseByBrake || (b.Paused != nil && !b.Paused.Since.Before(p.Pause.Since)) {
			return topup.ErrUnchanged
		}
		return b.Brake(p.Pause.Braked(operator))
	})
	gone := errors.Is(err, topup.ErrNotFound)
	if gone || (err == nil && !b.ClosedAt.IsZero()) {
		return s.cfg.Store.ForgetPause(ctx, p.Scope)
	}
	return err
}
