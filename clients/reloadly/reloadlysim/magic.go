package reloadlysim

import (
	"strings"
	"time"
)

// magicPending is how long the magic pending orders stay PROCESSING, magicHidden how long the hidden ones are.
const (
	magicPending = 2 * time.Second
	magicHidden  = 3 * time.Second
	magicSlow    = 1500 * time.Millisecond
)

// magicExchange is the fault of the exchange that a recipient's last four digits ask for, for orders only.
func (s *Sim) magicExchange(c *call) (Rule, bool) {
	if !s.opt.Magic || !c.placing {
		return Rule{}, false
	}
	switch lastFour(c.recipient) {
	case "9003", "9012":
		return Rule{Fault: "cut_after"}, true
	case "9004":
		return Rule{Fault: "timeout_before", Delay: time.Nanosecond}, true
	case "9005":
		return Rule{Fault: "error", Code: "INVALID_RECIPIENT_PHONE", Body: "Recipient phone number is not valid"}, true
	case "9007":
		return Rule{Fault: "http_500_after"}, true
	case "9008":
		return Rule{Fault: "http_500_before"}, true
	case "9009":
		return Rule{Fault: "truncated"}, true
	case "9010":
		if s.greeted[c.recipient] {
			return Rule{}, false
		}
		s.greeted[c.recipient] = true
		return Rule{Fault: "recently_recharged"}, true
	case "9011":
		return Rule{Fault: "slow", Delay: magicSlow}, true
	}
	return Rule{}, false
}

// magicOrder is the fault of the order that a recipient asks for.
func (s *Sim) magicOrder(c *call) (Rule, bool) {
	if !s.opt.Magic {
		return Rule{}, false
	}
	switch lastFour(c.recipient) {
	case "9001":
		return Rule{Fault: "pending", Delay: magicPending}, true
	case "9002":
		return Rule{Fault: "pending", Delay: magicPending, Code: "failed"}, true
	case "9006":
		return Rule{Fault: "reverse", Delay: s.opt.ReverseAfter}, true
	case "9012":
		return Rule{Fault: "not_found", Delay: magicHidden}, true
	}
	return Rule{}, false
}

func lastFour(recipient string) string {
	if len(recipient) < 4 || strings.Contains(recipient, "@") {
		return ""
	}
	return recipient[len(recipient)-4:]
}
