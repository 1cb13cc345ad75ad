package topup

import (
	"cmp"
	"time"
)

// PutOff leaves the question about t to its next scheduled check, because it cannot be asked now: the day's status
// calls are used up. That proves nothing, but time counts as it does for a question that failed: what is open at its
// last check becomes unresolved, for the reason that it was not asked, and the next sweep asks about it again. Of what is
// closed no last check counts as made. A sender that has not come back is taken to unknown all the same. ErrUnchanged
// where no question is due.
func (t *Topup) PutOff(p Policy, now time.Time) error {
	switch t.State {
	case Submitting:
		if err := t.Rescue(p, now); err != nil {
			return err
		}
		return t.putOffOpen(p, now)
	case Pending, Unknown:
		return t.putOffOpen(p, now)
	case Unresolved:
		t.DueAt = p.Plan.nextSweep(t.subject(), now, p.Plan.openShare)
	case Succeeded:
		next, more := p.Plan.NextConfirm(t.subject(), now)
		if !more {
			next = p.Plan.nextSweep(t.subject(), now, p.Plan.confirmShare)
		}
		t.DueAt = next
	case Failed:
		t.DueAt = p.Plan.nextSweep(t.subject(), now, p.Plan.openShare)
	default:
		return ErrUnchanged
	}
	return nil
}

// putOffOpen plans the next question about an open one, or hands it to a person when that was the last.
func (t *Topup) putOffOpen(p Policy, now time.Time) error {
	if !t.overdue(p, now) {
		t.DueAt = p.openPlan(t.ID).NextOpen(t.subject(), now)
		return nil
	}
	if err := t.unresolved(p, CodeNotAskedBudget, Outcome{}, now); err != nil {
		return err
	}
	t.DueAt = p.Plan.nextSweep(t.subject(), now, p.Plan.openShare)
	return nil
}

// NotAsked reports whether t is unresolved only because the budget of status calls did not reach it, and was not asked
// about since.
func (t *Topup) NotAsked() bool {
	if t.State != Unresolved || len(t.History) == 0 {
		return false
	}
	last := t.History[len(t.History)-1]
	return last.Reason == CodeNotAskedBudget && !t.CheckedAt.After(last.At)
}

// AskSoon brings the next question about t forward to at. ErrUnchanged where it is asked by then anyway, or cannot be.
func (t *Topup) AskSoon(at time.Time) error {
	if !t.DueAt.IsZero() && !t.DueAt.After(at) {
		return ErrUnchanged
	}
	return t.askNow(at)
}

// MoreUrgent orders top-ups by how much a question about them is worth: what is open before what is only confirmed, the
// one sent on an earlier day first, then the larger amount, then the one sent earlier. It is for slices.SortFunc.
func MoreUrgent(a, b *Topup) int {
	const day = 24 * time.Hour
	return cmp.Or(
		cmp.Compare(settled(a.State), settled(b.State)),
		a.SentAt.UTC().Truncate(day).Compare(b.SentAt.UTC().Truncate(day)),
		cmp.Compare(b.Amount.Micros(), a.Amount.Micros()),
		a.SentAt.Compare(b.SentAt),
	)
}

// settled is 1 for a state whose outcome is known.
func settled(s State) int {
	if s.Closed() {
		return 1
	}
	return 0
}
