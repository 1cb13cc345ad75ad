package topup

import (
	"slices"
	"time"
)

// InDoubt reports whether an accepted or held top-up may have been sent in a time that a recovered store has forgotten, and
// nobody has shown the contrary since: its own provider may have it, or another one of its route. What is in doubt is
// neither failed nor cancelled before it was asked about.
func (t *Topup) InDoubt(recovered time.Time) bool {
	return t.Predates(recovered) || t.forgottenElsewhere(recovered) ||
		t.madeAgain(recovered) && !t.provedAbsent() || t.mayHaveArrived()
}

// Withdraw makes sure that t is never sent again, where that it was not sent yet is not proved and it cannot be cancelled:
// it expires now, so that a proof of its absence closes it. ErrUnchanged where nothing could be sent any more.
func (t *Topup) Withdraw(now time.Time) error {
	if t.State == Pending || t.State.Outcome() || t.Expired(now) {
		return ErrUnchanged
	}
	t.ExpiresAt = now
	if t.State == Accepted {
		t.DueAt = now
	}
	return nil
}

// madeAgain reports whether t was made so soon after a recovery that the merchant may have submitted it before.
func (t *Topup) madeAgain(recovered time.Time) bool {
	return !recovered.IsZero() && t.CreatedAt.Before(recovered.Add(resubmitted))
}

// forgottenElsewhere reports whether another provider of t's route may have it although the record does not say so.
func (t *Topup) forgottenElsewhere(recovered time.Time) bool {
	return len(t.Alternates) > 0 && (!t.RecoveredAt.IsZero() || t.madeAgain(recovered))
}

// mayHaveArrived reports whether a send that no refusal could disprove is not proved absent either.
func (t *Topup) mayHaveArrived() bool {
	return t.Unproved || t.Exposed && !t.provedAbsent()
}

// provedAbsent reports whether t's provider has proved that it does not have t.
func (t *Topup) provedAbsent() bool {
	return slices.ContainsFunc(t.History, func(m Move) bool { return m.To == Accepted && m.Reason == CodeAbsenceProved })
}

// goHome gives t back to the provider of its route, since the one where it was looked for does not have it: nothing was
// ever meant to be sent there. Where that one's answers prove nothing, asking goes on.
func (t *Topup) goHome(p Policy, o Outcome, now time.Time) error {
	if !p.Traits.AbsenceByAnswer {
		return t.stayOpen(p, o, now)
	}
	note := string(t.Provider) + " to " + string(t.Home)
	t.Provider, t.Home, t.Resolved = t.Home, "", nil
	t.DueAt, t.Waiting, t.Absences = now, CodeRestored, 0
	return t.move(Accepted, now, Move{Actor: ActorCheck, Reason: CodeRestored, ProviderCode: o.ProviderCode, Note: note})
}
