package telemetry

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

// ledgerStore is what the gauges read of the store.
type ledgerStore interface {
	Stocks(ctx context.Context, now time.Time, ages []time.Duration) ([]topup.Stock, error)
	Backlog(ctx context.Context) (topup.Backlog, error)
	Pauses(ctx context.Context) ([]topup.ScopedPause, error)
	Leader(ctx context.Context) (string, error)
	Alarms(ctx context.Context) ([]topup.Alarm, error)
}

// Ledger shows what stands in the ledger: read anew at every scrape, a few pipelines each.
type Ledger struct {
	store ledgerStore
	now   func() time.Time

	up, open, oldest, risk, held, backlog, owed, paused, leader, alarm *prometheus.Desc
}

// NewLedger returns the gauges; now may be nil for time.Now.
func NewLedger(store ledgerStore, now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("topupq_"+name, help, labels, nil)
	}
	return &Ledger{
		store: store, now: now,
		up:      desc("ledger_up", "1 when the ledger could be read."),
		open:    desc("open_topups", "Top-ups that stand open: pending, unknown, held, unresolved.", "state", "provider"),
		oldest:  desc("oldest_open_age_seconds", "Age of the oldest top-up that stands open.", "state", "provider"),
		risk:    desc("money_at_risk", "Amounts sent whose outcome is not known, in units of the currency.", "provider", "currency"),
		held:    desc("money_held", "Amounts held, provably not sent, in units of the currency.", "provider", "currency"),
		backlog: desc("backlog", "Top-ups in the due indexes: sends, and checks of any kind.", "kind", "provider"),
		owed:    desc("callbacks_owed", "Top-ups and batches that owe a callback."),
		paused:  desc("paused", "1 for each pause in force of a provider or mobile operator; the number of others by kind.", "kind", "name"),
		leader:  desc("scheduler_leader", "1 when any scheduler leads."),
		alarm:   desc("alarm", "1 for each alarm in force, 0 for the others. Without a leader they are not looked at.", "name", "provider"),
	}
}

// Describe implements prometheus.Collector.
func (l *Ledger) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.up, l.open, l.oldest, l.risk, l.held, l.backlog, l.owed, l.paused, l.leader, l.alarm} {
		ch <- d
	}
}

// scrapeTimeout bounds what one scrape reads.
const scrapeTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (l *Ledger) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	stocks, err1 := l.store.Stocks(ctx, l.now(), nil)
	backlog, err2 := l.store.Backlog(ctx)
	pauses, err3 := l.store.Pauses(ctx)
	leader, err4 := l.store.Leader(ctx)
	alarms, err5 := l.store.Alarms(ctx)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		gauge(l.up, 0)
		return
	}
	gauge(l.up, 1)
	gauge(l.leader, one(leader != ""))
	gauge(l.owed, float64(backlog.Callbacks))
	for p, n := range backlog.Sends {
		gauge(l.backlog, float64(n), "sends", string(p))
	}
	for p, n := range backlog.Checks {
		gauge(l.backlog, float64(n), "checks", string(p))
	}
	l.stocks(stocks, gauge)
	l.pauses(pauses, gauge)
	l.alarms(alarms, gauge)
}

func (l *Ledger) alarms(alarms []topup.Alarm, gauge setter) {
	for _, name := range topup.AlarmNames {
		for _, p := range topup.Providers {
			in := slices.ContainsFunc(alarms, func(a topup.Alarm) bool { return a.Name == name && a.Provider == p })
			gauge(l.alarm, one(in), name, string(p))
		}
	}
}

type setter func(d *prometheus.Desc, v float64, labels ...string)

func (l *Ledger) stocks(stocks []topup.Stock, gauge setter) {
	type key struct{ provider, currency string }
	risk, held := map[key]decimal.Decimal{}, map[key]decimal.Decimal{}
	for _, s := range stocks {
		gauge(l.open, float64(s.Count), s.State.String(), string(s.Provider))
		gauge(l.oldest, l.now().Sub(s.Oldest).Seconds(), s.State.String(), string(s.Provider))
		sums := risk
		if s.State == topup.Held {
			sums = held
		}
		for _, m := range s.Sums {
			k := key{string(s.Provider), m.Currency}
			sums[k] = sums[k].Add(m.Amount)
		}
	}
	for k, sum := range risk {
		gauge(l.risk, sum.InexactFloat64(), k.provider, k.currency)
	}
	for k, sum := range held {
		gauge(l.held, sum.InexactFloat64(), k.provider, k.currency)
	}
}

// pauses names providers and operators, and only counts merchants and batches.
func (l *Ledger) pauses(pauses []topup.ScopedPause, gauge setter) {
	others := map[topup.PauseKind]int{}
	for _, p := range pauses {
		switch p.Scope.Kind {
		case topup.PauseByProvider, topup.PauseByOperator:
			gauge(l.paused, 1, string(p.Scope.Kind), p.Scope.Name)
		default:
			others[p.Scope.Kind]++
		}
	}
	for kind, n := range others {
		gauge(l.paused, float64(n), string(kind), "")
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
