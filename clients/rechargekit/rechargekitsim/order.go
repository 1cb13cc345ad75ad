package rechargekitsim

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/simulation"
)

// The statuses on the provider's pages.
const (
	statusSuccess = 1
	statusPending = 2
	statusFailed  = 3
)

// order is one order in the provider's books. What it is now follows from the clock alone.
type order struct {
	service   string
	reference string
	recipient string
	amount    decimal.Decimal
	userVars  [3]string
	at        time.Time
	count     int
	// settleAt ends the pending time with outcome; reverseAt, where set, turns it into a failure.
	settleAt  time.Time
	outcome   int
	refunded  bool
	reverseAt time.Time
	// noOpTransID leaves the operator's number out; checks counts statusChecks, for flip_flop.
	noOpTransID bool
	checks      int
	// early means that the outcome is called back before the recharge is answered with "pending".
	early bool
}

// notice is one call-back that is due at a time.
type notice struct {
	order  *order
	at     time.Time
	status int
}

// status is what the order is at now.
func (o *order) status(now time.Time) int {
	switch {
	case !o.reverseAt.IsZero() && !now.Before(o.reverseAt):
		return statusFailed
	case now.Before(o.settleAt):
		return statusPending
	default:
		return o.outcome
	}
}

func (o *order) booking(now time.Time) Booking {
	state := map[int]string{statusSuccess: "booked", statusPending: "pending", statusFailed: "failed"}[o.status(now)]
	if state == "failed" && (o.refunded || !o.reverseAt.IsZero()) {
		state = "refunded"
	}
	return Booking{
		Reference: o.reference, Recipient: o.recipient, Amount: o.amount.String(), Currency: "INR",
		State: state, Count: o.count, TransactionID: o.id(), At: o.at,
	}
}

// id is the provider's order id, a UUID made from the reference so that runs are alike.
func (o *order) id() string {
	h := sha256.Sum256([]byte(o.reference))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// opTransID is the mobile operator's number.
func (o *order) opTransID() string {
	if o.noOpTransID {
		return ""
	}
	h := sha256.Sum256([]byte("operator" + o.reference))
	return fmt.Sprintf("ONR%X", h[:8])
}

// commission is 2 % of the amount.
func (o *order) commission() decimal.Decimal { return o.amount.Mul(decimal.New(2, -2)) }

// refund is money that goes back into the wallet at a time.
type refund struct {
	at     time.Time
	amount decimal.Decimal
}

// payBack puts the refunds that are due into the wallet and returns what is in it. The caller holds the lock.
func (s *Sim) payBack(now time.Time) decimal.Decimal {
	var later []refund
	for _, r := range s.refunds {
		if now.Before(r.at) {
			later = append(later, r)
			continue
		}
		s.wallet = s.wallet.Add(r.amount)
	}
	s.refunds = later
	return s.wallet
}

// debit takes the order's money, and notes when it comes back if the order is to fail. The caller holds the lock.
func (s *Sim) debit(o *order) {
	if o.count == 0 {
		return
	}
	s.wallet = s.wallet.Sub(o.amount)
	switch {
	case !o.reverseAt.IsZero():
		s.refunds = append(s.refunds, refund{o.reverseAt, o.amount})
	case o.outcome == statusFailed:
		s.refunds = append(s.refunds, refund{o.settleAt, o.amount})
	}
}

// book enters an order, as the rules about it say. The caller holds the lock and has seen that it is new.
func (s *Sim) book(in *inbound, about []Rule) *order {
	now := s.opts.Clock()
	o := &order{
		service: in.path, reference: in.reference, recipient: in.recipient, amount: in.amount, userVars: in.userVars,
		at: now, count: 1, settleAt: now.Add(s.opts.SettleAfter), outcome: statusSuccess,
	}
	if s.opts.InstantSuccess {
		o.settleAt = now
	}
	twice := false
	for _, r := range about {
		s.bend(o, r)
		twice = twice || r.Fault == "callback_twice"
	}
	s.debit(o)
	s.schedule(o.plan(twice))
	s.orders[o.reference] = o
	s.sequence = append(s.sequence, o.reference)
	return o
}

// bend applies a rule about an order.
func (s *Sim) bend(o *order, r Rule) {
	switch r.Fault {
	case "pending":
		o.settleAt = o.at.Add(r.Delay)
		if r.Code == "failed" || r.Code == "refunded" {
			o.outcome, o.refunded = statusFailed, r.Code == "refunded"
		}
	case "fail":
		o.settleAt, o.outcome = o.at.Add(simulation.Positive(r.Delay, s.opts.SettleAfter)), statusFailed
	case "refuse":
		o.settleAt, o.outcome, o.count = o.at, statusFailed, 0
	case "reverse":
		o.settleAt, o.reverseAt = o.at, o.at.Add(simulation.Positive(r.Delay, s.opts.ReverseAfter))
	case "callback_before":
		o.settleAt, o.early = o.at, true
	case "no_optransid":
		o.noOpTransID = true
	}
}

// plan lists the call-backs: one when the order stops being pending and one when it is reversed.
func (o *order) plan(twice bool) []notice {
	var notices []notice
	if o.settleAt.After(o.at) {
		notices = append(notices, notice{o, o.settleAt, o.outcome})
	}
	if !o.reverseAt.IsZero() {
		notices = append(notices, notice{o, o.reverseAt, statusFailed})
	}
	if twice {
		notices = append(notices, notices...)
	}
	return notices
}
