package clients

import (
	"context"
	"strings"

	"topupq/clients/aat"
	"topupq/topup"
)

// exchange is the same type in every client.
type exchange = aat.Exchange

// observed has the exchanges that are made with ctx noted, where somebody wants to know of them. A call is named by its
// method and its path without values, so that no number and no credential is part of it.
func observed(ctx context.Context, observe func(context.Context, func(exchange)) context.Context) context.Context {
	note := topup.ExchangeNoter(ctx)
	if note == nil {
		return ctx
	}
	return observe(ctx, func(x exchange) {
		call := x.Op
		if !strings.HasPrefix(call, x.Method+" ") {
			call = x.Method + " " + call
		}
		note(topup.Exchange{At: x.Began.UTC(), Call: call, Took: x.Took, Status: x.Status, Failure: x.Failure})
	})
}
