package rechargekitsim

import (
	"strings"
	"time"
)

// Match says which calls a rule is for. Each field is a pattern in which * stands for any text and ? for any one
// character; an empty one matches everything. For statusCheck the recipient is that of the order asked for.
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
	if !known || r.Times > 0 && r.used >= r.Times {
		return false
	}
	if f.kind == kindOrder && !in.pays || f.kind == kindStatus && in.path != pathStatus {
		return false
	}
	if f.name == "drop_kept_alive_after" && !in.reused {
		return false
	}
	return glob(r.Match.Reference, in.reference) && glob(r.Match.Recipient, in.recipient) && glob(r.Match.Path, in.path)
}

// Heal forgets all rules: from now on every call is answered as it should be. What has been decided about orders
// already stays.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// take returns the rules for a call and counts them: every one about the order or its status, and the first one
// about how the answer is delivered. The caller holds the lock.
func (s *Sim) take(in *inbound) (about []Rule, delivery Rule) {
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
		if f.kind == kindDelivery && found {
			continue
		}
		r.used++
		if f.kind == kindDelivery {
			delivery, found = *r, true
			continue
		}
		about = append(about, *r)
	}
	return about, delivery
}

// glob reports whether text fits pattern; an empty pattern fits everything.
func glob(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return sameText(pattern, text)
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !sameText(first, text[:len(first)]) || !sameText(last, text[len(text)-len(last):]) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := indexText(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// sameText compares text of one length, ? standing for any character.
func sameText(pattern, text string) bool {
	if len(pattern) != len(text) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] != '?' && pattern[i] != text[i] {
			return false
		}
	}
	return true
}

func indexText(text, part string) int {
	for at := 0; at+len(part) <= len(text); at++ {
		if sameText(part, text[at:at+len(part)]) {
			return at
		}
	}
	return -1
}
