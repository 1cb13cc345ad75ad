package scheduler

import (
	"context"
	"fmt"

	"topupq/topup"
)

// recheck rings for top-ups that their provider is to be asked about: early and hourly checks, the end-of-day sweep,
// confirmations, and senders that have not come back. When they are due is the record's own plan.
func (s *Scheduler) recheck(ctx context.Context, p topup.ProviderName) error {
	room, err := s.room(ctx, s.cfg.CheckQueue(p))
	if err != nil || room <= 0 {
		return err
	}
	now := s.cfg.Now()
	due, err := s.cfg.Store.DueChecks(ctx, p, now, now.Add(2*s.cfg.RescueAfter), room)
	if err != nil {
		return fmt.Errorf("find due checks of %s: %w", p, err)
	}
	if len(due) == 0 {
		return nil
	}
	return s.cfg.Bell.Checks(ctx, p, due)
}
