package operator

import (
	"context"
	"errors"
	"fmt"

	"topupq/topup"
)

// hand does what the desk has decided. There are two: one that acts, and one that only lets the desk look.
type hand interface {
	// begin and end frame an act in the audit log; begin fails when that cannot be written, and nothing is done.
	begin(ctx context.Context, e topup.AuditEntry) error
	end(ctx context.Context, e topup.AuditEntry) error

	send(ctx context.Context, t *topup.Topup, by Person, reason string) error
	ask(ctx context.Context, t *topup.Topup) error
	cancel(ctx context.Context, t *topup.Topup, by Person, reason string) error
	resolve(ctx context.Context, t *topup.Topup, to topup.State, by, note string) error
	propose(ctx context.Context, p topup.Proposal) error
	withdraw(ctx context.Context, id topup.ID) error
	setPause(ctx context.Context, s topup.PauseScope, p topup.Pause) error
	endPause(ctx context.Context, s topup.PauseScope) error
	markRecovered(ctx context.Context) error
	applied() bool
}

// Preview is the hand that touches nothing.
func (d *Desk) Preview() *Clerk { return &Clerk{desk: d, hand: looking{}} }

// Apply is the hand that acts.
func (d *Desk) Apply() *Clerk { return &Clerk{desk: d, hand: acting{d.cfg}} }

// Clerk carries out orders with one of the two hands.
type Clerk struct {
	desk *Desk
	hand hand
}

// looking does nothing.
type looking struct{}

func (looking) begin(context.Context, topup.AuditEntry) error                            { return nil }
func (looking) end(context.Context, topup.AuditEntry) error                              { return nil }
func (looking) send(context.Context, *topup.Topup, Person, string) error                 { return nil }
func (looking) ask(context.Context, *topup.Topup) error                                  { return nil }
func (looking) cancel(context.Context, *topup.Topup, Person, string) error               { return nil }
func (looking) resolve(context.Context, *topup.Topup, topup.State, string, string) error { return nil }
func (looking) propose(context.Context, topup.Proposal) error                            { return nil }
func (looking) withdraw(context.Context, topup.ID) error                                 { return nil }
func (looking) setPause(context.Context, topup.PauseScope, topup.Pause) error            { return nil }
func (looking) endPause(context.Context, topup.PauseScope) error                         { return nil }
func (looking) markRecovered(context.Context) error                                      { return nil }
func (looking) applied() bool                                                            { return false }

// acting writes and rings.
type acting struct{ cfg Config }

func (a acting) applied() bool { return true }

func (a acting) begin(ctx context.Context, e topup.AuditEntry) error {
	e.Phase = "before"
	_, err := a.cfg.Store.AppendAudit(ctx, e)
	if err != nil {
		return fmt.Errorf("refused, because the audit log cannot be written: %w", err)
	}
	return nil
}

func (a acting) end(ctx context.Context, e topup.AuditEntry) error {
	e.Phase = "after"
	if _, err := a.cfg.Store.AppendAudit(context.WithoutCancel(ctx), e); err != nil {
		return fmt.Errorf("done, but the end of it is not in the audit log: %w", err)
	}
	return nil
}

// send takes a held top-up back to accepted and rings. A lost ring is repeated by the scheduler.
func (a acting) send(ctx context.Context, t *topup.Topup, by Person, reason string) error {
	next, err := a.cfg.Store.Update(ctx, t.ID, func(t *topup.Topup) error {
		return t.Replay(topup.ActorOperator(by.Name), reason, a.cfg.Now())
	})
	if err != nil {
		return moved(err, next)
	}
	_ = a.cfg.Bell.SendsAgain(ctx, next.Provider, []topup.Due{{ID: next.ID, State: next.State, Round: next.Attempts}})
	return nil
}

func (a acting) ask(ctx context.Context, t *topup.Topup) error {
	if err := a.cfg.Bell.Checks(ctx, t.Provider, []topup.Due{{ID: t.ID, State: t.State, Round: t.Checks}}); err != nil {
		return fmt.Errorf("ring for a check: %w", err)
	}
	return nil
}

func (a acting) cancel(ctx context.Context, t *topup.Topup, by Person, reason string) error {
	recovered, err := a.cfg.Store.Recovered(ctx)
	if err != nil {
		return fmt.Errorf("read recovery mark: %w", err)
	}
	next, err := a.cfg.Store.Update(ctx, t.ID, func(t *topup.Topup) error {
		if t.InDoubt(recovered) {
			return &Refusal{"the store was recovered after it was made, or less than a day before: it may have been sent, and nobody has proved the contrary"}
		}
		return t.Cancel(topup.ActorOperator(by.Name), reason, a.cfg.Now())
	})
	if err != nil {
		return moved(err, next)
	}
	_ = a.cfg.Bell.Callback(ctx, string(t.ID)) // the outbox owes it; the scheduler rings as well
	return nil
}

func (a acting) resolve(ctx context.Context, t *topup.Topup, to topup.State, by, note string) error {
	next, err := a.cfg.Store.Update(ctx, t.ID, func(t *topup.Topup) error {
		return t.Resolve(to, topup.ActorOperator(by), note, a.cfg.Now())
	})
	if err != nil {
		return moved(err, next)
	}
	_ = a.cfg.Bell.Callback(ctx, string(t.ID)) // likewise
	return a.cfg.Store.DropProposal(ctx, t.ID)
}

func (a acting) propose(ctx context.Context, p topup.Proposal) error {
	return a.cfg.Store.PutProposal(ctx, p)
}

func (a acting) withdraw(ctx context.Context, id topup.ID) error {
	return a.cfg.Store.DropProposal(ctx, id)
}

func (a acting) setPause(ctx context.Context, s topup.PauseScope, p topup.Pause) error {
	return a.cfg.Store.SetPause(ctx, s, p)
}

func (a acting) endPause(ctx context.Context, s topup.PauseScope) error {
	return a.cfg.Store.EndPause(ctx, s)
}

func (a acting) markRecovered(ctx context.Context) error {
	if err := a.cfg.Store.MarkRecovered(ctx, a.cfg.Now()); err != nil {
		return fmt.Errorf("set recovery mark: %w", err)
	}
	return nil
}

// moved says that a top-up went on while the act was on its way to it.
func moved(err error, now *topup.Topup) error {
	if errors.Is(err, topup.ErrNotAllowed) && now != nil {
		return &Refusal{fmt.Sprintf("it has moved on to %s meanwhile", now.State)}
	}
	return err
}
