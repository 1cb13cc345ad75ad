package telemetry

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/operator"
	"topupq/topup"
)

// pulseStore keeps the figures of the plots.
type pulseStore interface {
	AddPulse(ctx context.Context, minute time.Time, counts map[string]int64) error
}

// pulseEvery is how often a process hands its figures in; counting itself costs no exchange.
const pulseEvery = 5 * time.Second

// Pulse gathers the figures of the console's plots. A nil Pulse gathers nothing.
type Pulse struct {
	store pulseStore
	log   *zap.Logger

	mu     sync.Mutex
	counts map[string]int64
}

// NewPulse returns a Pulse; Run hands its figures in.
func NewPulse(store pulseStore, log *zap.Logger) *Pulse {
	return &Pulse{store: store, log: log, counts: map[string]int64{}}
}

// Run hands the figures in until ctx ends, and once more then. It always returns nil.
func (p *Pulse) Run(ctx context.Context) error {
	ticker := time.NewTicker(pulseEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			p.flush(context.WithoutCancel(ctx))
			return nil
		case <-ticker.C:
			p.flush(ctx)
		}
	}
}

// flush hands in what was gathered. Figures that cannot be handed in are lost to the plots, and to nothing else.
func (p *Pulse) flush(ctx context.Context) {
	p.mu.Lock()
	counts := p.counts
	p.counts = make(map[string]int64, len(counts))
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pulseEvery)
	defer cancel()
	if err := p.store.AddPulse(ctx, time.Now(), counts); err != nil {
		p.log.Debug("figures of the plots lost", zap.Error(err))
	}
}

func (p *Pulse) add(change func(map[string]int64)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.counts)
}

func (p *Pulse) closed(t *topup.Topup) {
	p.add(func(c map[string]int64) { operator.PulseClosed(c, t) })
}

func (p *Pulse) accepted(name topup.ProviderName, n int64) {
	p.add(func(c map[string]int64) { c[operator.PulseAccepted(name)] += n })
}

func (p *Pulse) called(ok bool) {
	p.add(func(c map[string]int64) { c[operator.PulseCallback(ok)]++ })
}
