package scheduler

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"topupq/topup"
)

// callbacks rings for what merchants are owed and nobody has sent.
func (s *Scheduler) callbacks(ctx context.Context) error {
	now := s.cfg.Now()
	ids, err := s.cfg.Store.DueCallbacks(ctx, now, now.Add(s.cfg.CallbackLease), perTick)
	if err != nil {
		return fmt.Errorf("find due callbacks: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	return s.cfg.Bell.Callbacks(ctx, ids)
}

// batches closes the batches whose last row is closed, and owes their merchants batch.completed.
func (s *Scheduler) batches(ctx context.Context) error {
	now := s.cfg.Now()
	ids, err := s.cfg.Store.DueBatches(ctx, now, now.Add(s.cfg.RescueAfter), perTick)
	if err != nil {
		return fmt.Errorf("find due batches: %w", err)
	}
	for _, id := range ids {
		if err := s.closeBatch(ctx, id); err != nil {
			return fmt.Errorf("close batch %s: %w", id, err)
		}
	}
	return nil
}

func (s *Scheduler) closeBatch(ctx context.Context, id topup.BatchID) error {
	now := s.cfg.Now()
	b, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error { return b.Close(now) })
	if errors.Is(err, topup.ErrNotFound) {
		return s.cfg.Store.ForgetDueBatch(ctx, id)
	}
	if errors.Is(err, topup.ErrNotAllowed) {
		return nil // rows are still open: the last one rings again
	}
	if err != nil {
		return err
	}
	s.cfg.Log.Info("batch closed", zap.String("batch", string(id)), zap.Int64("accepted", b.Accepted))
	return s.cfg.Store.ForgetDueBatch(ctx, id)
}
