package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// Feeds gives events their place in the merchants' feeds and sends them again when asked to.
type Feeds interface {
	topup.Events
	topup.Redeliveries
	Update(ctx context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error)
}

const (
	defaultEventsKept = 30 * 24 * time.Hour
	// publishPerTick bounds what one look moves into the feeds, redeliverPerTick the events it looks at to send them again,
	// redeliverAtOnce those that are written side by side.
	publishPerTick   = 20000
	redeliverPerTick = 500
	redeliverAtOnce  = 16
	trimEvery        = time.Hour
)

// feed moves what is owed to the feeds, forgets what is too old, and carries out orders to send events again.
func (s *Scheduler) feed(ctx context.Context) error {
	if s.cfg.Feeds == nil {
		return nil
	}
	now := s.cfg.Now()
	var errs []error
	if _, err := s.cfg.Feeds.PublishEvents(ctx, publishPerTick); err != nil {
		return fmt.Errorf("publish events: %w", err)
	}
	if now.Sub(s.trimmed) >= trimEvery {
		s.trimmed = now
		if err := s.cfg.Feeds.TrimEvents(ctx, now.Add(-s.cfg.EventsKept)); err != nil {
			errs = append(errs, fmt.Errorf("trim feeds: %w", err))
		}
	}
	open, err := s.cfg.Feeds.OpenRedeliveries(ctx)
	errs = append(errs, err)
	for _, r := range open {
		if !r.RunAt.After(now) {
			errs = append(errs, s.redeliver(ctx, r, now))
		}
	}
	return errors.Join(errs...)
}

// redeliver carries an order out, redeliverPerTick events at a time. After a crash the last of them are looked at again.
func (s *Scheduler) redeliver(ctx context.Context, r *topup.Redelivery, now time.Time) error {
	page, err := s.cfg.Feeds.EventsAfter(ctx, r.Merchant, r.After, redeliverPerTick)
	if err != nil {
		return fmt.Errorf("read feed: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(redeliverAtOnce)
	made := make([]bool, len(page.Events))
	for i, e := range page.Events {
		r.After = e.Sequence
		if r.Covers(e) {
			r.Seen++
			group.Go(func() (err error) { made[i], err = s.redeliverOne(groupCtx, r, e, now); return err })
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("redeliver: %w", err)
	}
	for _, m := range made {
		if m {
			r.Redelivered++
		}
	}
	if len(page.Events) < redeliverPerTick {
		r.DoneAt = now
		s.cfg.Log.Info("events sent again", zap.String("merchant", string(r.Merchant)), zap.Int64("events", r.Seen), zap.Int64("due", r.Redelivered))
	}
	return s.cfg.Feeds.PutRedelivery(ctx, r)
}

// redeliverOne makes one event's callback due. A record that has left the ledger stays as it is.
func (s *Scheduler) redeliverOne(ctx context.Context, r *topup.Redelivery, e topup.Event, now time.Time) (made bool, err error) {
	if !topup.ID(e.Subject).Valid() && strings.HasPrefix(e.Subject, "bat") {
		_, err = s.cfg.Store.UpdateBatch(ctx, topup.BatchID(e.Subject), func(b *topup.Batch) error {
			if made = false; b.Callback == nil || b.Callback.Version != e.Version {
				return topup.ErrUnchanged
			}
			err := r.Redeliver(b.Callback, now)
			made = err == nil
			return err
		})
	} else {
		_, err = s.cfg.Feeds.Update(ctx, topup.ID(e.Subject), func(t *topup.Topup) error {
			err := r.Redeliver(t.CallbackFor(e.Version), now)
			made = err == nil
			return err
		})
	}
	if errors.Is(err, topup.ErrNotFound) {
		return false, nil
	}
	return made && err == nil, err
}
