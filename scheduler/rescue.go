package scheduler

import (
	"context"
	"fmt"

	"topupq/topup"
)

// rescue rings for accepted top-ups whose time has come: deferred ones, those beyond the window, and those whose
// wake-up the queue has lost. Each is looked at again after RescueAfter unless it moved on.
func (s *Scheduler) rescue(ctx context.Context, p topup.ProviderName) error {
	room, err := s.room(ctx, s.cfg.SubmitQueue(p))
	if err != nil || room <= 0 {
		return err
	}
	now := s.cfg.Now()
	due, err := s.cfg.Store.DueSends(ctx, p, now, now.Add(s.cfg.RescueAfter), room)
	if err != nil {
		return fmt.Errorf("find due sends of %s: %w", p, err)
	}
	if len(due) == 0 {
		return nil
	}
	return s.cfg.Bell.SendsAgain(ctx, p, due)
}
