package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"topupq/topup"
)

const (
	// pausedEvery and pausedShare are how often and how many top-ups of a provider are rung for that a person has paused:
	// enough to find what has expired, too few to keep anybody busy.
	pausedEvery = 5 * time.Second
	pausedShare = 100
)

// window is how many tasks may wait in one provider's submit queue. It is as short as the workers' speed allows: a
// queue that was found empty while more waited in the ledger was too short, and one that is half full is long enough.
type window struct {
	size int
	// more means that the ledger had something at the last look, filled that it had as much as the queue could take.
	more, filled bool
	// pausedAt is when a paused provider was looked at last.
	pausedAt time.Time
}

func (w *window) fit(waiting, shortest, longest int) {
	switch {
	case w.filled && waiting == 0:
		w.size *= 2
	case waiting > w.size/2:
		w.size -= w.size / 8
	}
	w.size = min(max(w.size, shortest), longest)
}

// behind reports whether the ledger holds more that is due than a queue has taken.
func (s *Scheduler) behind() bool {
	for _, w := range s.windows {
		if w.more {
			return true
		}
	}
	return false
}

// sendMore looks again at the providers whose ledger holds more.
func (s *Scheduler) sendMore(ctx context.Context) error {
	var errs []error
	for _, p := range s.cfg.Providers {
		if w := s.windows[p]; w != nil && w.more {
			errs = append(errs, s.sends(ctx, p))
		}
	}
	return errors.Join(errs...)
}

// sends rings for accepted top-ups: those that stand in line, those whose time has come, and those whose wake-up the
// queue has lost. Each is looked at again after RescueAfter unless it moved on.
func (s *Scheduler) sends(ctx context.Context, p topup.ProviderName) error {
	w := s.windows[p]
	if w == nil {
		w = &window{}
		s.windows[p] = w
	}
	waiting, err := s.cfg.Bell.Waiting(ctx, s.cfg.SubmitQueue(p))
	if err != nil {
		return fmt.Errorf("count %s: %w", s.cfg.SubmitQueue(p), err)
	}
	w.fit(waiting, s.cfg.Shortest(p), s.cfg.Window)
	room := min(w.size-waiting, perTick)
	if room <= 0 {
		return nil
	}
	now := s.cfg.Now()
	if room, err = s.admitted(ctx, p, w, room, now); err != nil || room <= 0 {
		return err
	}
	due, err := s.cfg.Store.DueSends(ctx, p, now, now.Add(s.cfg.RescueAfter), room)
	if err != nil {
		return fmt.Errorf("find due sends of %s: %w", p, err)
	}
	w.more, w.filled = len(due) > 0, 2*len(due) >= room
	if len(due) == 0 {
		return nil
	}
	return s.cfg.Bell.SendsAgain(ctx, p, due)
}

// admitted is how many may be rung for: of a provider that a person has paused only a few now and then, since each of
// them would only be put off.
func (s *Scheduler) admitted(ctx context.Context, p topup.ProviderName, w *window, room int, now time.Time) (int, error) {
	pause, err := s.cfg.Store.Paused(ctx, p)
	if err != nil {
		return 0, fmt.Errorf("read pause of %s: %w", p, err)
	}
	if pause == nil || !pause.Until.IsZero() {
		return room, nil
	}
	w.more, w.filled = false, false
	if now.Sub(w.pausedAt) < pausedEvery {
		return 0, nil
	}
	w.pausedAt = now
	return min(room, pausedShare), nil
}
