package topup

import "time"

// Actors of the history.
const (
	ActorIntake    = "intake"
	ActorWorker    = "worker"
	ActorCheck     = "check"
	ActorScheduler = "scheduler"
	ActorMerchant  = "merchant"
	operatorPrefix = "operator:"
)

// ActorOperator is the history's name for an operator.
func ActorOperator(name string) string { return operatorPrefix + name }

// Accept makes t an accepted top-up, due at once. t must not have a state yet.
func (t *Topup) Accept(actor string, now time.Time) error {
	t.CreatedAt, t.DueAt, t.Counted = now, now, true
	return t.move(Accepted, now, Move{Actor: actor, Reason: CodeSubmitted})
}

// BeginSend records the intent to send before anything is sent: only the worker whose BeginSend the store has applied may
// make the paying call, with token as its proof. It fails with ErrNotAllowed unless t is accepted and not expired.
func (t *Topup) BeginSend(p Policy, token uint64, now time.Time) error {
	if t.State != Accepted || t.Expired(now) {
		return ErrNotAllowed
	}
	t.Attempts++
	t.Claim, t.SentAt, t.SendDeadline = token, now, now.Add(p.Timeout)
	t.DueAt, t.Waiting, t.Absences = t.SendDeadline.Add(p.Margin), "", 0
	return t.move(Submitting, now, Move{Actor: ActorWorker, Reason: CodeSending})
}

// Expired reports whether an accepted top-up may no longer be sent.
func (t *Topup) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// Expire closes an accepted top-up that is past its expiry. One whose earlier send is not proved absent is not
// failed: it goes back to being asked about, without a send.
func (t *Topup) Expire(now time.Time) error {
	if t.State != Accepted || !t.Expired(now) {
		return ErrNotAllowed
	}
	if !t.mayHaveArrived() {
		return t.fail(ActorScheduler, CodeExpired, Outcome{}, now)
	}
	if !t.Unproved { // asked about for the first time
		t.SentAt, t.SendDeadline, t.Absences = now, now, 0
	}
	return t.askAgain(CodeExpired, now)
}

// askAgain takes an accepted top-up whose earlier send may exist back to unknown. No send happens in between: the
// two moves are one write.
func (t *Topup) askAgain(why Code, now time.Time) error {
	if err := t.move(Submitting, now, Move{Actor: ActorWorker, Reason: why}); err != nil {
		return err
	}
	t.DueAt = now
	return t.move(Unknown, now, Move{Actor: ActorWorker, Reason: why})
}

// Suspect takes an accepted top-up that is older than a recovery of the store back to being asked about: a restored
// copy may have forgotten that it was sent. The answers then decide, as after any lost answer; nothing is sent before.
func (t *Topup) Suspect(p Policy, recovered, now time.Time) error {
	if t.State != Accepted || !t.Predates(recovered) {
		return ErrNotAllowed
	}
	t.RecoveredAt, t.Exposed = later(recovered, now), true
	t.SentAt, t.SendDeadline, t.Absences = now, recovered.Add(p.Timeout), 0
	return t.askAgain(CodeRestored, now)
}

// Doubt does the same for a top-up that is being asked about already: a later send than the one on record may be
// forgotten, so that "no such reference" counts only from the recovery on.
func (t *Topup) Doubt(p Policy, recovered, now time.Time) {
	if !t.Predates(recovered) || (t.State != Submitting && !t.State.Asked()) {
		return
	}
	t.RecoveredAt, t.Exposed, t.Absences = later(recovered, now), true, 0
	if deadline := recovered.Add(p.Timeout); deadline.After(t.SendDeadline) {
		t.SendDeadline = deadline
	}
}

// later is the later of two times: clocks of two machines differ, and what was done about a recovery must not seem to
// come before it.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// resubmitted is how long after a recovery merchants are expected to submit again what the store has forgotten.
const resubmitted = 24 * time.Hour

// MayRepeat marks an accepted top-up that was made within a day after a recovery of the store: the merchant may have
// submitted it before, and what the store has forgotten may have been sent. A refusal of its first send is then no
// proof, as after any earlier send.
func (t *Topup) MayRepeat(recovered time.Time) {
	if t.State == Accepted && t.madeAgain(recovered) {
		t.Exposed = true
	}
}

// Predates reports whether t was made before the store was recovered and has not been asked about since.
func (t *Topup) Predates(recovered time.Time) bool {
	return t.CreatedAt.Before(recovered) && t.RecoveredAt.Before(recovered)
}

// Defer leaves an accepted top-up for later: spacing of its number, a rate limit, a paused provider.
func (t *Topup) Defer(until time.Time, why Code) error {
	if t.State != Accepted {
		return ErrNotAllowed
	}
	t.DueAt, t.Waiting = until, why
	return nil
}

// Rescue takes a submitting top-up whose sender has not come back by the deadline to unknown, to be asked at once.
func (t *Topup) Rescue(p Policy, now time.Time) error {
	if t.State != Submitting || now.Before(t.SendDeadline.Add(p.Margin)) {
		return ErrNotAllowed
	}
	t.Exposed, t.DueAt = true, now
	return t.move(Unknown, now, Move{Actor: ActorScheduler, Reason: CodeWorkerLost})
}

// Replay sends a held top-up again: back to accepted, due at once, with fresh tries.
func (t *Topup) Replay(actor, reason string, now time.Time) error {
	if t.State != Held {
		return ErrNotAllowed
	}
	t.Tries, t.Resends, t.DueAt, t.Failure, t.Waiting = 0, 0, now, nil, ""
	return t.move(Accepted, now, Move{Actor: actor, Reason: CodeReplayed, Note: reason})
}

// Cancel closes an accepted or held top-up that provably was never sent. It fails with ErrNotAllowed otherwise. Of one
// that is InDoubt after a recovery nothing is proved: the caller must not cancel it.
func (t *Topup) Cancel(actor, reason string, now time.Time) error {
	if (t.State != Accepted && t.State != Held) || t.mayHaveArrived() {
		return ErrNotAllowed
	}
	t.Failure = &Failure{Code: CodeCancelled, Message: FailureText(CodeCancelled)}
	t.DueAt = time.Time{}
	return t.move(Failed, now, Move{Actor: actor, Reason: CodeCancelled, Note: reason})
}

// Resolve closes an unresolved top-up on a person's word: to must be Succeeded or Failed, reason is kept.
func (t *Topup) Resolve(to State, actor, reason string, now time.Time) error {
	if t.State != Unresolved || (to != Succeeded && to != Failed) {
		return ErrNotAllowed
	}
	if to == Failed {
		t.Failure = &Failure{Code: CodeResolved, Message: FailureText(CodeResolved)}
	}
	t.DueAt = time.Time{}
	return t.move(to, now, Move{Actor: actor, Reason: CodeResolved, Note: reason})
}

// fail closes t as failed with proof that nobody was charged.
func (t *Topup) fail(actor string, code Code, o Outcome, now time.Time) error {
	t.Failure = &Failure{Code: code, Message: failureSentence(code, o), ProviderCode: o.ProviderCode}
	t.DueAt, t.Waiting, t.Refusal, t.Contradictions = time.Time{}, "", nil, 0
	return t.move(Failed, now, Move{Actor: actor, Reason: code, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage})
}

// hold stops t until a person helps. Only for what is provably not sent.
func (t *Topup) hold(actor string, code Code, o Outcome, now time.Time) error {
	t.Failure = &Failure{Code: code, Message: FailureText(code), ProviderCode: o.ProviderCode}
	t.DueAt, t.Waiting = time.Time{}, ""
	return t.move(Held, now, Move{Actor: actor, Reason: code, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage})
}

// succeed closes t as delivered.
func (t *Topup) succeed(p Policy, actor string, o Outcome, now time.Time) error {
	t.learn(o)
	t.Failure, t.Refusal, t.Waiting, t.Contradictions = nil, nil, "", 0
	if err := t.move(Succeeded, now, Move{Actor: actor, Reason: CodeDelivered, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage}); err != nil {
		return err
	}
	t.planConfirm(p, now)
	return nil
}

// planConfirm sets the next confirm check of a success, or marks it confirmed where there is none.
func (t *Topup) planConfirm(p Policy, now time.Time) {
	next, more := p.Plan.NextConfirm(t.subject(), now)
	if !more {
		t.DueAt = time.Time{}
		return
	}
	t.DueAt = next
}

// learn keeps what an answer tells beside its verdict.
func (t *Topup) learn(o Outcome) {
	if o.Reference != "" {
		t.ProviderReference = o.Reference
	}
	if o.TransactionID != "" {
		t.ProviderTransactionID = o.TransactionID
	}
	if o.OperatorID != "" {
		t.OperatorTransactionID = o.OperatorID
	}
	if !o.Delivered.IsZero() {
		t.Delivered = o.Delivered
	}
	if !o.Cost.IsZero() {
		t.Cost = o.Cost
	}
	if !o.Fee.IsZero() {
		t.Fee = o.Fee
	}
	if !o.Predicted.IsZero() {
		t.Predicted = o.Predicted
	}
	if o.Network != "" {
		t.Network = o.Network
	}
	if o.Resolved != nil {
		t.Resolved = o.Resolved
	}
}
