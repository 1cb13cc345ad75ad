package aat

import (
	"context"

	"topupq/clients/internal/httpcall"
)

// Exchange is what can be told of a call without telling what was said in it.
type Exchange = httpcall.Exchange

// Observe returns a context whose calls are told to see, each when it has ended.
func Observe(ctx context.Context, see func(Exchange)) context.Context {
	return httpcall.Observe(ctx, see)
}
