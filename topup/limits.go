package topup

import (
	"context"
	"time"

	"github.com/shopspring/decimal"
)

// Sums are amounts by currency.
type Sums map[string]decimal.Decimal

// Limits bound what one merchant may hand in. The zero value bounds nothing; a sum bounds its currency alone. Days are
// UTC.
type Limits struct {
	// RequestsPerSecond is of requests to the API, per intake process.
	RequestsPerSecond int `json:"requests_per_second,omitempty"`
	// TopupsPerDay and AmountPerDay bound what is accepted in a day, failed ones included.
	TopupsPerDay int64 `json:"topups_per_day,omitempty"`
	AmountPerDay Sums  `json:"amount_per_day,omitempty"`
	// NumberTopupsPerDay and NumberAmountPerDay bound the same for one recipient.
	NumberTopupsPerDay int64 `json:"number_topups_per_day,omitempty"`
	NumberAmountPerDay Sums  `json:"number_amount_per_day,omitempty"`
	// BatchTopups and BatchAmount bound what is accepted of one upload.
	BatchTopups int64 `json:"batch_topups,omitempty"`
	BatchAmount Sums  `json:"batch_amount,omitempty"`
	// Credit bounds, by currency, what was accepted, did not fail and is not paid for. Paid is what the merchant has
	// paid in all.
	Credit Sums `json:"credit,omitempty"`
	Paid   Sums `json:"paid,omitempty"`
}

// Reserves reports whether what is accepted has to be counted before it is recorded.
func (l Limits) Reserves() bool {
	return l.TopupsPerDay > 0 || len(l.AmountPerDay) > 0 || len(l.Credit) > 0
}

// ByNumber reports whether recipients are bounded.
func (l Limits) ByNumber() bool { return l.NumberTopupsPerDay > 0 || len(l.NumberAmountPerDay) > 0 }

// ByBatch reports whether uploads are bounded.
func (l Limits) ByBatch() bool { return l.BatchTopups > 0 || len(l.BatchAmount) > 0 }

// Use is what counts against limits.
type Use struct {
	// Topups and Amounts are of the day, Credit is what was accepted and did not fail, ever. Of a reservation Credit is
	// nil: its amounts are both.
	Topups          int64
	Amounts, Credit Sums
}

// Usage keeps what merchants have used of their limits. What is recorded is counted together with the record, in one
// step, and taken off the credit together with the move to failed or reversed. What is about to be recorded is
// reserved before: a reservation that is lost with its process ends by itself, and the records alone tell the truth.
type Usage interface {
	// Used is what m's records count on a UTC day.
	Used(ctx context.Context, m MerchantID, day time.Time) (Use, error)
	// Reserve announces u for ttl and returns its number: reservations have an order. Earlier sums those before a number
	// that still stand; whoever checks a limit reads it first and Used after it, so that nothing is missed. EndReserve
	// ends one, whether or not anything was recorded.
	Reserve(ctx context.Context, m MerchantID, u Use, ttl time.Duration, now time.Time) (int64, error)
	Earlier(ctx context.Context, m MerchantID, number int64, now time.Time) (Use, error)
	EndReserve(ctx context.Context, m MerchantID, number int64) error
	// TakeNumbers counts top-ups against the limits of their recipients on a UTC day and reports for each whether it
	// is within them; one that was counted before is. What is counted and then not recorded stays counted for the
	// same ID.
	TakeNumbers(ctx context.Context, m MerchantID, day time.Time, ts []*Topup, l Limits) ([]bool, error)
	// NumbersUsed is what TakeNumbers has counted for recipients on a UTC day, in their order; it counts nothing.
	NumbersUsed(ctx context.Context, m MerchantID, day time.Time, numbers []MSISDN) ([]Use, error)
}

// Add adds amounts.
func (s Sums) Add(currency string, d decimal.Decimal) { s[currency] = s[currency].Add(d) }

// Count adds a top-up to a use.
func (u *Use) Count(t *Topup) {
	if u.Amounts == nil {
		u.Amounts = Sums{}
	}
	u.Topups++
	u.Amounts.Add(t.Amount.Currency, t.Amount.Amount)
}

// charged reports whether a top-up in this state counts against the credit.
func (s State) charged() bool { return s != Failed && s != Reversed }

// ChargeChange is what a move from one state to another changes of t's merchant's used credit, in signs: -1 takes t's
// amount off, +1 puts it on again.
func (t *Topup) ChargeChange(from State) int64 {
	if !t.Counted || from.charged() == t.State.charged() {
		return 0
	}
	if t.State.charged() {
		return 1
	}
	return -1
}
