package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// providers asks each for its float, which needs an address, TLS and credentials that work.
func providers(ctx context.Context, c Config) []Finding {
	names := slices.Sorted(maps.Keys(c.Providers))
	out := make([]Finding, len(names))
	var wg sync.WaitGroup
	for i, p := range names {
		wg.Go(func() {
			upper := strings.ToUpper(string(p))
			balance, err := c.Providers[p].Balance(ctx)
			switch {
			case err != nil:
				out[i] = Finding{Bad, string(p), "its balance cannot be read: " + err.Error(), "check TOPUPQ_" + upper + "_BASE_URL, its credentials, and that this machine may reach it"}
			case balance.Amount.Sign() <= 0:
				out[i] = Finding{Bad, string(p), fmt.Sprintf("its float is %s: every top-up is held", balance), "fill the float, then topupq replay --state held --code float_empty"}
			default:
				out[i] = Finding{Level: Good, Part: string(p), What: "answers; the float is " + balance.String()}
			}
		})
	}
	wg.Wait()
	return out
}

// texts asks the SMS provider for its credits.
func texts(ctx context.Context, c Config) []Finding {
	if c.Texts == nil {
		return nil
	}
	left, err := c.Texts.Credits(ctx)
	switch {
	case err != nil:
		return []Finding{{Bad, "bulksms", "its credits cannot be read: " + err.Error(), "check TOPUPQ_BULKSMS_BASE_URL and its token, and that this machine may reach it"}}
	case left.Sign() <= 0:
		return []Finding{{Bad, "bulksms", "no credits are left: PINs are not sent by SMS", "buy credits, then run the archived tasks of the queue sms again; the PINs stay readable meanwhile"}}
	default:
		return []Finding{{Level: Good, Part: "bulksms", What: "answers; " + left.String() + " credits are left"}}
	}
}

// parallelDials bounds the endpoints that are tried at once.
const parallelDials = 8

// endpoints looks at where callbacks go.
func endpoints(ctx context.Context, c Config) []Finding {
	merchants, err := c.Store.ListMerchants(ctx)
	if err != nil {
		return nil // said already
	}
	found := make([]Finding, len(merchants))
	slots := make(chan struct{}, parallelDials)
	var wg sync.WaitGroup
	for i, m := range merchants {
		if m.Disabled {
			continue
		}
		hook := m.Webhook
		switch {
		case hook.URL == "":
			found[i] = Finding{Warn, "callbacks", m.Name + " has no endpoint: its callbacks are parked", "the merchant sets one with PUT /v1/webhook"}
		case hook.Disabled:
			found[i] = Finding{Warn, "callbacks", fmt.Sprintf("the endpoint of %s is switched off (%s)", m.Name, hook.DisabledReason), "when it works again the merchant sets it anew with PUT /v1/webhook, then redelivers"}
		case c.Reach != nil:
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if err := c.Reach(ctx, hook.URL); err != nil {
					found[i] = Finding{Bad, "callbacks", fmt.Sprintf("the endpoint of %s cannot be reached: %s", m.Name, err), "ask the merchant to mend it; what is owed is kept and sent when it is back"}
				}
			})
		}
	}
	wg.Wait()
	found = slices.DeleteFunc(found, func(f Finding) bool { return f.Level == "" })
	return or(found, "callbacks", fmt.Sprintf("the endpoints of %d merchants can be reached", len(merchants)))
}
