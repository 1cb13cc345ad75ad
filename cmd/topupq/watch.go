package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/telemetry"
	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/webhook"
	"topupq/workers"
)

// watch is what counts and traces the parts of one process.
type watch struct {
	metrics   *telemetry.Metrics
	tracer    *telemetry.Tracer
	exchanges *telemetry.Exchanges
}

// The variables of OpenTelemetry that switch the traces on; the exporter reads these and the others itself.
const (
	otelEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	otelTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// wantsTraces reports whether the environment names where traces go.
func wantsTraces(getenv func(string) string) bool {
	return getenv(otelEndpoint) != "" || getenv(otelTracesEndpoint) != ""
}

// startWatch prepares counters and traces, and runs what hands in the figures of the plots.
func (n *node) startWatch(ctx context.Context) error {
	pulse := telemetry.NewPulse(n.store, n.log)
	metrics, err := telemetry.NewMetrics(pulse)
	if err != nil {
		return err
	}
	n.watch = watch{metrics: metrics, tracer: telemetry.NoTracer(), exchanges: telemetry.NewExchanges(n.store, n.log.Named("exchanges"))}
	if n.spans != nil {
		n.watch.tracer = telemetry.TracerTo(n.spans)
	} else if n.traces {
		if n.watch.tracer, err = telemetry.NewTracer(ctx); err != nil {
			return err
		}
		n.onStop(func(ctx context.Context) {
			if err := n.watch.tracer.Stop(ctx); err != nil {
				n.log.Warn("the last traces are lost", zap.Error(err))
			}
		})
	}
	n.watched = &watchedStore{n.store, n.watch}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{pulse.Run, n.watch.exchanges.Run} {
		parts.Go(func() { _ = part(run) }) // ends only with its context, without error
	}
	n.onStop(func(context.Context) { cancel(); parts.Wait() })
	return nil
}

// startMetrics serves the metrics of this process where TOPUPQ_METRICS_ADDR asks for it. Roles that read the whole
// ledger show it.
func (n *node) startMetrics(ledger bool) error {
	if ledger {
		if err := n.watch.metrics.Register(telemetry.NewLedger(n.store, nil)); err != nil {
			return err
		}
	}
	if n.cfg.MetricsAddr == "" {
		return nil
	}
	_, err := n.serve("metrics", n.cfg.MetricsAddr, &http.Server{Handler: n.watch.metrics.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute})
	return err
}

// watchedStore is the store with its writes counted. Everything else goes through as it is.
type watchedStore struct {
	*redisstore.Store
	watch watch
}

// Create implements topup.Ledger.
func (s *watchedStore) Create(ctx context.Context, ts []*topup.Topup) ([]topup.Created, error) {
	created, err := s.Store.Create(ctx, ts)
	if err != nil {
		return created, err
	}
	s.watch.metrics.Created(ts, created)
	for i, c := range created {
		if c.Existing == nil {
			s.watch.tracer.Accepted(ctx, ts[i])
		}
	}
	return created, nil
}

// Update implements topup.Ledger.
func (s *watchedStore) Update(ctx context.Context, id topup.ID, change func(*topup.Topup) error) (*topup.Topup, error) {
	version := 0
	next, err := s.Store.Update(ctx, id, from(&version, change))
	return s.moved(next, version, err)
}

// UpdateLoaded implements topup.Ledger.
func (s *watchedStore) UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	version := 0
	next, err := s.Store.UpdateLoaded(ctx, t, from(&version, change))
	return s.moved(next, version, err)
}

// from notes the version that a change begins with, each time that it runs.
func from(version *int, change func(*topup.Topup) error) func(*topup.Topup) error {
	return func(t *topup.Topup) error {
		*version = t.Version()
		return change(t)
	}
}

func (s *watchedStore) moved(next *topup.Topup, version int, err error) (*topup.Topup, error) {
	if err == nil {
		s.watch.metrics.Moved(next, version)
	}
	return next, err
}

// Lead implements topup.Controls.
func (s *watchedStore) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	leads, err := s.Store.Lead(ctx, holder, ttl)
	s.watch.metrics.Led(leads && err == nil)
	return leads, err
}

// watchedSender is the sender of callbacks with its deliveries counted and traced.
type watchedSender struct {
	*webhook.Sender
	watch watch
}

// Send posts one callback.
func (s watchedSender) Send(ctx context.Context, m webhook.Message) webhook.Result {
	ctx, finish := s.watch.tracer.Callback(ctx, m.ID)
	began := time.Now()
	r := s.Sender.Send(ctx, m)
	s.watch.metrics.Delivered(r.OK, r.Status, time.Since(began))
	finish(r.Status)
	return r
}

// watchProviders puts the counters around every provider.
func (n *node) watchProviders(p *providers) {
	for _, r := range p.routes {
		if n.around != nil {
			r.Provider = n.around(r.Provider)
		}
		r.Provider = telemetry.Provider(r.Provider, n.watch.metrics, n.watch.tracer, n.watch.exchanges)
	}
}

// watchQueues puts a span around every job of a top-up.
func (n *node) watchQueues(queues []workers.Queue) []workers.Queue {
	for i, q := range queues {
		kind, _, _ := cutQueue(q.Name)
		queues[i].Handler = n.watch.tracer.Handler(kind, q.Handler)
	}
	return queues
}
