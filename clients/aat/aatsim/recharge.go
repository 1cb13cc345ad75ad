package aatsim

import (
	"cmp"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/simulation"
)

// recharge is what sets one Perform call apart from the others, texts included.
type recharge struct {
	operation string
	pinned    bool
	msisdn    bool
	fixed     bool
	// suffix follows the text about the voucher id, space that about the range; duplicate is this call's spelling.
	suffix    string
	space     string
	duplicate string
}

const (
	textVoucherID = "voucher id doesn't exist for mobile network"
	textRecipient = "Invalid recharge Cell No provided"
	textNotFixed  = "This isn't a fixed amount voucher. You need to use the PerformPinlessRecharge, PerformPinnedRecharge, PerformPinnedRechargeWithoutMsisdn calls. "
)

// recharges are the six Perform calls. The guide's examples name MTN; the simulator names the network at hand.
func recharges() []recharge {
	const pinless, pinned, without = "client reference already used ", "client reference already used. ", "client reference already use "
	return []recharge{
		{operation: "PerformPinlessRecharge", msisdn: true, duplicate: pinless},
		{operation: "PerformPinnedRecharge", pinned: true, msisdn: true, suffix: " MTN", space: " ", duplicate: pinned},
		{operation: "PerformPinnedRechargeWithoutMsisdn", pinned: true, suffix: " MTN", space: " ", duplicate: without},
		{operation: "PerformPinlessRechargeFixedAmount", msisdn: true, fixed: true, duplicate: pinless},
		{operation: "PerformPinnedRechargeFixedAmount", pinned: true, msisdn: true, fixed: true, suffix: " MTN", duplicate: pinned},
		{operation: "PerformPinnedRechargeWithoutMsisdnFixedAmount", pinned: true, fixed: true, suffix: " MTN", duplicate: without},
	}
}

func (r recharge) params() []parameter {
	var list []parameter
	if r.msisdn {
		list = append(list, parameter{"recipientMsisdn", kindString})
	}
	list = append(list, parameter{"voucherId", kindInt})
	if !r.fixed {
		list = append(list, parameter{"amount", kindDecimal})
	}
	return append(list, parameter{"clientRef", kindString})
}

// perform carries out a Perform call: the checks, then the booking, then the answer. lost is true when the request
// is left at work and gets no answer. The caller holds the lock.
func (s *Sim) perform(in *inbound) (answer element, lost bool) {
	r := *in.operation.recharge
	v, t, found := s.find(in.ints["voucherId"])
	amount := in.amount
	if r.fixed {
		amount = v.max
	}
	if refusal := s.refuse(r, in, v, t, found, amount); refusal != "" {
		return rechargeError(refusal), false
	}
	tx := s.open(in, v, t, amount)
	for _, rule := range in.about {
		if s.atWork(tx, rule) {
			return element{}, true
		}
	}
	s.book(tx)
	s.owe(tx, true)
	for _, rule := range in.about {
		if rule.Fault == "reverse" {
			s.later(change{reference: tx.reference, state: takenBack(rule.Code), takesBack: true}, simulation.Positive(rule.Delay, s.opts.ReverseAfter))
		}
	}
	return tx.rechargeInfo(), false
}

// refuse is the text of the first check that fails, in the order of the guide's table; empty when none does.
func (s *Sim) refuse(r recharge, in *inbound, v voucher, t voucherType, found bool, amount decimal.Decimal) string {
	n, known := networkOf(in.recipient)
	switch {
	case !found || v.pinned != r.pinned || r.msisdn && known && n != t.network:
		if r.suffix == "" {
			return textVoucherID
		}
		return textVoucherID + " " + cmp.Or(n.name, t.network.name, "MTN")
	case r.fixed && !t.fixed:
		return textNotFixed
	case v.min.Equal(v.max) && !amount.Equal(v.min):
		return "invalid amount. Amount needs to exactly be: " + v.min.String()
	case amount.LessThan(v.min) || amount.GreaterThan(v.max):
		return "invalid amount. Amount needs to be between R" + v.min.String() + " and R" + v.max.String() +
			" (Max Recharge Amount Set: R" + v.max.String() + ")" + r.space
	case r.msisdn && !known:
		return textRecipient
	case s.credit.LessThan(amount):
		return s.textCredit()
	case s.transactions[in.reference] != nil && s.transactions[in.reference].count > 0:
		return r.duplicate
	}
	return ""
}

func (s *Sim) textCredit() string {
	return "insufficient credit to complete the transaction. Current credit - R" + s.credit.String()
}

// open enters the reference into the books, or finds it there: one that was never booked may be used again.
func (s *Sim) open(in *inbound, v voucher, t voucherType, amount decimal.Decimal) *transaction {
	tx := s.transactions[in.reference]
	if tx == nil {
		tx = &transaction{reference: in.reference}
		s.transactions[in.reference] = tx
		s.sequence = append(s.sequence, in.reference)
	}
	tx.recipient, tx.amount, tx.voucher, tx.kind, tx.at = in.recipient, amount, v, t, s.opts.Clock()
	if !in.operation.recharge.msisdn {
		tx.recipient = ""
	}
	tx.state, tx.asked, tx.twice = statePending, 0, false
	return tx
}

// atWork leaves tx pending where the rule says so: for Delay, and then its outcome.
func (s *Sim) atWork(tx *transaction, r Rule) bool {
	state := stateBooked
	switch {
	case r.Fault == "callback_twice":
		tx.twice = true
		return false
	case r.Fault == "fail":
		state = stateFailed
	case r.Fault != "pending":
		return false
	case r.Code == stateFailed || r.Code == stateRefunded:
		state = r.Code
	}
	s.later(change{reference: tx.reference, state: state}, r.Delay)
	return true
}

// takenBack is the state of a success that is reversed.
func takenBack(code string) string {
	if code == stateFailed {
		return stateFailed
	}
	return stateRefunded
}

// later plans a change, for now where d is 0.
func (s *Sim) later(c change, d time.Duration) {
	c.at = s.opts.Clock().Add(d)
	s.changes = append(s.changes, c)
	s.advance()
	s.wake(d)
}

func (t *transaction) rechargeInfo() element {
	return object("RechargeInfo", text("VoucherPin", t.pin()), text("OrderRef", t.orderRef()), text("TicketNumber", t.ticket()),
		text("BoxNumber", t.box()), text("BatchNumber", t.batch()), boolean("TransactionError", false))
}

func rechargeError(fault string) element {
	return object("RechargeInfo", boolean("TransactionError", true), text("Error", fault))
}
