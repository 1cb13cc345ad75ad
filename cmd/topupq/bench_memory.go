package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"topupq/topup"
)

// memoryUse is Redis bytes per top-up, everything counted, in the life of a row.
type memoryUse struct {
	// Queued is accepted with its task in the queue, Awaiting is pending until a check, Closed is delivered,
	// told and confirmed, its event in the merchant's feed, Remembered has left for the archive, as its event has the
	// feed, and only its reference stays.
	Queued, Awaiting, Closed, Remembered float64
}

// memory measures with n top-ups.
func (w *benchWorld) memory(ctx context.Context, n int) (memoryUse, error) {
	nd, err := w.node(ctx)
	if err != nil {
		return memoryUse{}, err
	}
	defer nd.stop()
	base, err := w.usedMemory(ctx)
	if err != nil {
		return memoryUse{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := w.preload(ctx, nd, n, now); err != nil {
		return memoryUse{}, err
	}
	if err := w.enqueueAll(ctx, nd, n, now); err != nil {
		return memoryUse{}, err
	}
	each := func() (float64, error) {
		used, err := w.usedMemory(ctx)
		return float64(used-base) / float64(n), err
	}
	var m memoryUse
	if m.Queued, err = each(); err != nil {
		return m, err
	}
	if err := w.dropQueue(ctx); err != nil {
		return m, err
	}
	p := benchPolicy()
	if err := w.changeAll(ctx, nd, n, now, func(t *topup.Topup) error {
		return errors.Join(t.BeginSend(p, 1, now), t.RecordSend(p, 1, topup.Outcome{Answer: topup.InProgress, Reference: benchOrderID, TransactionID: benchOrderID}, now))
	}); err != nil {
		return m, err
	}
	if m.Awaiting, err = each(); err != nil {
		return m, err
	}
	later := now.Add(time.Minute)
	if err := w.changeAll(ctx, nd, n, now, func(t *topup.Topup) error {
		err := t.RecordCheck(p, topup.Outcome{Answer: topup.Delivered, OperatorID: "ONR686CDE1ACDD99F08", Delivered: t.Amount}, later)
		if c := t.NextCallback(); err == nil && c != nil {
			c.Delivered(topup.CallbackAttempt{At: later, Status: 200, Latency: 3 * time.Millisecond})
		}
		return err
	}); err != nil {
		return m, err
	}
	if err := publishAll(ctx, nd); err != nil {
		return m, err
	}
	if m.Closed, err = each(); err != nil {
		return m, err
	}
	if err := w.forgetAll(ctx, nd, n, now); err != nil {
		return m, err
	}
	m.Remembered, err = each()
	return m, err
}

// publishAll moves every owed event into its feed, as the scheduler does.
func publishAll(ctx context.Context, nd *node) error {
	for {
		if n, err := nd.store.PublishEvents(ctx, 20_000); err != nil || n == 0 {
			return err
		}
	}
}

// forgetAll has every closed top-up leave the ledger, as after it was archived, and shortens the lists of the day and of
// the month, as at their ends.
func (w *benchWorld) forgetAll(ctx context.Context, nd *node, n int, now time.Time) error {
	const chunk = 500
	err := inParallel((n+chunk-1)/chunk, 4, func(c int) error {
		var ids []topup.ID
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			ids = append(ids, w.order(i, now).ID)
		}
		ts, err := nd.store.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		gone, err := nd.store.Forget(ctx, ts)
		if err == nil && gone != len(ids) {
			err = fmt.Errorf("%d of %d closed top-ups left the ledger", gone, len(ids))
		}
		return err
	})
	endOfMonth := time.Date(now.Year(), now.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	return errors.Join(err, nd.store.TrimEvents(ctx, endOfMonth.AddDate(0, 1, 0)), nd.store.ForgetLists(ctx, now), nd.store.ForgetLists(ctx, endOfMonth))
}

// benchOrderID is a provider's order ID of the usual length.
const benchOrderID = "da9842e1-f561-4728-827b-ac4dd2934d68"

// benchPolicy is RechargeKit's, without confirm checks: a closed top-up is at rest.
func benchPolicy() topup.Policy {
	return topup.Policy{
		Plan:    topup.Plan{Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23 * time.Hour), Confirm: topup.ConfirmNone},
		Traits:  topup.Traits{RefusesRepeat: true, Hold: 5 * time.Minute},
		Timeout: 90 * time.Second, Margin: 5 * time.Second,
	}
}

func (w *benchWorld) enqueueAll(ctx context.Context, nd *node, n int, now time.Time) error {
	const chunk = 500
	return inParallel((n+chunk-1)/chunk, 4, func(c int) error {
		var due []topup.Due
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			due = append(due, topup.Due{ID: w.order(i, now).ID})
		}
		return nd.bell.Sends(ctx, topup.RechargeKit, due)
	})
}

// dropQueue deletes the queue's keys: the ledger does not need them.
func (w *benchWorld) dropQueue(ctx context.Context) error {
	iter := w.rdb.Scan(ctx, 0, "asynq:*", 5000).Iterator()
	var keys []string
	for iter.Next(ctx) {
		if keys = append(keys, iter.Val()); len(keys) == 5000 {
			if err := w.rdb.Unlink(ctx, keys...).Err(); err != nil {
				return fmt.Errorf("delete queue: %w", err)
			}
			keys = keys[:0]
		}
	}
	if len(keys) > 0 {
		if err := w.rdb.Unlink(ctx, keys...).Err(); err != nil {
			return fmt.Errorf("delete queue: %w", err)
		}
	}
	return iter.Err()
}

func (w *benchWorld) changeAll(ctx context.Context, nd *node, n int, now time.Time, change func(*topup.Topup) error) error {
	return inParallel(n, 256, func(i int) error {
		_, err := nd.store.Update(ctx, w.order(i, now).ID, change)
		return err
	})
}

// preloadOpen fills the ledger with n pending top-ups that are due far in the future.
func (w *benchWorld) preloadOpen(ctx context.Context, nd *node, n int) error {
	const chunk = 1000
	now := time.Now().UTC().Truncate(time.Millisecond)
	p := benchPolicy()
	p.Plan.Early = []time.Duration{48 * time.Hour}
	p.Plan.EndOfDay = topup.TimeOfDay(now.Add(-time.Minute).Sub(now.Truncate(24 * time.Hour)))
	return inParallel((n+chunk-1)/chunk, 4, func(c int) error {
		var ts []*topup.Topup
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			ts = append(ts, w.order(1_000_000_000+i, now))
		}
		if _, err := nd.store.Create(ctx, ts); err != nil {
			return err
		}
		return inParallel(len(ts), 64, func(i int) error {
			_, err := nd.store.UpdateLoaded(ctx, ts[i], func(t *topup.Topup) error {
				return errors.Join(t.BeginSend(p, 1, now), t.RecordSend(p, 1, topup.Outcome{Answer: topup.InProgress, Reference: benchOrderID}, now))
			})
			return err
		})
	})
}
