package harness

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Violation is one promise broken for one top-up; ID is empty where it is nobody's in particular.
type Violation struct {
	Invariant string
	ID        topup.ID
	Text      string
}

// String is the violation on one line.
func (v Violation) String() string { return fmt.Sprintf("%s %s %s", v.Invariant, v.ID, v.Text) }

// Invariants are the names of those that Judge computes, with what they promise.
var Invariants = []struct{ Name, Promise string }{
	{"I1", "booked at the provider at most once"},
	{"I2", "acknowledged, so it reaches an outcome and the merchant holds its event"},
	{"I3", "never failed or safe to refund while the provider holds a booking"},
	{"I4", "never succeeded without a booking of this reference, number and amount"},
	{"I8", "no move outside the table, versions rise, one state per version"},
	{"I9", "after the faults, open top-ups settle within a check interval"},
	{"I11", "every callback's signature holds"},
	{"I17", "debited at the providers = succeeded + still open and booked"},
	{"sound", "no process panics, deadlocks or races"},
}

// Judge computes all violations in the evidence.
func (e *Evidence) Judge() []Violation {
	var out []Violation
	say := func(invariant string, id topup.ID, format string, args ...any) {
		out = append(out, Violation{invariant, id, fmt.Sprintf(format, args...)})
	}
	told := Told(e.Deliveries)
	known := map[topup.ID]*Subject{}
	for _, s := range e.Subjects {
		known[s.ID] = s
		e.judgeBooking(s, say)
		e.judgeOutcome(s, told[s.ID], say)
		e.judgeHistory(s.ID, say)
	}
	for id := range e.Books {
		if known[id] == nil {
			say("I17", id, "booked without an order")
		}
	}
	e.judgeDeliveries(known, say)
	e.judgeMoney(say)
	for _, f := range e.Forged {
		say("I11", "", "callback %s", f)
	}
	for _, line := range e.broken() {
		say("sound", "", "%s", line)
	}
	return out
}

type sayer func(invariant string, id topup.ID, format string, args ...any)

func (e *Evidence) judgeBooking(s *Subject, say sayer) {
	b := e.Books[s.ID]
	if b.Count > 1 {
		say("I1", s.ID, "booked %d times", b.Count)
	}
	rec, there := e.Records[s.ID]
	switch {
	case !there:
		if b.Stands() {
			say("I17", s.ID, "booked, but the merchant's API knows nothing of it")
		}
	case s.Lies:
	case (rec.State == "failed" || rec.RefundSafe) && b.Stands():
		say("I3", s.ID, "%s (refund_safe %t) while the books say %s", rec.State, rec.RefundSafe, b.State)
	case rec.State == "succeeded" && (b.Count == 0 || b.State != "booked"):
		say("I4", s.ID, "succeeded while the books say %q", b.State)
	case rec.State == "succeeded" && !s.matches(b):
		say("I4", s.ID, "succeeded, ordered %s %s for %s, booked %s %s for %s", s.Order.Amount, s.Order.Currency, s.Order.Recipient, b.Amount, b.Currency, b.Recipient)
	}
}

func (e *Evidence) judgeOutcome(s *Subject, told int, say sayer) {
	if s.AckedAt.IsZero() {
		return
	}
	rec, there := e.Records[s.ID]
	if !there {
		say("I2", s.ID, "acknowledged at %s and not there any more", s.AckedAt.Format(clock))
		return
	}
	if !Outcome(rec.State) {
		say("I2", s.ID, "still %s", rec.State)
		return
	}
	if want := lastOutcome(e.Histories[s.ID]); told < want {
		say("I2", s.ID, "%s since version %d, but the merchant was told of version %d last", rec.State, want, told)
	}
}

// moves is the table of states as the public contract has it, written out a second time on purpose.
var moves = map[string]string{
	"":           "accepted",
	"accepted":   "submitting failed held",
	"submitting": "succeeded failed pending unknown accepted held",
	"pending":    "succeeded failed unresolved",
	"unknown":    "succeeded failed pending accepted unresolved",
	"held":       "accepted failed",
	"unresolved": "succeeded failed",
	"succeeded":  "reversed",
	"failed":     "succeeded",
}

func (e *Evidence) judgeHistory(id topup.ID, say sayer) {
	state := ""
	for i, l := range e.Histories[id] {
		if l.From != state {
			say("I8", id, "move %d starts at %s, but the state was %s", i+1, l.From, state)
		}
		if !slices.Contains(strings.Fields(moves[l.From]), l.To) {
			say("I8", id, "move %d from %s to %s is not in the table", i+1, l.From, l.To)
		}
		state = l.To
	}
	if rec, there := e.Records[id]; there && len(e.Histories[id]) > 0 && rec.State != state && !Outcome(state) {
		say("I8", id, "the record is %s, its history ends with %s", rec.State, state)
	}
}

func (e *Evidence) judgeDeliveries(known map[topup.ID]*Subject, say sayer) {
	highest, states := map[topup.ID]int{}, map[string]string{}
	for _, d := range e.Deliveries {
		s := known[d.ID]
		if s == nil {
			say("I8", d.ID, "a callback about a top-up that nobody ordered")
			continue
		}
		if before, seen := states[d.WebhookID]; seen {
			if before != d.State {
				say("I8", d.ID, "%s told both %s and %s", d.WebhookID, before, d.State)
			}
		} else if states[d.WebhookID] = d.State; d.Version <= highest[d.ID] {
			say("I8", d.ID, "version %d (%s) came first after version %d", d.Version, d.State, highest[d.ID])
		}
		highest[d.ID] = max(highest[d.ID], d.Version)
		if h := e.Histories[d.ID]; d.Version < 1 || d.Version > len(h) || h[d.Version-1].To != d.State {
			say("I8", d.ID, "version %d told %s, the history does not", d.Version, d.State)
		}
		if s.Lies {
			continue
		}
		if (d.State == "failed" || d.RefundSafe) && d.Booking.Stands() {
			say("I3", d.ID, "told %s (refund_safe %t) while the books said %s", d.State, d.RefundSafe, d.Booking.State)
		}
		if d.State == "succeeded" && (!d.Known || d.Booking.Count == 0) {
			say("I4", d.ID, "told succeeded while the books had nothing")
		}
	}
}

// judgeMoney compares what the providers have debited with what the records admit to.
func (e *Evidence) judgeMoney(say sayer) {
	debited, admitted := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}
	for _, s := range e.Subjects {
		b, key := e.Books[s.ID], s.Order.Provider+" "+s.Order.Currency
		if b.Stands() {
			debited[key] = debited[key].Add(b.Amount.Mul(decimal.NewFromInt(int64(b.Count))))
		}
		rec := e.Records[s.ID]
		amount, err := decimal.NewFromString(s.Order.Amount)
		if err != nil {
			say("I17", s.ID, "unreadable amount %q", s.Order.Amount)
			continue
		}
		open := rec.State != "failed" && rec.State != "reversed" && rec.State != "succeeded" && b.Stands()
		lied := s.Lies && b.Stands()
		if rec.State == "succeeded" && !s.Lies || open || lied {
			admitted[key] = admitted[key].Add(amount)
		}
	}
	keys := slices.Collect(maps.Keys(debited))
	keys = slices.AppendSeq(keys, maps.Keys(admitted))
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if !debited[key].Equal(admitted[key]) {
			say("I17", "", "%s: debited %s, admitted %s", key, debited[key], admitted[key])
		}
	}
}

// LateRepeats counts deliveries of an older version that came again after a newer one: allowed where a sender was
// frozen with its request under way, and worth knowing.
func (e *Evidence) LateRepeats() int {
	n, highest := 0, map[topup.ID]int{}
	for _, d := range e.Deliveries {
		if d.Version < highest[d.ID] {
			n++
		}
		highest[d.ID] = max(highest[d.ID], d.Version)
	}
	return n
}

// broken are the log lines that no process should ever write: a data race, a panic.
func (e *Evidence) broken() []string {
	var out []string
	for name, text := range e.Logs {
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte("WARNING: DATA RACE")) || bytes.HasPrefix(line, []byte("panic:")) || bytes.HasPrefix(line, []byte("fatal error:")) ||
				bytes.Contains(line, []byte(`"msg":"handler panicked"`)) {
				out = append(out, name+": "+string(bytes.TrimSpace(line)))
			}
		}
	}
	return out
}
