package telemetry

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// exchangeStore keeps exchanges for people to look at.
type exchangeStore interface {
	KeepExchanges(ctx context.Context, all map[topup.ID][]topup.Exchange) error
}

// exchangesEvery is how often a process hands its exchanges in, exchangesAtOnce for how many top-ups at most: the rest of
// a flood is dropped. An outage of a provider shall not become work for the ledger.
const (
	exchangesEvery  = time.Second
	exchangesAtOnce = 200
)

// Exchanges gathers the exchanges with providers that a top-up's history does not tell of. Workers hand them over
// without waiting. A nil Exchanges gathers nothing.
type Exchanges struct {
	store exchangeStore
	log   *zap.Logger

	mu  sync.Mutex
	all map[topup.ID][]topup.Exchange
}

// NewExchanges returns an Exchanges; Run hands in what it gathers.
func NewExchanges(store exchangeStore, log *zap.Logger) *Exchanges {
	return &Exchanges{store: store, log: log, all: map[topup.ID][]topup.Exchange{}}
}

// Run hands in what was gathered until ctx ends, and once more then. It always returns nil.
func (e *Exchanges) Run(ctx context.Context) error {
	ticker := time.NewTicker(exchangesEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			e.flush(context.WithoutCancel(ctx))
			return nil
		case <-ticker.C:
			e.flush(ctx)
		}
	}
}

func (e *Exchanges) flush(ctx context.Context) {
	e.mu.Lock()
	all := e.all
	if len(all) > 0 {
		e.all = map[topup.ID][]topup.Exchange{}
	}
	e.mu.Unlock()
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*exchangesEvery)
	defer cancel()
	if err := e.store.KeepExchanges(ctx, all); err != nil {
		e.log.Debug("exchanges not kept", zap.Error(err))
	}
}

// gather returns a context whose exchanges are noted, and what ends it: told what was concluded, it keeps them unless
// the history will tell as much, which it does of an answer that says how the order ends or that it is under way.
func (e *Exchanges) gather(ctx context.Context, id topup.ID, kind string) (context.Context, func(topup.Outcome, error)) {
	if e == nil {
		return ctx, func(topup.Outcome, error) {}
	}
	ctx, log := topup.WithExchanges(ctx)
	return ctx, func(o topup.Outcome, err error) {
		plain := o.Answer == topup.Delivered || (kind == topup.ExchangeSubmit && o.Answer == topup.InProgress)
		if err == nil && plain {
			return
		}
		xs := log.Ended(kind, o)
		if len(xs) == 0 {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if _, known := e.all[id]; known || len(e.all) < exchangesAtOnce {
			e.all[id] = append(e.all[id], xs...)
		}
	}
}
