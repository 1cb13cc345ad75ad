package workers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// debt is one callback owed by a record: what is to be told, and what decides whether it is sent now.
type debt struct {
	callback topup.Callback
	// newer means that a later version waits behind it; confirmAt is when an outcome is asked about again, zero
	// where that is over.
	newer     bool
	confirmAt time.Time
	body      func(format string) ([]byte, error)
}

// topupDebt is the oldest callback that waits, if it is due.
func topupDebt(t *topup.Topup, now time.Time) (debt, bool) {
	cb := t.NextCallback()
	if cb == nil || cb.NextAt.After(now) {
		return debt{}, false
	}
	return debtOf(t, cb), true
}

// freshDebt is the callback that the process which wrote t may send without a lease: never tried, due for no longer
// than freshFor, and the newest with none before it. With an older one still waiting somebody else may be sending
// that, and the order of the two would be left to chance.
func freshDebt(t *topup.Topup, now time.Time) (debt, bool) {
	cb := t.NextCallback()
	if cb == nil || cb != &t.Callbacks[len(t.Callbacks)-1] || len(cb.Attempts) > 0 || now.After(cb.NextAt.Add(freshFor)) {
		return debt{}, false
	}
	if cb.NextAt.After(now) && t.ConfirmedAt.IsZero() {
		return debt{}, false
	}
	return debtOf(t, cb), true
}

func debtOf(t *topup.Topup, cb *topup.Callback) debt {
	d := debt{callback: *cb, newer: cb.Version != lastWaiting(t)}
	if t.State == topup.Succeeded && t.ConfirmedAt.IsZero() {
		d.confirmAt = t.DueAt
	}
	d.body = func(format string) ([]byte, error) { return webhook.TopupBody(format, t, cb.Version, cb.Type) }
	return d
}

// lastWaiting is the version of the newest callback that waits.
func lastWaiting(t *topup.Topup) int {
	version := 0
	for i := range t.Callbacks {
		if t.Callbacks[i].State == topup.CallbackWaiting {
			version = t.Callbacks[i].Version
		}
	}
	return version
}

func batchDebt(b *topup.Batch, now time.Time) (debt, bool) {
	cb := b.Callback
	if cb == nil || cb.State != topup.CallbackWaiting || cb.NextAt.After(now) {
		return debt{}, false
	}
	return debt{callback: *cb, body: func(format string) ([]byte, error) { return batchBody(format, b) }}, true
}

// batchBody is the body of the event that is owed about a batch: the batch as GET shows it.
func batchBody(format string, b *topup.Batch) ([]byte, error) {
	if b.Callback.Type != topup.EventBatchPaused {
		return webhook.BatchBody(format, b)
	}
	if !webhook.Sayable(format, b.Callback.Type) || b.Paused == nil {
		return nil, webhook.ErrNotSayable
	}
	body, err := json.Marshal(map[string]any{"type": b.Callback.Type, "timestamp": b.Paused.Since.UTC(), "data": b.View()})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return body, nil
}

// confirmGrace is how long after a planned confirm check a callback that waits for it is looked at, and how long it
// waits at most for a check that is late.
const (
	confirmGrace = time.Second
	confirmLate  = time.Minute
)

// withoutSending says what is to become of a debt that is not to be sent now; nil means that it is to be sent.
func (d debt) withoutSending(w topup.Webhook, now time.Time) func(*topup.Callback) {
	switch {
	case !w.Active():
		return (*topup.Callback).Park
	case !w.Wants(d.callback.Type) || !webhook.Sayable(w.Format, d.callback.Type):
		return (*topup.Callback).Skip
	case w.CallbackWhen != topup.CallbackOnConfirmed:
		return nil
	case d.newer:
		return (*topup.Callback).Skip
	case !d.confirmAt.IsZero() && len(d.callback.Attempts) == 0:
		at := d.confirmAt.Add(confirmGrace)
		if late := now.Sub(d.confirmAt); late > 0 {
			at = now.Add(min(max(late, confirmGrace), confirmLate))
		}
		return func(cb *topup.Callback) { cb.NextAt = at }
	default:
		return nil
	}
}

// attemptOf is what is kept of an attempt.
func attemptOf(r webhook.Result) topup.CallbackAttempt {
	return topup.CallbackAttempt{At: r.At, Status: r.Status, Latency: r.Latency, Excerpt: r.Excerpt}
}

// jitterPercent is how far a retry may be put off, so that what failed together does not come back together.
const jitterPercent = 5

// waitsAfter is the schedule as it counts from the start of an attempt that took latency: each wait runs from its
// end, and is up to jitterPercent longer.
func waitsAfter(schedule []time.Duration, latency time.Duration) []time.Duration {
	out := make([]time.Duration, len(schedule))
	for i, d := range schedule {
		out[i] = latency + d + time.Duration(rand.Int64N(int64(d)*jitterPercent/100+1))
	}
	return out
}

// recorded says how the result of an attempt changes its callback. It returns topup.ErrUnchanged where the record
// has been changed meanwhile in a way that the result adds nothing to.
func recorded(r webhook.Result, schedule []time.Duration) func(*topup.Callback) error {
	var waits []time.Duration
	if !r.OK && r.Postponed.IsZero() {
		waits = waitsAfter(schedule, r.Latency)
	}
	return func(cb *topup.Callback) error {
		switch {
		case r.OK && cb.State != topup.CallbackDelivered:
			cb.Delivered(attemptOf(r))
		case r.OK || cb.State != topup.CallbackWaiting:
			return topup.ErrUnchanged
		case !r.Postponed.IsZero():
			cb.NextAt = r.Postponed
		default:
			cb.Attempted(attemptOf(r), waits, r.Latency+r.RetryAfter)
			if r.Gone {
				cb.Park()
			}
		}
		return nil
	}
}
