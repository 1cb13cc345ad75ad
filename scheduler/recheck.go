package scheduler

import (
	"context"
	"fmt"

	"topupq/topup"
)

const (
	// groupSize is about how many due checks one task takes by itself; maxGroups the most tasks of that kind that wait.
	groupSize = 500
	maxGroups = 4
)

// recheck rings for top-ups that their provider is to be asked about: early and hourly checks, the end-of-day sweep,
// confirmations, and senders that have not come back. When they are due is the record's own plan.
func (s *Scheduler) recheck(ctx context.Context, p topup.ProviderName) error {
	if s.cfg.Grouped[p] {
		return s.recheckTogether(ctx, p)
	}
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

// recheckTogether only counts what is due, and rings for as many tasks as that is worth: each takes its share itself.
func (s *Scheduler) recheckTogether(ctx context.Context, p topup.ProviderName) error {
	due, err := s.cfg.Store.CountDueChecks(ctx, p, s.cfg.Now())
	switch {
	case due > 0: // enough to begin with, even where a part of the store did not answer
	case err != nil:
		return fmt.Errorf("count due checks of %s: %w", p, err)
	default:
		return nil
	}
	waiting, err := s.cfg.Bell.Waiting(ctx, s.cfg.CheckQueue(p))
	if err != nil {
		return fmt.Errorf("count %s: %w", s.cfg.CheckQueue(p), err)
	}
	n := min(int((due+groupSize-1)/groupSize), maxGroups) - waiting
	if n <= 0 {
		return nil
	}
	return s.cfg.Bell.ChecksDue(ctx, p, n)
}
