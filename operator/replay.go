package operator

import (
	"context"
	"fmt"

	"topupq/topup"
)

// Replay sends held top-ups again and asks about those that are open. Closed ones, and those that are on their way, are
// left alone. It can be ordered at any time, as often as one likes: nothing is sent twice.
func (c *Clerk) Replay(ctx context.Context, o Order) (*Report, error) {
	pauses, err := c.desk.cfg.Store.Pauses(ctx)
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	decide := func(t *topup.Topup) Row { return c.desk.replayRow(t, pauses) }
	return c.run(ctx, "replay", o, decide, func(t *topup.Topup) error {
		if t.State == topup.Held {
			return c.hand.send(ctx, t, o.By, o.Reason)
		}
		return c.hand.ask(ctx, t)
	})
}

// replayRow is the table of docs/operations.md.
func (d *Desk) replayRow(t *topup.Topup, pauses []topup.ScopedPause) Row {
	now := d.cfg.Now()
	if !t.State.Closed() && !d.configured(t.Provider) {
		return Row{Verdict: Cannot, Why: fmt.Sprintf("%s is not configured: give it its credentials first", t.Provider)}
	}
	switch t.State {
	case topup.Held:
		return d.replayHeld(t, pauses)
	case topup.Pending, topup.Unknown:
		return Row{Verdict: WillAsk, Why: fmt.Sprintf("%s is asked now what became of it; it is not sent again", t.Provider)}
	case topup.Unresolved:
		return Row{Verdict: WillAsk, Why: "the provider is asked once more; only a resolve closes it without an answer"}
	case topup.Submitting:
		if now.Before(t.SendDeadline) {
			return Row{Verdict: WillNothing, Why: "it is being sent at this moment"}
		}
		return Row{Verdict: WillAsk, Why: "its sender has not come back: the provider is asked"}
	case topup.Accepted:
		if t.Waiting != "" {
			return Row{Verdict: WillNothing, Why: "it is sent by itself: " + t.Explain()}
		}
		return Row{Verdict: WillNothing, Why: "it is queued and is sent by itself"}
	default:
		return Row{Verdict: WillNothing, Why: fmt.Sprintf("it is %s already", t.State)}
	}
}

func (d *Desk) replayHeld(t *topup.Topup, pauses []topup.ScopedPause) Row {
	if t.Expired(d.cfg.Now()) {
		return Row{Verdict: Cannot, Why: fmt.Sprintf("it expired at %s and may not be sent any more: cancel it", t.ExpiresAt.UTC().Format(when))}
	}
	why := "it was provably not sent"
	if t.Failure != nil {
		why = fmt.Sprintf("it was held as %s", t.Failure.Code)
	}
	for _, p := range pauses {
		if stops(p.Scope, t) {
			why += fmt.Sprintf("; it goes out when the pause of %s ends", p.Scope)
		}
	}
	return Row{Verdict: WillSend, Why: why}
}

// stops reports whether a pause of the scope keeps t from being sent.
func stops(s topup.PauseScope, t *topup.Topup) bool {
	if s.Kind == topup.PauseByProvider {
		return s.Name == string(t.Provider)
	}
	for _, own := range t.PauseScopes() {
		if own == s {
			return true
		}
	}
	return false
}

// Cancel closes accepted and held top-ups that were provably never sent. Their merchants are told topup.failed.
func (c *Clerk) Cancel(ctx context.Context, o Order) (*Report, error) {
	return c.run(ctx, "cancel", o, cancelRow, func(t *topup.Topup) error { return c.hand.cancel(ctx, t, o.By, o.Reason) })
}

func cancelRow(t *topup.Topup) Row {
	switch {
	case t.State.Closed():
		return Row{Verdict: WillNothing, Why: fmt.Sprintf("it is %s already", t.State)}
	case t.State != topup.Accepted && t.State != topup.Held:
		return Row{Verdict: Cannot, Why: "it may have reached the provider: only an answer, or a resolve with evidence, closes it"}
	case t.Unproved:
		return Row{Verdict: Cannot, Why: "an earlier send is not proved absent: only a resend of the same reference can tell"}
	default:
		return Row{Verdict: WillClose, Why: "it was never sent: it becomes failed, safe to refund"}
	}
}
