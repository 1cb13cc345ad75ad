package harness

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Subject is one top-up of a test: what the merchant asked for, and what it went through.
type Subject struct {
	Order Order
	ID    topup.ID
	// AckedAt is when the merchant got its first 2xx, the zero time where it got none.
	AckedAt time.Time
	// Faults are the provider's, in words, for the report.
	Faults []string
	// Lies means that the provider tells an untruth about the outcome itself: then nobody can be right about it.
	Lies bool
}

// NewSubjects are n orders of one merchant over the three providers in turn, with numbers of their own. The same
// prefix and random source give the same orders.
func NewSubjects(m topup.MerchantID, prefix string, n int, rnd *rand.Rand) []*Subject {
	out := make([]*Subject, n)
	for i := range out {
		o := newOrder(i, rnd)
		o.Reference = fmt.Sprintf("%s-%05d", prefix, i)
		out[i] = &Subject{Order: o, ID: topup.NewID(m, o.Reference)}
	}
	return out
}

func newOrder(i int, rnd *rand.Rand) Order {
	switch topup.Providers[i%len(topup.Providers)] {
	case topup.Reloadly:
		mode := [...]string{"async", "sync"}[rnd.IntN(2)]
		return Order{
			Recipient: fmt.Sprintf("+234803%07d", 1_000_000+i), Amount: pick(rnd, "1.00", "2.50", "0.75", "3.10"), Currency: "USD",
			Provider: "reloadly", Product: map[string]any{"operator_id": 341, "mode": mode},
		}
	case topup.AAT:
		return randOrder(i, rnd)
	default:
		return Order{
			Recipient: fmt.Sprintf("+9198%08d", 10_000_000+i), Amount: pick(rnd, "10", "49", "199", "299"), Currency: "INR",
			Provider: "rechargekit", Product: map[string]any{"operator_code": 1, "circle": 1 + i%20, "service": pick(rnd, "prepaid", "prepaid", "postpaid")},
		}
	}
}

// randOrder is one of AAT's: airtime found by the catalogue, airtime by voucher, or a voucher with a PIN.
func randOrder(i int, rnd *rand.Rand) Order {
	o := Order{Recipient: fmt.Sprintf("+2782%07d", 1_000_000+i), Currency: "ZAR", Provider: "aat"}
	switch rnd.IntN(4) {
	case 0:
		o.Amount, o.Product = "5.00", map[string]any{"recharge": "pinned", "voucher_id": 1003}
	case 1:
		o.Amount, o.Product = pick(rnd, "15.25", "49.99"), map[string]any{"recharge": "pinless"}
	default:
		o.Amount, o.Product = pick(rnd, "7.50", "30.00", "12.00"), map[string]any{"recharge": "pinless", "voucher_id": 1001}
	}
	return o
}

func pick(rnd *rand.Rand, of ...string) string { return of[rnd.IntN(len(of))] }

// Provider is the provider that the order names.
func (s *Subject) Provider() topup.ProviderName { return topup.ProviderName(s.Order.Provider) }

// matches reports whether a booking is for the subject's number and amount.
func (s *Subject) matches(b Booking) bool {
	amount, err := decimal.NewFromString(s.Order.Amount)
	digits := strings.TrimPrefix(s.Order.Recipient, "+")
	if s.Provider() == topup.RechargeKit {
		digits = strings.TrimPrefix(digits, "91")
	}
	return err == nil && amount.Equal(b.Amount) && b.Currency == s.Order.Currency && b.Recipient == digits
}
