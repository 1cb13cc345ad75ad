package aatsim

import (
	"strings"

	"topupq/clients/internal/simulation"
)

// Match says which calls a rule is for. Each field is a pattern in which * stands for any text and ? for any one
// character; an empty one matches everything. For GetTransactionInfo the recipient is that of the transaction asked
// for; a leading + of the pattern is dropped. A Match that is empty altogether is for Perform calls and
// GetTransactionInfo (with fault "unauthorized" for every call); Path "*" is for every call.
type Match = simulation.Match

// Rule gives the calls that match a fault.
type Rule = simulation.Rule

// fits reports whether the rule is for the call.
func (in *inbound) fits(r Rule) bool {
	f, known := findFault(r.Fault)
	switch {
	case !known:
		return false
	case (f.kind == kindTransaction || f.kind == kindRefusal) && !in.pays():
		return false
	case f.kind == kindStatus && in.operation.name != "GetTransactionInfo":
		return false
	case f.name == "drop_kept_alive_after" && !in.reused:
		return false
	case r.Match == Match{} && f.name != "unauthorized" && !in.aboutTransaction():
		return false
	}
	m := r.Match
	m.Recipient = strings.TrimPrefix(m.Recipient, "+")
	return m.Fits(in.reference, in.recipient, in.path)
}

// Heal forgets all rules: from now on every call is answered as it should be. What has been decided about orders
// already stays.
func (s *Sim) Heal() { s.rules.Clear() }

// take returns the rules for a call and counts them: every one about the transaction or its status, and the first
// one about the answer. The caller holds the lock.
func (s *Sim) take(in *inbound) (about []Rule, answer Rule) {
	var magic []Rule
	if s.opts.Magic {
		magic = s.magic(in)
	}
	return s.rules.Take(magic, in.fits, func(r Rule) bool {
		f, _ := findFault(r.Fault)
		return f.kind == kindTransaction || f.kind == kindStatus
	})
}
