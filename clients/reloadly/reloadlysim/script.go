package reloadlysim

import "topupq/clients/internal/simulation"

// Match says which calls a Rule is for. Reference is customIdentifier: of the order, or of the order that is asked
// for; Recipient is tried on the digits with and without "+". A Match that is empty altogether is for orders and for
// what is asked about them, not for tokens and catalogue (except with fault "unauthorized"); Path "*" is for every
// call.
type Match = simulation.Match

// Rule makes calls go wrong. Faults lists the names of faults. Times is how many calls (or answers, for faults of an
// answer) it hits; 0 is all of them.
type Rule = simulation.Rule

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
	return m.Fits(c.ref, c.recipient, c.path) || m.Fits(c.ref, "+"+c.recipient, c.path)
}
