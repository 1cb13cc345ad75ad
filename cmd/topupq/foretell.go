package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// balanceAge is how old a balance on record may be before the provider is asked for it.
const balanceAge = 2 * time.Hour

// lastBalance tells what a provider's account held last: as recorded, or asked for where nothing recent is.
func (n *node) lastBalance(p *providers) func(context.Context, topup.ProviderName) (topup.BalanceAt, bool) {
	return func(ctx context.Context, name topup.ProviderName) (topup.BalanceAt, bool) {
		now := n.clock.Now().UTC()
		known, err := n.store.Balances(ctx, name, now.Add(-balanceAge), now)
		if err == nil && len(known) > 0 {
			return known[len(known)-1], true
		}
		provider, ok := p.plain[name]
		if !ok {
			return topup.BalanceAt{}, false
		}
		m, err := provider.Balance(ctx)
		if err != nil {
			n.log.Debug("balance not known", zap.String("provider", string(name)), zap.Error(err))
			return topup.BalanceAt{}, false
		}
		return topup.BalanceAt{At: now, Amount: m}, true
	}
}

// backlog is how many top-ups wait to be sent at a provider.
func (n *node) backlog(ctx context.Context, p topup.ProviderName) int64 {
	b, err := n.store.Backlog(ctx)
	if err != nil {
		return 0
	}
	return b.Sends[p]
}

// ringBatch wakes the sender of callbacks up for a batch. The scheduler repeats what is lost.
func (n *node) ringBatch(ctx context.Context, id string) {
	if err := n.bell.Callbacks(ctx, []string{id}); err != nil {
		n.log.Warn("callback not queued; the scheduler repeats it", zap.String("batch", id), zap.Error(err))
	}
}
