package aatsim

import (
	"strings"
	"time"
)

// Match says which calls a rule is for. Each field is a pattern in which * stands for any text and ? for any one
// character; an empty one matches everything. For GetTransactionInfo the recipient is that of the transaction asked
// for; a leading + of the pattern is dropped. A Match that is empty altogether is for Perform calls and
// GetTransactionInfo (with fault "unauthorized" for every call); Path "*" is for every call.
type Match struct {
	Reference string
	Recipient string
	Path      string
}

// Rule gives the calls that match a fault.
type Rule struct {
	Match Match
	// Fault is a name of GET /_sim/faults, or empty for an ordinary answer (late, with Delay).
	Fault string
	// Times is how often the rule applies; 0 is always.
	Times int
	// Delay, Status, Code and Body mean what the fault's description says; elsewhere Delay puts the answer off.
	Delay  time.Duration
	Status int
	Code   string
	Body   string

	used int
}

// matches reports whether the rule is for the call and not used up.
func (r *Rule) matches(in *inbound) bool {
	f, known := findFault(r.Fault)
	switch {
	case !known || r.Times > 0 && r.used >= r.Times:
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
	return glob(m.Reference, in.reference) && glob(strings.TrimPrefix(m.Recipient, "+"), in.recipient) && glob(m.Path, in.path)
}

// Heal forgets all rules: from now on every call is answered as it should be. What has been decided about orders
// already stays.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// take returns the rules for a call and counts them: every one about the transaction or its status, and the first
// one about the answer. The caller holds the lock.
func (s *Sim) take(in *inbound) (about []Rule, answer Rule) {
	rules := s.rules
	if s.opts.Magic {
		rules = append(append([]*Rule(nil), rules...), s.magic(in)...)
	}
	found := false
	for _, r := range rules {
		if !r.matches(in) {
			continue
		}
		f, _ := findFault(r.Fault)
		if f.kind == kindTransaction || f.kind == kindStatus {
			r.used++
			about = append(about, *r)
			continue
		}
		if !found {
			r.used++
			answer, found = *r, true
		}
	}
	return about, answer
}

// glob reports whether text fits pattern; an empty pattern fits everything.
func glob(pattern, text string) bool {
	return pattern == "" || fits(pattern, text)
}

// fits walks through both; where a * turns out to have taken too little, it goes back and lets it take one more.
func fits(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
