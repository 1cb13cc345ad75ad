package scheduler

import (
	"context"
	"fmt"
	"time"

	"topupq/topup"
)

// Texts shows which PINs have to be sent by SMS.
type Texts interface {
	DueSMS(ctx context.Context, now, again time.Time, limit int) ([]topup.ID, error)
}

// TextBell enqueues texts.
type TextBell interface {
	SMS(ctx context.Context, id topup.ID) error
}

// texts rings for PINs that are owed to a number and that nobody has sent.
func (s *Scheduler) texts(ctx context.Context) error {
	if s.cfg.Texts == nil || s.cfg.TextBell == nil {
		return nil
	}
	now := s.cfg.Now()
	ids, err := s.cfg.Texts.DueSMS(ctx, now, now.Add(s.cfg.RescueAfter), perTick)
	if err != nil {
		return fmt.Errorf("find due texts: %w", err)
	}
	for _, id := range ids {
		if err := s.cfg.TextBell.SMS(ctx, id); err != nil {
			return fmt.Errorf("ring for text: %w", err)
		}
	}
	return nil
}
