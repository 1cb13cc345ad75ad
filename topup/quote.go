package topup

import "context"

// Quote is what a provider would make of an order. It is found out by reading calls alone: nothing is sent.
type Quote struct {
	// Product is the order's product as completed by lookups.
	Product Product
	// Cost is what the provider is expected to debit, zero where nobody can tell before the order is paid.
	Cost Money
	// Refusal is why the order would be refused before it is sent; nil where it would be sent.
	Refusal *Outcome
}

// Quoter is a provider that can tell what it would make of an order.
type Quoter interface {
	// Quote completes and checks o as Submit would. An error means that the provider could not be asked.
	Quote(ctx context.Context, o Order) (Quote, error)
}
