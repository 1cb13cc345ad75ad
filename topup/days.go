package topup

import (
	"context"
	"encoding/json"
	"time"
)

// LateAfter is how long after its creation a move makes a top-up a late one: reports look for what is younger among the
// top-ups of the day before.
const LateAfter = 24 * time.Hour

// Days is what reports, reconciliation and the archive need of the store beside Store.
type Days interface {
	// EachCreated calls do for every top-up that a merchant ("" for all of them) made in [from, to), a few at a time
	// and always in the same order. Memory does not grow with their number.
	EachCreated(ctx context.Context, m MerchantID, from, to time.Time, do func(*Topup) error) error
	// EachLate calls do for every top-up that has moved in [from, to) later than LateAfter after it was made, perhaps
	// more than once, and perhaps for one that has not.
	EachLate(ctx context.Context, m MerchantID, from, to time.Time, do func(*Topup) error) error

	// PutDay keeps a document about a provider's day under a name; GetDay returns ErrNotFound where there is none.
	// They are kept as long as top-ups are, and longer.
	PutDay(ctx context.Context, p ProviderName, date, name string, doc json.RawMessage) error
	GetDay(ctx context.Context, p ProviderName, date, name string) (json.RawMessage, error)

	// AddBalance keeps what a provider's account held at an instant; Balances returns what was kept in [from, to],
	// oldest first.
	AddBalance(ctx context.Context, p ProviderName, at time.Time, m Money) error
	Balances(ctx context.Context, p ProviderName, from, to time.Time) ([]BalanceAt, error)

	// AddHour adds to the figures of a provider's hour; Hours returns the hours of [from, to), those without figures
	// among them.
	AddHour(ctx context.Context, p ProviderName, hour time.Time, add HourFigures) error
	Hours(ctx context.Context, p ProviderName, from, to time.Time) ([]HourFigures, error)

	// Forget removes top-ups that were archived and remembers only that their references are taken; each only if its
	// revision is still the archived one. It returns how many it removed.
	Forget(ctx context.Context, ts []*Topup) (int, error)
	// ForgetLists removes from the lists of a UTC day the IDs of top-ups that are forgotten.
	ForgetLists(ctx context.Context, day time.Time) error
	// Remembered returns what is left of a forgotten top-up: see Topup.Archived. ErrNotFound.
	Remembered(ctx context.Context, id ID) (*Topup, error)
}

// HourFigures are what came of a provider's top-ups in an hour.
type HourFigures struct {
	Hour time.Time
	// Succeeded, Failed and Reversed count outcomes.
	Succeeded, Failed, Reversed int64
	// Spent is what they cost, in micros by currency.
	Spent map[string]int64
}

// Count adds an outcome that t has just come to.
func (h *HourFigures) Count(t *Topup) {
	switch t.State {
	case Succeeded:
		h.Succeeded++
		cost := t.Cost
		if cost.IsZero() {
			cost = t.Amount
		}
		if h.Spent == nil {
			h.Spent = map[string]int64{}
		}
		h.Spent[cost.Currency] += cost.Micros()
	case Failed:
		h.Failed++
	case Reversed:
		h.Reversed++
	}
}

// BalanceAt is a provider's balance at an instant.
type BalanceAt struct {
	At     time.Time
	Amount Money
}

// Archived is what is remembered of a top-up that has left the ledger for the archive.
type Archived struct {
	// Day is the day on which it was made, in UTC; Content a digest of what it asked for.
	Day     time.Time
	Content uint32
}
