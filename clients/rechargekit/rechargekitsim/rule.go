package rechargekitsim

import "topupq/clients/internal/simulation"

// Match says which calls a rule is for. Each field is a pattern in which * stands for any text and ? for any one
// character; an empty one matches everything. For statusCheck the recipient is that of the order asked for.
type Match = simulation.Match

// Rule gives the calls that match a fault.
type Rule = simulation.Rule

// fits reports whether the rule is for the call.
func (in *inbound) fits(r Rule) bool {
	f, known := findFault(r.Fault)
	if !known {
		return false
	}
	if f.kind == kindOrder && !in.pays || f.kind == kindStatus && in.path != pathStatus {
		return false
	}
	if f.name == "drop_kept_alive_after" && !in.reused {
		return false
	}
	return r.Match.Fits(in.reference, in.recipient, in.path)
}

// Heal forgets all rules: from now on every call is answered as it should be. What has been decided about orders
// already stays.
func (s *Sim) Heal() { s.rules.Clear() }

// take returns the rules for a call and counts them: every one about the order or its status, and the first one
// about how the answer is delivered. The caller holds the lock.
func (s *Sim) take(in *inbound) (about []Rule, delivery Rule) {
	var magic []Rule
	if s.opts.Magic {
		magic = s.magic(in)
	}
	return s.rules.Take(magic, in.fits, func(r Rule) bool {
		f, _ := findFault(r.Fault)
		return f.kind != kindDelivery
	})
}
