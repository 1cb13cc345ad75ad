package simulation

import "time"

// Booking is one reference as a provider's books have it. Each simulator says what it takes the members from.
type Booking struct {
	// Reference is the caller's own name of the order.
	Reference string `json:"reference"`
	Recipient string `json:"recipient"`
	// Amount is decimal text in Currency.
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	// State is "booked", "refunded", "failed" or "pending".
	State string `json:"state"`
	// Count says how often money was booked for Reference. Above 1 the caller has paid twice.
	Count int `json:"count"`
	// TransactionID is the provider's.
	TransactionID string    `json:"transaction_id"`
	At            time.Time `json:"at"`
}

// Request is one call that came in. Status is 0 where no answer was given.
type Request struct {
	At        time.Time `json:"at"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Reference string    `json:"reference"`
	Status    int       `json:"status"`
}
