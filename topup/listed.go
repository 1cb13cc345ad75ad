package topup

import (
	"context"
	"iter"
	"time"
)

// Listed is one order as a provider's list or statement tells it. Empty members were not told.
type Listed struct {
	// Reference is ours, "" for an order that is none of ours. TransactionID is the provider's.
	Reference     ID
	TransactionID string
	At            time.Time
	Recipient     MSISDN
	Amount, Cost  Money
	State         ListedState
	// Word is the provider's own for the state.
	Word string
}

// ListedState is what a list says became of an order.
type ListedState uint8

// The states of a list.
const (
	// ListedUnclear is a word that proves nothing.
	ListedUnclear ListedState = iota
	// ListedBooked means that money was taken and not given back.
	ListedBooked
	// ListedReturned means that it failed, or that the money was given back.
	ListedReturned
	// ListedOpen means that it has not ended.
	ListedOpen
)

var listedNames = [...]string{"unclear", "booked", "returned", "open"}

// String is the state's name in reports.
func (s ListedState) String() string {
	if int(s) < len(listedNames) {
		return listedNames[s]
	}
	return "unclear"
}

// Lister is a Provider that can list its orders.
type Lister interface {
	// List lists the orders that were made in [from, to), and perhaps some around it. It calls Spend before every
	// call to the provider. An error ends it.
	List(ctx context.Context, from, to time.Time) iter.Seq2[Listed, error]
}

// OrderCounter is a Provider that can count its orders.
type OrderCounter interface {
	// CountOrders counts the orders that were booked on a day of the provider's own zone, those taken back since
	// included.
	CountOrders(ctx context.Context, day time.Time) (int64, error)
}
