package topup

import "time"

// RecordCheck applies the answer to a question about t. A failed question (the zero Outcome) teaches nothing, but
// time still counts: what is open at its last scheduled check becomes unresolved, never failed. It returns
// ErrNotAllowed for a top-up that the provider cannot know (accepted, held) or whose send is still running.
func (t *Topup) RecordCheck(p Policy, o Outcome, now time.Time) error {
	if t.State == Submitting {
		if err := t.Rescue(p, now); err != nil {
			return err
		}
	}
	t.Checks++
	t.CheckedAt = now
	if o.Answer == Unclear && o.Code == CodeAnswerUnreadable {
		t.raise(o.Code, o.ProviderMessage)
	}
	switch t.State {
	case Pending, Unknown:
		return t.checkOpen(p, o, now)
	case Unresolved:
		return t.checkUnresolved(p, o, now)
	case Succeeded, Failed:
		return t.checkClosed(p, o, now)
	case Accepted, Held:
		if o.Answer == Delivered { // it was asked about before others proved it absent, wrongly
			return t.recordLate(p, o, now)
		}
		return ErrNotAllowed
	default:
		return ErrNotAllowed
	}
}

func (t *Topup) checkOpen(p Policy, o Outcome, now time.Time) error {
	switch o.Answer {
	case Delivered:
		return t.succeed(p, ActorCheck, o, now)
	case Refused:
		t.learn(o)
		return t.fail(ActorCheck, o.Code, o, now)
	case Mismatch:
		t.raise(CodeMismatch, o.ProviderMessage)
		return t.unresolved(p, CodeMismatch, o, now)
	case Absent:
		return t.checkAbsent(p, o, now)
	case InProgress:
		t.learn(o)
		t.Absences = 0
		if t.State == Unknown && !t.overdue(p, now) {
			return t.open(Pending, p, ActorCheck, CodeInProgress, o, now)
		}
	default: // nothing was learned
	}
	return t.stayOpen(p, o, now)
}

// stayOpen plans the next question, or hands t to a person when the last one has been asked.
func (t *Topup) stayOpen(p Policy, o Outcome, now time.Time) error {
	if t.overdue(p, now) {
		return t.unresolved(p, CodeNoOutcome, o, now)
	}
	t.DueAt = p.openPlan(t.ID).NextOpen(t.subject(), now)
	if t.State == Unknown && t.Absences > 0 {
		t.DueAt = earlier(t.DueAt, p.absenceDue(t, now))
	}
	t.UpdatedAt = now
	return nil
}

// absenceDue is when an absence is asked about again: once it can be proof, and soon after a first one that came late,
// so that the proof does not wait for the next regular check. The zero time leaves it to that.
func (p Policy) absenceDue(t *Topup, now time.Time) time.Time {
	if final := p.absenceFinal(t); now.Before(final) {
		return final
	}
	if t.Absences == 1 {
		return now.Add(p.soon())
	}
	return time.Time{}
}

func (t *Topup) overdue(p Policy, now time.Time) bool {
	return !now.Before(p.Plan.LastCheck(t.subject()))
}

// checkAbsent counts "no such reference". Twice, the second time later than the provider may hold a request, is
// proof; the same reference may then be sent again. A pending one cannot be absent: the provider had it.
func (t *Topup) checkAbsent(p Policy, o Outcome, now time.Time) error {
	if t.State == Pending {
		t.raise(CodeContradiction, "a pending order is not found at the provider")
		return t.stayOpen(p, o, now)
	}
	t.Absences++
	if t.Absences < 2 || now.Before(p.absenceFinal(t)) {
		return t.stayOpen(p, o, now)
	}
	return t.proveAbsent(p, o, now)
}

// proveAbsent acts on the proof. Where only a resend of the same reference can tell, the proof is not good enough
// to fail or to hold: then the resend is the probe, or asking goes on.
func (t *Topup) proveAbsent(p Policy, o Outcome, now time.Time) error {
	weak := !p.Traits.AbsenceByAnswer
	spent := t.Resends >= p.maxResends()
	if t.Home != "" {
		return t.goHome(p, o, now)
	}
	if !p.Traits.RefusesRepeat || (weak && (spent || t.Expired(now))) {
		return t.stayOpen(p, o, now)
	}
	if t.Refusal != nil && !weak {
		refusal := *t.Refusal
		return t.fail(ActorCheck, refusal.Code, Outcome{ProviderCode: refusal.ProviderCode}, now)
	}
	t.Resends++
	t.Unproved, t.DueAt, t.Waiting, t.Absences = weak, now, CodeAbsenceProved, 0
	if err := t.move(Accepted, now, Move{Actor: ActorCheck, Reason: CodeAbsenceProved, ProviderCode: o.ProviderCode}); err != nil {
		return err
	}
	switch {
	case t.forgottenElsewhere(time.Time{}):
		return nil // before the next send, and before it expires, the others of its route are asked
	case t.Expired(now):
		return t.Expire(now)
	case spent:
		return t.hold(ActorCheck, CodeResendsUsedUp, o, now)
	}
	return nil
}

// checkUnresolved closes t on late truth; anything else leaves it to the person and the next sweep.
func (t *Topup) checkUnresolved(p Policy, o Outcome, now time.Time) error {
	switch o.Answer {
	case Delivered:
		return t.succeed(p, ActorCheck, o, now)
	case Refused:
		t.learn(o)
		return t.fail(ActorCheck, o.Code, o, now)
	default: // nothing that closes it
	}
	t.DueAt = time.Time{}
	if next, more := p.Plan.NextUnresolved(t.subject(), now); more {
		t.DueAt = next
	}
	return nil
}

// checkClosed confirms an outcome, or corrects it: one contradicting read-back raises an incident and is asked
// again soon, a second identical one is believed.
func (t *Topup) checkClosed(p Policy, o Outcome, now time.Time) error {
	contradicts := (t.State == Succeeded && o.Answer == Refused) || (t.State == Failed && o.Answer == Delivered)
	if contradicts {
		return t.contradict(p, o, now)
	}
	if o.Answer == Mismatch {
		t.raise(CodeMismatch, o.ProviderMessage)
	}
	if t.State == Failed {
		t.checkFailed(p, o, now)
		return nil
	}
	if o.Answer == Unclear && t.Contradictions > 0 {
		t.askOn(p, now)
		return nil
	}
	t.Contradictions = 0
	if o.Answer == Delivered {
		t.learn(o)
	}
	t.planConfirm(p, now)
	if t.DueAt.IsZero() {
		t.finishConfirm(p, o, now)
	}
	return nil
}

// checkFailed ends the doubt about a failure when the provider denies the order or does not know it; with anything
// else asking goes on, since a failure is asked about only where something speaks against it.
func (t *Topup) checkFailed(p Policy, o Outcome, now time.Time) {
	if o.Answer == Refused || o.Answer == Absent {
		t.Contradictions, t.DueAt = 0, time.Time{}
		return
	}
	if o.Answer == InProgress {
		t.raise(CodeContradiction, "the provider is still at an order that it had refused")
	}
	t.askOn(p, now)
}

// askOn plans the next question about a closed top-up that something speaks against, for as long as unresolved ones
// are asked about.
func (t *Topup) askOn(p Policy, now time.Time) {
	t.DueAt = time.Time{}
	if _, more := p.Plan.NextUnresolved(t.subject(), now); more {
		t.DueAt = p.Plan.NextOpen(t.subject(), now)
	}
}

// finishConfirm marks t confirmed after its last check, or goes on at the next sweep when nothing was learned.
func (t *Topup) finishConfirm(p Policy, o Outcome, now time.Time) {
	if o.Answer == Delivered {
		t.ConfirmedAt, t.UpdatedAt = now, now
		return
	}
	if p.Plan.Confirm == ConfirmNone {
		return
	}
	if next, more := p.Plan.NextUnresolved(t.subject(), now); more {
		t.DueAt = next
	}
}

func (t *Topup) contradict(p Policy, o Outcome, now time.Time) error {
	t.Contradictions++
	t.raise(CodeContradiction, "the provider contradicts the outcome "+t.State.String())
	if t.Contradictions < 2 {
		t.DueAt = now.Add(p.soon())
		return nil
	}
	t.learn(o)
	t.Contradictions = 0
	if t.State == Failed {
		return t.succeed(p, ActorCheck, o, now)
	}
	t.Failure = &Failure{Code: o.Code, Message: FailureText(o.Code), ProviderCode: o.ProviderCode}
	t.DueAt = time.Time{}
	return t.move(Reversed, now, t.by(ActorCheck, o))
}

// soon is the wait before a contradicting answer is asked for again: the first early check.
func (p Policy) soon() time.Duration {
	if len(p.Plan.Early) > 0 {
		return p.Plan.Early[0]
	}
	return p.Plan.Interval
}
