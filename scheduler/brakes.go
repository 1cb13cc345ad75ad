package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"topupq/topup"
)

// brakesEvery is how often the brakes in force are looked through for one that its merchant was not told of.
const brakesEvery = 30 * time.Second

// brakes owes batch.paused for the brakes that stand: the worker that has pulled one tells its merchant itself, unless it
// dies in between.
func (s *Scheduler) brakes(ctx context.Context) error {
	now := s.cfg.Now()
	if now.Sub(s.braked) < brakesEvery {
		return nil
	}
	s.braked = now
	pauses, err := s.cfg.Store.Pauses(ctx)
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	var errs []error
	for _, p := range pauses {
		batch, operator, _ := strings.Cut(p.Scope.Name, "/")
		if p.Scope.Kind != topup.PauseByBrake {
			continue
		}
		_, err := s.cfg.Store.UpdateBatch(ctx, topup.BatchID(batch), func(b *topup.Batch) error {
			if b.Paused != nil && !b.Paused.Since.Before(p.Pause.Since) {
				return topup.ErrUnchanged
			}
			return b.Brake(p.Pause.Braked(operator))
		})
		if err != nil && !errors.Is(err, topup.ErrNotFound) {
			errs = append(errs, fmt.Errorf("tell of %s: %w", p.Scope, err))
		}
	}
	return errors.Join(errs...)
}
