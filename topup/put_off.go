package topup

import (
	"cmp"
	"time"
)

// PutOff leaves the question about t to its next scheduled check, because it cannot be asked now: the day's status
// calls are used up. That proves nothing, so nothing else changes, and no last check counts as asked: an open one
// stays open. A sender that has not come back is taken to unknown all the same. ErrUnchanged where no question is due.
func (t *Topup) PutOff(p Policy, now time.Time) error {
	switch t.State {
	case Submitting:
		if err := t.Rescue(p, now); err != nil {
			return err
		}
		t.DueAt = p.openPlan(t.ID).NextOpen(t.subject(), now)
	case Pending, Unknown:
		t.DueAt = p.openPlan(t.ID).NextOpen(t.subject(), now)
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
