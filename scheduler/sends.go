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

// window is how many tasks may wait in one provider's submit queue. A queue is first in, first out, and whoever comes
// next waits for all of it: it holds what the workers take until the next look and a little while more. The ledger
// holds the rest, where every merchant has its turn.
type window struct {
	size int
	// left is what waited in the queue after the last look, at seen; speed is how many the workers take in a second, and
	// interval the time between two looks, both smoothed.
	left     int
	seen     time.Time
	speed    float64
	interval time.Duration
	// more means that the ledger had something at the last look.
	more bool
	// pausedAt is when a paused provider was looked at last.
	pausedAt time.Time
}

const (
	// queuedFor is how long a task waits in a queue while the ledger holds more, beyond the time between two looks.
	queuedFor = 50 * time.Millisecond
	// longestInterval bounds what counts as the time between two looks: after a longer one the queue was idle or we were.
	longestInterval = time.Second
)

// fit sets the window by what the workers took since the last look.
func (w *window) fit(waiting int, now time.Time, shortest, longest int) {
	if passed := now.Sub(w.seen); passed > 0 {
		if passed = min(passed, longestInterval); w.more {
			// A queue that was found empty would have given more, so a higher speed counts at once then; no more than
			// twice the last one, since idle workers take a handful each before they show how fast they are.
			taken := float64(max(w.left-waiting, 0)) / passed.Seconds()
			most := 2 * max(w.speed, float64(shortest)/queuedFor.Seconds())
			w.speed = smoothed(w.speed, min(taken, most), waiting == 0 && taken > w.speed)
			w.interval = time.Duration(smoothed(float64(w.interval), float64(passed), passed > w.interval))
		}
		w.seen = now
	}
	w.left = waiting
	w.size = min(max(int(w.speed*(queuedFor+2*w.interval).Seconds()), shortest), longest)
}

// smoothed is an average that forgets old values; atOnce takes the new one as it is.
func smoothed(average, value float64, atOnce bool) float64 {
	if atOnce {
		return value
	}
	return average + (value-average)/8
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
	now := s.cfg.Now()
	w.fit(waiting, now, s.cfg.Shortest(p), s.cfg.Window)
	room := min(w.size-waiting, perTick)
	if room <= 0 {
		return nil
	}
	if room, err = s.admitted(ctx, p, w, room, now); err != nil || room <= 0 {
		return err
	}
	due, err := s.cfg.Store.DueSends(ctx, p, now, now.Add(s.cfg.RescueAfter), room)
	w.more, w.left = len(due) > 0, w.left+len(due)
	if err != nil {
		return fmt.Errorf("find due sends of %s: %w", p, err)
	}
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
	w.more = false
	if now.Sub(w.pausedAt) < pausedEvery {
		return 0, nil
	}
	w.pausedAt = now
	return min(room, pausedShare), nil
}
