package reloadlysim

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The four states of a transaction.
const (
	processing = "PROCESSING"
	successful = "SUCCESSFUL"
	refunded   = "REFUNDED"
	failed     = "FAILED"
)

// forever is longer than any test.
const forever = 100 * 365 * 24 * time.Hour

// order is one that was taken.
type order struct {
	id         int64
	ref        string
	country    string
	phone      string
	email      string
	sender     string
	op         *operator
	amount     decimal.Decimal
	local      bool
	price      price
	delivered  decimal.Decimal
	oldBalance decimal.Decimal
	at         time.Time
	// wait is how long it is PROCESSING without any fault.
	wait time.Duration
	// plan is its fault, hidden how long it cannot be found.
	plan     Rule
	planBy   *scripted
	hidden   time.Duration
	hiddenBy *scripted
	reads    int
	async    bool
	// paidBack says that a failure's money has been returned.
	paidBack bool
}

func (o *order) idText() string { return strconv.FormatInt(o.id, 10) }

func (o *order) recipient() string {
	if o.email != "" {
		return o.email
	}
	return o.phone
}

func (o *order) currency() string {
	if o.local {
		return o.op.currency
	}
	return accountCurrency
}

// truth is what has become of the order, whatever answers say.
func (o *order) truth(now time.Time) string {
	age := now.Sub(o.at)
	switch {
	case o.plan.Fault == "pending":
		if age < o.plan.Delay {
			return processing
		}
		return outcome(o.plan.Code, successful)
	case age < o.wait:
		return processing
	case o.plan.Fault == "fail":
		return outcome(o.plan.Code, failed)
	case o.plan.Fault == "reverse" && age >= o.plan.Delay:
		return outcome(o.plan.Code, refunded)
	default:
		return successful
	}
}

// outcome reads a rule's Code.
func outcome(code, missing string) string {
	switch strings.ToLower(code) {
	case "success":
		return successful
	case "failed":
		return failed
	case "refunded":
		return refunded
	default:
		return missing
	}
}

// shown is the status that the next answer tells.
func (o *order) shown(now time.Time) string {
	status := o.truth(now)
	if o.plan.Fault != "flip_flop" || status != successful {
		return status
	}
	o.reads++
	if o.reads%2 == 0 {
		return outcome(o.plan.Code, processing)
	}
	return successful
}

// visible reports whether the order can be found yet.
func (o *order) visible(now time.Time) bool { return now.Sub(o.at) >= o.hidden }

// final reports whether the order can never change again.
func (o *order) final(now time.Time) bool {
	status := o.truth(now)
	if status == processing {
		return false
	}
	return o.plan.Fault != "reverse" || status != successful
}

// state is the ledger's word.
func (o *order) state(now time.Time) string {
	switch o.truth(now) {
	case processing:
		return "pending"
	case refunded:
		return "refunded"
	case failed:
		return "failed"
	default:
		return "booked"
	}
}

// settle pays back what has failed or been refunded since the last time.
func (s *Sim) settle() {
	now := s.opt.Now()
	for o := range s.open {
		status := o.truth(now)
		if (status == failed || status == refunded) && !o.paidBack {
			o.paidBack = true
			s.balance = s.balance.Add(o.price.cost)
		}
		if o.final(now) {
			delete(s.open, o)
		}
	}
}

// replan applies what rules, or magic, have in mind for an order. Reading an order applies the rules that were added
// after it was placed.
func (s *Sim) replan(o *order, placing bool) {
	who := &call{ref: o.ref, recipient: o.recipient(), aboutOrder: true}
	if r := s.findFor(who, o, hideFault, placing); r != nil && o.hiddenBy != r {
		r.spend()
		o.hidden, o.hiddenBy = orElse(r.Delay, forever), r
	}
	if r := s.findFor(who, o, orderFault, placing); r != nil && o.planBy != r {
		r.spend()
		o.plan, o.planBy = r.Rule, r
		if r.Fault == "reverse" {
			o.plan.Delay = orElse(r.Delay, s.opt.ReverseAfter)
		}
		s.open[o] = true
	}
	if m, isMagic := s.magicOrder(who); placing && isMagic && o.planBy == nil {
		if m.Fault == "not_found" {
			o.hidden = m.Delay
		} else {
			o.plan = m
		}
	}
}

// findFor is find for an order that may have been placed before the rule was added. Paths do not count: an order's
// fate is one, whichever way it is asked for.
func (s *Sim) findFor(who *call, o *order, kind faultKind, placing bool) *scripted {
	for _, r := range s.rules {
		free := *r
		free.Match.Path = ""
		if r.live() && faultKinds[r.Fault] == kind && (placing || r.born > o.id) && free.matches(who) {
			return r
		}
	}
	return nil
}
