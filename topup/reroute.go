package topup

import (
	"cmp"
	"slices"
	"time"
)

// CodeRerouted is the reason of the moves by which another provider takes a top-up over.
const CodeRerouted Code = "rerouted"

// blockedCodes are why a provider refuses every order of ours until a person has helped; awayCodes why it may take
// this one later.
var (
	blockedCodes = [...]Code{CodeFloatEmpty, CodeAccountLimit, CodeCredentialsRefused}
	awayCodes    = [...]Code{CodeProviderUnreachable, CodeProviderError, CodeOperatorUnavailable}
)

// MayReroute reports whether another provider may take t over: there is one, and nothing of any send of t can have
// reached a provider. After a restore of the store nobody knows that, so such a top-up stays where it is.
func (t *Topup) MayReroute() bool {
	return (t.State == Accepted || t.State == Held) && len(t.Alternates) > 0 &&
		!t.Exposed && !t.Unproved && t.Refusal == nil && t.RecoveredAt.IsZero()
}

// WantsReroute reports whether t has waited long enough for its own provider: at once where that refuses us, after
// patience where it is away.
func (t *Topup) WantsReroute(patience time.Duration, now time.Time) bool {
	if !t.MayReroute() {
		return false
	}
	first := t.firstSent()
	return slices.Contains(blockedCodes[:], t.Waiting) ||
		slices.Contains(awayCodes[:], t.Waiting) && !first.IsZero() && now.Sub(first) >= patience
}

// Reroute hands t to another provider, one of Alternates, as product, due at once with fresh tries; why is what kept
// its own provider from taking it. It fails with ErrNotAllowed unless MayReroute.
func (t *Topup) Reroute(to ProviderName, product Product, why Code, now time.Time) error {
	i := slices.Index(t.Alternates, to)
	if i < 0 || !t.MayReroute() {
		return ErrNotAllowed
	}
	note := string(t.Provider) + " to " + string(to)
	if t.State == Accepted {
		if err := t.move(Held, now, Move{Actor: ActorWorker, Reason: why}); err != nil {
			return err
		}
	}
	t.Provider, t.Alternates, t.Resolved = to, t.Alternates[i+1:], &product
	t.Tries, t.Resends, t.Refreshed, t.Waiting, t.Failure = 0, 0, false, "", nil
	t.Predicted, t.Network, t.DueAt = Money{}, "", now
	return t.move(Accepted, now, Move{Actor: ActorWorker, Reason: CodeRerouted, Note: note})
}

// StayRouted gives up the alternates: none of them takes t, or has it.
func (t *Topup) StayRouted() error {
	if t.State != Accepted || len(t.Alternates) == 0 {
		return ErrNotAllowed
	}
	t.Alternates = nil
	return nil
}

// MayBeElsewhere reports whether another provider may have t although the record does not say so: the store was
// recovered, and may have forgotten that t was rerouted and sent, or that there ever was a t.
func (t *Topup) MayBeElsewhere(recovered time.Time) bool {
	return t.State == Accepted && t.forgottenElsewhere(recovered)
}

// FoundElsewhere takes a top-up that another provider has, or may have, to be asked about there. No send happens; when it
// is not there after all it goes back to its own provider, which may have it, and the other alternates are asked.
func (t *Topup) FoundElsewhere(at ProviderName, now time.Time) error {
	i := slices.Index(t.Alternates, at)
	if t.State != Accepted || i < 0 {
		return ErrNotAllowed
	}
	t.Home = cmp.Or(t.Home, t.Provider)
	t.Provider, t.Alternates, t.Resolved, t.Exposed = at, t.Alternates[i+1:], nil, true
	t.SentAt, t.SendDeadline, t.Absences = now, now, 0
	return t.askAgain(CodeRestored, now)
}

// handsOn reports whether a top-up that was just refused for why is one for another provider.
func (t *Topup) handsOn(why Code) bool {
	return len(t.Alternates) > 0 && !t.Unproved && t.Refusal == nil && t.RecoveredAt.IsZero() && slices.Contains(blockedCodes[:], why)
}

// awaitReroute leaves a top-up that its provider refuses to the next look, which hands it on.
func (t *Topup) awaitReroute(o Outcome, now time.Time) error {
	t.DueAt, t.Waiting = now, o.Code
	return t.move(Accepted, now, t.by(ActorWorker, o))
}

// firstSent is when t was claimed first, the zero time if never.
func (t *Topup) firstSent() time.Time {
	for _, m := range t.History {
		if m.To == Submitting {
			return m.At
		}
	}
	return time.Time{}
}
