package scheduler

import (
	"context"
	"fmt"
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
