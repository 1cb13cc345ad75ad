package topup

import (
	"context"
	"errors"
)

// ManyChecker is a Provider that can be asked about many orders in few calls.
type ManyChecker interface {
	// CheckMany asks about the orders by reading lists. Orders that it has not found are not in the map, which proves
	// nothing about them: ask for them singly. It calls Spend before every call to the provider. With an error the map
	// holds what was learned before it.
	CheckMany(ctx context.Context, refs []Ref) (map[ID]Outcome, error)
}

// ErrSpent means that a status call was not made because no more are allowed for now.
var ErrSpent = errors.New("no more status calls are allowed for now")

type spendKey struct{}

// WithSpend returns a context in which Spend asks spend. It returns nil for a call that may be made, or an error that
// wraps ErrSpent.
func WithSpend(ctx context.Context, spend func(context.Context) error) context.Context {
	return context.WithValue(ctx, spendKey{}, spend)
}

// Spend takes the permission for one more status call, where calls are counted. Whoever calls Provider.Check has taken
// that of its first call; every further call of Check, and every one of CheckMany, takes its own.
func Spend(ctx context.Context) error {
	spend, ok := ctx.Value(spendKey{}).(func(context.Context) error)
	if !ok {
		return nil
	}
	return spend(ctx)
}
