package harness

import (
	"topupq/clients/aat/aatsim"
	"topupq/clients/rechargekit/rechargekitsim"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// The simulators name the type of their rules each for itself.

func reloadlyRule(ref topup.ID, r Rule) reloadlysim.Rule {
	return reloadlysim.Rule{
		Match: reloadlysim.Match{Reference: string(ref), Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	}
}

func aatRule(ref topup.ID, r Rule) aatsim.Rule {
	return aatsim.Rule{
		Match: aatsim.Match{Reference: string(ref), Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	}
}

func rechargeKitRule(ref topup.ID, r Rule) rechargekitsim.Rule {
	return rechargekitsim.Rule{
		Match: rechargekitsim.Match{Reference: string(ref), Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	}
}

// Heal ends all faults of the providers but those that have struck.
func (s *Sims) Heal() {
	s.Reloadly.Heal()
	s.AAT.Heal()
	s.RechargeKit.Heal()
}
