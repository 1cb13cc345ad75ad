package operator

import (
	"context"
	"fmt"
	"strings"

	"topupq/topup"
)

// Resolution closes unresolved top-ups on people's word.
type Resolution struct {
	// To is Succeeded or Failed; Evidence says what it rests on: a ticket, a statement line, a name at the provider.
	To       topup.State
	Evidence string
}

// Resolve closes unresolved top-ups. One above its currency's limit needs two people who have shown who they are: the
// first order proposes, the same order of somebody else closes it.
func (c *Clerk) Resolve(ctx context.Context, o Order, r Resolution) (*Report, error) {
	r.Evidence = strings.TrimSpace(r.Evidence)
	if r.To != topup.Succeeded && r.To != topup.Failed {
		return nil, &Refusal{"say what it came to: succeeded or failed"}
	}
	if c.hand.applied() && (r.Evidence == "" || len(r.Evidence) > maxReason) {
		return nil, &Refusal{fmt.Sprintf("evidence is missing or longer than %d bytes: say what the outcome rests on, such as a ticket or a statement line", maxReason)}
	}
	open, err := c.desk.proposals(ctx)
	if err != nil {
		return nil, err
	}
	decide := func(t *topup.Topup) Row { return c.desk.resolveRow(t, o.By, r, open) }
	return c.run(ctx, "resolve "+r.To.String(), o, decide, func(t *topup.Topup) error {
		if decide(t).Verdict == WillPropose {
			return c.hand.propose(ctx, topup.Proposal{
				Topup: t.ID, To: r.To.String(), Reason: o.Reason, Evidence: r.Evidence, By: o.By.Name, At: c.desk.cfg.Now(),
			})
		}
		by, note := o.By.Name, fmt.Sprintf("%s (evidence: %s)", o.Reason, r.Evidence)
		if p, two := open[t.ID]; two && c.desk.cfg.TwoPeopleAbove.Exceeded(t.Amount) {
			note = fmt.Sprintf("%s (evidence: %s; proposed by %s: %s, evidence: %s)", o.Reason, r.Evidence, p.By, p.Reason, p.Evidence)
		}
		return c.hand.resolve(ctx, t, r.To, by, note)
	})
}

// proposals are those that wait, by top-up.
func (d *Desk) proposals(ctx context.Context) (map[topup.ID]topup.Proposal, error) {
	list, err := d.cfg.Store.Proposals(ctx)
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	out := make(map[topup.ID]topup.Proposal, len(list))
	for _, p := range list {
		out[p.Topup] = p
	}
	return out, nil
}

func (d *Desk) resolveRow(t *topup.Topup, by Person, r Resolution, open map[topup.ID]topup.Proposal) Row {
	if t.State.Closed() {
		return Row{Verdict: WillNothing, Why: fmt.Sprintf("it is %s already", t.State)}
	}
	if t.State != topup.Unresolved {
		return Row{Verdict: Cannot, Why: fmt.Sprintf("it is %s: only an unresolved one is a person's to close", t.State)}
	}
	if !d.cfg.TwoPeopleAbove.Exceeded(t.Amount) {
		return Row{Verdict: WillClose, Why: fmt.Sprintf("it becomes %s on your word", r.To)}
	}
	if !by.Proven {
		return Row{Verdict: Cannot, Why: fmt.Sprintf("%s needs two people who show who they are: log in to the console, or use --as", t.Amount)}
	}
	p, proposed := open[t.ID]
	switch {
	case !proposed:
		return Row{Verdict: WillPropose, Why: fmt.Sprintf("%s needs two people: you propose %s, somebody else closes it", t.Amount, r.To)}
	case p.By == by.Name:
		return Row{Verdict: WillNothing, Why: fmt.Sprintf("you have proposed %s: somebody else has to confirm it", p.To)}
	case p.To != r.To.String():
		return Row{Verdict: Cannot, Why: fmt.Sprintf("%s has proposed %s: settle it, and withdraw that proposal first", p.By, p.To)}
	default:
		return Row{Verdict: WillClose, Why: fmt.Sprintf("you confirm what %s has proposed: it becomes %s", p.By, r.To)}
	}
}

// Withdraw ends proposals. Anybody who may act may withdraw: it closes nothing.
func (c *Clerk) Withdraw(ctx context.Context, o Order) (*Report, error) {
	open, err := c.desk.proposals(ctx)
	if err != nil {
		return nil, err
	}
	decide := func(t *topup.Topup) Row {
		if p, ok := open[t.ID]; ok {
			return Row{Verdict: WillClose, Why: fmt.Sprintf("%s's proposal of %s ends", p.By, p.To)}
		}
		return Row{Verdict: WillNothing, Why: "nothing is proposed for it"}
	}
	return c.run(ctx, "withdraw", o, decide, func(t *topup.Topup) error { return c.hand.withdraw(ctx, t.ID) })
}
