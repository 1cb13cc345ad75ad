package simulation

import (
	"sync"
	"time"
)

// Match says which calls a rule is for. Each field is a pattern in which * stands for any text and ? for any one
// character; an empty one matches everything.
type Match struct {
	Reference string `json:"reference"`
	Recipient string `json:"recipient"`
	Path      string `json:"path"`
}

// Rule gives the calls that match a fault.
type Rule struct {
	Match Match `json:"match"`
	// Fault is a name of GET /_sim/faults, or empty for an ordinary answer (late, with Delay).
	Fault string `json:"fault"`
	// Times is how often the rule applies; 0 is always.
	Times int `json:"times"`
	// Delay, Status, Code and Body mean what the fault's description says; elsewhere Delay puts the answer off.
	Delay  time.Duration `json:"delay"`
	Status int           `json:"status"`
	Code   string        `json:"code"`
	Body   string        `json:"body"`
}

// Fits reports whether the match is for a call about this order on this path.
func (m Match) Fits(reference, recipient, path string) bool {
	return glob(m.Reference, reference) && glob(m.Recipient, recipient) && glob(m.Path, path)
}

// Script is rules in the order in which they were added, with how often each has applied. The zero value has none.
// It is safe for concurrent use, also below a simulator's own lock.
type Script struct {
	mu    sync.Mutex
	rules []*counted
}

type counted struct {
	Rule

	used int
}

// Add adds a rule behind those that are there.
func (s *Script) Add(r Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &counted{Rule: r})
}

// Clear forgets all rules.
func (s *Script) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// Take returns the rules that fit a call and counts them: every one that is about the order, and the first of the
// others, which decides the answer. The magic rules of the call come last and are not kept.
func (s *Script) Take(magic []Rule, fits, isAbout func(Rule) bool) (about []Rule, answer Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := s.rules[:len(s.rules):len(s.rules)]
	for _, m := range magic {
		rules = append(rules, &counted{Rule: m})
	}
	found := false
	for _, r := range rules {
		if r.Times > 0 && r.used >= r.Times || !fits(r.Rule) {
			continue
		}
		switch {
		case isAbout(r.Rule):
			r.used++
			about = append(about, r.Rule)
		case !found:
			r.used++
			answer, found = r.Rule, true
		}
	}
	return about, answer
}
