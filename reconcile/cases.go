package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Kind names a difference.
type Kind string

// The kinds of differences, the most serious first.
const (
	// BookedTwice: money was taken more than once for one reference, by this provider or by another one as well.
	BookedTwice Kind = "booked_twice"
	// FailedButBooked: we said that nobody was charged, and the provider holds a booking.
	FailedButBooked Kind = "failed_but_booked"
	// UnknownHere: the provider booked an order that our ledger does not know.
	UnknownHere Kind = "unknown_here"
	// DeliveredButReturned: we said delivered, and the provider says failed or refunded.
	DeliveredButReturned Kind = "delivered_but_returned"
	// NotListed: we say delivered, or taken back since, and the provider does not list it at all.
	NotListed Kind = "not_listed"
	// OpenHere: the provider knows how it ended and we do not.
	OpenHere Kind = "open_here"
	// NumberDiffers and AmountDiffers: the provider booked another number or amount under our reference.
	NumberDiffers Kind = "number_differs"
	AmountDiffers Kind = "amount_differs"
	// CostDiffers: the provider's list tells another cost than it told before.
	CostDiffers Kind = "cost_differs"
	// CountDiffers: the provider counts another number of orders than we do.
	CountDiffers Kind = "count_differs"
	// DriftDown: the balance lost more than our top-ups explain. DriftUp: it lost less, or grew; a deposit does that.
	DriftDown Kind = "drift_down"
	DriftUp   Kind = "drift_up"
)

var meanings = map[Kind]string{
	BookedTwice:          "Money was taken more than once for one reference, by one provider or by two.",
	FailedButBooked:      "We say that nobody was charged; the provider holds a booking.",
	UnknownHere:          "The provider booked orders that the ledger does not know.",
	DeliveredButReturned: "We say delivered; the provider says failed or refunded.",
	NotListed:            "We say delivered; the provider does not list it.",
	OpenHere:             "The provider knows how it ended; here it is still open.",
	NumberDiffers:        "The provider booked another number than was ordered.",
	AmountDiffers:        "The provider booked another amount than was ordered.",
	CostDiffers:          "The provider's list tells another cost than its answer did.",
	CountDiffers:         "The provider counts another number of orders than the ledger.",
	DriftDown:            "The balance lost more than our top-ups explain.",
	DriftUp:              "The balance lost less than our top-ups cost, or grew: a deposit does that.",
}

// kinds is the order in which cases are told.
var kinds = []Kind{
	BookedTwice, FailedButBooked, UnknownHere, DeliveredButReturned, NotListed, OpenHere, NumberDiffers, AmountDiffers, CostDiffers,
	CountDiffers, DriftDown, DriftUp,
}

// Kinds lists every kind, the most serious first.
func Kinds() []Kind { return slices.Clone(kinds) }

// Meaning is a sentence about the kind.
func (k Kind) Meaning() string { return meanings[k] }

// Row is one difference. Ours and Theirs are what each side says, in words.
type Row struct {
	Reference     topup.ID `json:"reference,omitempty"`
	TransactionID string   `json:"transaction_id,omitempty"`
	// At is the provider's time of the order, or ours where it has none.
	At     time.Time `json:"at,omitzero"`
	Ours   string    `json:"ours"`
	Theirs string    `json:"theirs"`
	// Amount is what the difference is about.
	Amount   string `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// Case is all differences of one kind.
type Case struct {
	Kind    Kind   `json:"kind"`
	Meaning string `json:"meaning"`
	Count   int64  `json:"count"`
	// Sums are the amounts that the differences are about, by currency.
	Sums []Sum `json:"sums"`
	// Rows are the first MaxRows of them.
	Rows []Row `json:"rows"`
}

// Sum is an amount of money as text.
type Sum struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// MaxRows bounds the rows that a case keeps; Count and Sums are of all of them.
const MaxRows = 1000

// book collects the cases.
type book map[Kind]*open

type open struct {
	count int64
	rows  []Row
	sums  money
}

func (b book) add(k Kind, r Row, m topup.Money) {
	o, ok := b[k]
	if !ok {
		o = &open{sums: money{}}
		b[k] = o
	}
	o.count++
	if !m.IsZero() {
		r.Amount, r.Currency = m.Text(), m.Currency
		o.sums.add(m)
	}
	if len(o.rows) < MaxRows {
		o.rows = append(o.rows, r)
	}
}

// cases lists what was collected, the most serious kind first.
func (b book) cases() []Case {
	out := []Case{}
	for _, k := range kinds {
		if o, ok := b[k]; ok {
			out = append(out, Case{k, k.Meaning(), o.count, o.sums.list(), o.rows})
		}
	}
	return out
}

// money sums by currency.
type money map[string]decimal.Decimal

func (m money) add(x topup.Money) { m[x.Currency] = m[x.Currency].Add(x.Amount) }

func (m money) list() []Sum {
	out := []Sum{}
	for currency, amount := range m {
		out = append(out, Sum{currency, topup.Money{Amount: amount, Currency: currency}.Text()})
	}
	slices.SortFunc(out, func(a, b Sum) int { return cmp.Compare(a.Currency, b.Currency) })
	return out
}
