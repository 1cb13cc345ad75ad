package reloadlysim

import (
	"strings"
	"time"
)

// Match says which calls a Rule is for. The fields are patterns in which "*" stands for any text and "?" for one
// character; an empty one matches all. A Match that is empty altogether is for orders and for what is asked about
// them, not for tokens and catalogue (except with fault "unauthorized"); Path "*" is for every call.
type Match struct {
	// Reference is customIdentifier: of the order, or of the order that is asked for.
	Reference string `json:"reference"`
	// Recipient is tried on the digits with and without "+".
	Recipient string `json:"recipient"`
	Path      string `json:"path"`
}

// Rule makes calls go wrong. Faults lists the names of faults.
type Rule struct {
	Match Match  `json:"match"`
	Fault string `json:"fault"`
	// Times is how many calls (or answers, for faults of an answer) it hits; 0 is all of them.
	Times int `json:"times"`
	// Delay, Status, Code and Body mean what the fault says.
	Delay  time.Duration `json:"delay"`
	Status int           `json:"status"`
	Code   string        `json:"code"`
	Body   string        `json:"body"`
}

// scripted is a rule with what is left of it.
type scripted struct {
	Rule
	left int
	born int64 // compares with the IDs of orders
}

// Script adds a rule. Rules are tried in the order they were added; at most one fault of the exchange and one of
// each other kind hits a call. A fault that nobody knows changes nothing.
func (s *Sim) Script(r Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	s.rules = append(s.rules, &scripted{Rule: r, left: r.Times, born: s.serial})
}

// Heal forgets all rules: from now on every call is answered as it should be. What has been decided about orders
// already stays.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// find returns the first live rule of the kind that matches c.
func (s *Sim) find(c *call, kind faultKind) *scripted {
	for _, r := range s.rules {
		if r.live() && faultKinds[r.Fault] == kind && r.matches(c) {
			return r
		}
	}
	return nil
}

func (r *scripted) live() bool { return r.Times == 0 || r.left > 0 }

// spend counts one hit.
func (r *scripted) spend() { r.left-- }

func (r *scripted) matches(c *call) bool {
	m := r.Match
	if m == (Match{}) && r.Fault != "unauthorized" && !c.aboutOrder {
		return false
	}
	if r.Fault == "drop_kept_alive_after" && !c.reused {
		return false
	}
	return glob(m.Reference, c.ref) && glob(m.Path, c.path) && (glob(m.Recipient, c.recipient) || glob(m.Recipient, "+"+c.recipient))
}

// glob matches "*" and "?" patterns; an empty pattern matches all.
func glob(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return len(s) == len(head) && same(head, s)
	}
	if len(s) < len(head) || !same(head, s[:len(head)]) {
		return false
	}
	s = s[len(head):]
	if rest == "" {
		return true
	}
	for i := 0; i <= len(s); i++ {
		if glob(rest, s[i:]) {
			return true
		}
	}
	return false
}

func same(pattern, s string) bool {
	for i := range len(pattern) {
		if pattern[i] != '?' && pattern[i] != s[i] {
			return false
		}
	}
	return true
}
