package main

import (
	"context"
	"time"

	"topupq/clients"
	"topupq/config"
	"topupq/intake"
	"topupq/topup"
	"topupq/workers"
)

// intakeRoutes are the configured routes as the intake takes them.
func intakeRoutes(routes []config.Route) []intake.Route {
	out := make([]intake.Route, len(routes))
	for i, r := range routes {
		out[i] = intake.Route{Country: r.Country, Operator: r.Operator, Merchant: topup.MerchantID(r.Merchant)}
		for _, p := range r.Providers {
			out[i].Providers = append(out[i].Providers, topup.ProviderName(p))
		}
	}
	return out
}

// routing names each route with its first provider, for people: "ZA", "*", "ZA for mer…".
func routing(routes []config.Route) map[string]topup.ProviderName {
	out := make(map[string]topup.ProviderName, len(routes))
	for _, r := range routes {
		name := r.Country
		if name == "" {
			name = "*"
		}
		if r.Operator != "" {
			name += " on " + r.Operator
		}
		if r.Merchant != "" {
			name += " for " + r.Merchant
		}
		out[name] = topup.ProviderName(r.Providers[0])
	}
	return out
}

// refusalTexts are the configured meanings of RechargeKit's texts.
func refusalTexts(list []config.Refusal) []clients.RechargeKitText {
	answers := map[string]topup.Answer{"refused": topup.Refused, "not_taken": topup.NotTaken, "blocked": topup.Blocked}
	out := make([]clients.RechargeKitText, len(list))
	for i, r := range list {
		out[i] = clients.RechargeKitText{Match: r.Text, Answer: answers[r.Answer], Code: topup.Code(r.Code)}
	}
	return out
}

// lookups asks providers for merchants, and keeps what is the same for all of them.
func (n *node) lookups(p *providers) *workers.Lookup {
	return workers.NewLookup(workers.LookupConfig{
		Now:   n.clock.Now,
		Store: n.store, Routes: p.routes, Ledger: n.store, Catalogue: n.store, CatalogueAge: n.cfg.Lookups.CatalogueAge,
		CatalogueHardAge: n.cfg.Lookups.CatalogueHardAge, Bell: n.bell, Log: n.log.Named("lookup"),
	})
}

// quoteTimeout bounds one question about a price.
const quoteTimeout = 10 * time.Second

// quote asks a provider what a top-up should cost.
func (p *providers) quote(ctx context.Context, t *topup.Topup) (topup.Money, bool) {
	route, ok := p.routes[t.Provider]
	if !ok {
		return topup.Money{}, false
	}
	quoter, ok := route.Provider.(topup.Quoter)
	if !ok {
		return topup.Money{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, quoteTimeout)
	defer cancel()
	q, err := quoter.Quote(ctx, t.Order())
	return q.Cost, err == nil && q.Refusal == nil && !q.Cost.IsZero()
}
