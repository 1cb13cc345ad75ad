// Package telemetry counts, times and traces what the program does, by standing around its parts: the provider, the
// store, the sender of callbacks, the job handlers and the listeners do not know of it.
//
// Names and labels never hold a number, a reference, a merchant's name or a secret.
package telemetry

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"topupq/topup"
)

// Metrics are the counters of one process. A nil Metrics counts nothing.
type Metrics struct {
	registry  *prometheus.Registry
	moves     *prometheus.CounterVec
	incidents *prometheus.CounterVec
	outcomes  *prometheus.HistogramVec
	calls     *prometheus.HistogramVec
	callbacks *prometheus.HistogramVec
	rows      *prometheus.CounterVec
	requests  *prometheus.HistogramVec
	leading   prometheus.Gauge
	pulse     *Pulse
}

// Buckets in seconds: calls to providers and merchants, our own answers, and the time to an outcome.
var (
	callBuckets    = []float64{.05, .1, .25, .5, 1, 2, 5, 10, 15, 30, 60}
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	outcomeBuckets = []float64{.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 10800, 86400, 259200}
)

// NewMetrics returns counters in a registry of their own. pulse, which may be nil, gets the figures of the plots.
func NewMetrics(pulse *Pulse) (*Metrics, error) {
	m := &Metrics{
		registry: prometheus.NewRegistry(), pulse: pulse,
		moves:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topupq_moves_total", Help: "Moves of top-ups between states."}, []string{"provider", "from", "to"}),
		incidents: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topupq_incidents_total", Help: "Things that a person should know of, by code."}, []string{"provider", "code"}),
		outcomes:  histogram("topupq_time_to_outcome_seconds", "Time from acceptance to each outcome.", outcomeBuckets, "provider", "state"),
		calls:     histogram("topupq_provider_call_duration_seconds", "Calls to providers, by call and what we concluded.", callBuckets, "provider", "call", "outcome"),
		callbacks: histogram("topupq_callback_duration_seconds", "Deliveries of callbacks, by what came of them.", callBuckets, "outcome"),
		rows:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topupq_intake_rows_total", Help: "Top-ups handed in, by what became of them."}, []string{"provider", "result"}),
		requests:  histogram("topupq_http_request_duration_seconds", "Requests answered, by listener and route.", requestBuckets, "listener", "route", "status"),
		leading:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "topupq_scheduler_leading", Help: "1 while the scheduler of this process leads."}),
	}
	all := []prometheus.Collector{
		m.moves, m.incidents, m.outcomes, m.calls, m.callbacks, m.rows, m.requests, m.leading,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	for _, c := range all {
		if err := m.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// Register adds a collector to the process's own.
func (m *Metrics) Register(c prometheus.Collector) error {
	if err := m.registry.Register(c); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// Gatherer is what a listener serves.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Moved counts what a written change did: the moves from version on, the incidents, and an outcome.
func (m *Metrics) Moved(t *topup.Topup, version int) {
	if m == nil {
		return
	}
	provider := string(t.Provider)
	for _, i := range t.Incidents {
		m.incidents.WithLabelValues(provider, string(i.Code)).Inc()
	}
	if version >= len(t.History) {
		return
	}
	for _, move := range t.History[version:] {
		m.moves.WithLabelValues(provider, move.From.String(), move.To.String()).Inc()
		if move.To.Outcome() {
			m.outcomes.WithLabelValues(provider, move.To.String()).Observe(move.At.Sub(t.CreatedAt).Seconds())
		}
	}
	if t.State.Closed() {
		m.pulse.closed(t)
	}
}

// Created counts the rows of one Create.
func (m *Metrics) Created(ts []*topup.Topup, created []topup.Created) {
	if m == nil {
		return
	}
	taken := map[topup.ProviderName]int64{}
	for i, c := range created {
		p := ts[i].Provider
		if c.Existing != nil {
			m.rows.WithLabelValues(string(p), "duplicate").Inc()
			continue
		}
		m.rows.WithLabelValues(string(p), "accepted").Inc()
		taken[p]++
	}
	for p, n := range taken {
		m.pulse.accepted(p, n)
	}
}

// Led notes whether the scheduler of this process leads.
func (m *Metrics) Led(leading bool) {
	if m == nil {
		return
	}
	m.leading.Set(0)
	if leading {
		m.leading.Set(1)
	}
}

// Delivered counts one delivery of a callback. status is 0 where no answer came.
func (m *Metrics) Delivered(ok bool, status int, took time.Duration) {
	if m == nil {
		return
	}
	outcome := "no_answer"
	switch {
	case ok:
		outcome = "delivered"
	case status > 0:
		outcome = fmt.Sprintf("%dxx", status/100)
	}
	m.callbacks.WithLabelValues(outcome).Observe(took.Seconds())
	m.pulse.called(ok)
}

// called counts one call to a provider.
func (m *Metrics) called(p topup.ProviderName, call, outcome string, took time.Duration) {
	if m != nil {
		m.calls.WithLabelValues(string(p), call, outcome).Observe(took.Seconds())
	}
}

// outcomeOf is a call's outcome as a label.
func outcomeOf(o topup.Outcome, err error) string {
	var ns *topup.NotSentError
	switch {
	case errors.As(err, &ns):
		return "not_sent"
	case err != nil:
		return "error"
	default:
		return o.Answer.String()
	}
}
