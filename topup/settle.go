package topup

import "time"

// RecordSend applies the answer to the paying call made under token. It is the table of docs/states.md: what is
// proved moves the top-up to its outcome, what is provably not sent back to accepted or held, the rest to unknown.
// When the claim is no longer ours the answer is only evidence: see recordLate. Recorded twice it is ErrUnchanged.
func (t *Topup) RecordSend(p Policy, token uint64, o Outcome, now time.Time) error {
	if t.State != Submitting || t.Claim != token {
		if t.answered(token) {
			return ErrUnchanged
		}
		return t.recordLate(p, o, now)
	}
	t.learn(o)
	switch o.Answer {
	case Delivered:
		return t.succeed(p, ActorWorker, o, now)
	case Refused:
		return t.settleRefused(p, o, now)
	case InProgress:
		t.Exposed = true
		return t.open(Pending, p, ActorWorker, CodeInProgress, o, now)
	case NotTaken:
		return t.settleNotTaken(p, o, now)
	case Blocked:
		if t.Exposed {
			return t.settleUnknown(p, o, now)
		}
		if t.handsOn(o.Code) {
			return t.awaitReroute(o, now)
		}
		return t.hold(ActorWorker, o.Code, o, now)
	case Mismatch:
		return t.settleMismatch(p, o, now)
	default:
		return t.settleUnknown(p, o, now)
	}
}

// settleRefused fails a first send; the refusal of a re-send may come before the provider's duplicate check, so
// the first send is asked about and the refusal kept until it is proved absent.
func (t *Topup) settleRefused(p Policy, o Outcome, now time.Time) error {
	if t.Exposed {
		t.Refusal = &Failure{Code: o.Code, Message: FailureText(o.Code), ProviderCode: o.ProviderCode}
		return t.settleUnknown(p, o, now)
	}
	if o.RefreshCatalogue && t.Product.VoucherID == 0 && t.Product.OperatorID == 0 && !t.Refreshed {
		t.Refreshed, t.Resolved, t.DueAt, t.Waiting = true, nil, now, o.Code
		return t.move(Accepted, now, t.by(ActorWorker, o))
	}
	return t.fail(ActorWorker, o.Code, o, now)
}

// settleNotTaken puts t back for the same request later, or to a person when the tries are used up. With an
// earlier send that is not proved absent only asking is left.
func (t *Topup) settleNotTaken(p Policy, o Outcome, now time.Time) error {
	if !o.Unspent {
		t.Tries++
	}
	if t.Tries >= p.maxTries() {
		if t.Unproved {
			return t.settleUnknown(p, o, now)
		}
		return t.hold(ActorWorker, CodeRetriesUsedUp, o, now)
	}
	wait := o.RetryAfter
	if wait <= 0 {
		wait = p.backoff(max(t.Tries, 1))
	}
	t.DueAt, t.Waiting = now.Add(wait), o.Code
	return t.move(Accepted, now, t.by(ActorWorker, o))
}

// settleUnknown records that the send may or may not have arrived.
func (t *Topup) settleUnknown(p Policy, o Outcome, now time.Time) error {
	t.Exposed = true
	code := o.Code
	if code == "" {
		code = CodeAnswerLost
	}
	if code == CodeAnswerUnreadable {
		t.raise(code, o.ProviderMessage)
	}
	return t.open(Unknown, p, ActorWorker, code, o, now)
}

// settleMismatch is a success that is not ours to believe: unknown first, then at once a person's.
func (t *Topup) settleMismatch(p Policy, o Outcome, now time.Time) error {
	t.Exposed = true
	if err := t.open(Unknown, p, ActorWorker, CodeMismatch, o, now); err != nil {
		return err
	}
	t.raise(CodeMismatch, o.ProviderMessage)
	return t.unresolved(p, CodeMismatch, o, now)
}

// recordLate keeps the answer of a worker that lost its claim as evidence: a definite success closes whatever is
// still open, anything else changes nothing but is asked about at once.
func (t *Topup) recordLate(p Policy, o Outcome, now time.Time) error {
	if o.Answer != Delivered {
		return t.askNow(now)
	}
	t.Exposed = true
	switch t.State {
	case Held:
		if err := t.move(Accepted, now, Move{Actor: ActorWorker, Reason: CodeDelivered}); err != nil {
			return err
		}
		fallthrough
	case Accepted:
		if err := t.move(Submitting, now, Move{Actor: ActorWorker, Reason: CodeDelivered}); err != nil {
			return err
		}
		return t.succeed(p, ActorWorker, o, now)
	case Submitting, Pending, Unknown, Unresolved:
		return t.succeed(p, ActorWorker, o, now)
	case Succeeded:
		return ErrUnchanged // it says nothing new
	default:
		return t.askNow(now)
	}
}

// answered reports whether the answer to the call made under token has been recorded: the last one to leave
// submitting was that call's worker, with an answer.
func (t *Topup) answered(token uint64) bool {
	if t.Claim != token {
		return false
	}
	for i := len(t.History) - 1; i >= 0; i-- {
		if m := t.History[i]; m.From == Submitting {
			return m.Actor == ActorWorker && m.Attempt == t.Attempts && m.Reason != CodeRestored && m.Reason != CodeExpired
		}
	}
	return false
}

// askNow makes a top-up that a provider may be asked about due at once.
func (t *Topup) askNow(now time.Time) error {
	switch t.State {
	case Pending, Unknown, Unresolved, Succeeded, Failed:
		t.DueAt = now
		return nil
	default:
		return ErrUnchanged
	}
}

// open moves t to pending or unknown and plans the next question.
func (t *Topup) open(to State, p Policy, actor string, code Code, o Outcome, now time.Time) error {
	t.DueAt, t.Usual = p.openPlan(t.ID).NextOpen(t.subject(), now), p.Settle.Usual()
	t.Waiting = ""
	return t.move(to, now, Move{Actor: actor, Reason: code, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage})
}

// unresolved hands t to a person; the daily sweep goes on asking for a while.
func (t *Topup) unresolved(p Policy, code Code, o Outcome, now time.Time) error {
	t.DueAt = time.Time{}
	if next, more := p.Plan.NextUnresolved(t.subject(), now); more {
		t.DueAt = next
	}
	return t.move(Unresolved, now, Move{Actor: ActorCheck, Reason: code, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage})
}

// by is the history line of an answer.
func (t *Topup) by(actor string, o Outcome) Move {
	return Move{Actor: actor, Reason: o.Code, ProviderCode: o.ProviderCode, ProviderMessage: o.ProviderMessage}
}
