package main

import (
	"context"
	"fmt"
	"time"

	"topupq/archive"
	"topupq/config"
	"topupq/dayend"
	"topupq/intake"
	"topupq/jobs"
	"topupq/scheduler"
	"topupq/topup"
	"topupq/workers"
)

// dayConcurrency bounds the days that one process works on: each reads a day's top-ups from end to end.
const dayConcurrency = 2

// openShelf opens the archive, nil where none is set.
func openShelf(cfg config.Config) (archive.Shelf, error) {
	if cfg.Day.Archive == "" {
		return nil, nil
	}
	shelf, err := archive.Open(cfg.Day.Archive, cfg.Day.ArchiveAccessKey.Reveal(), cfg.Day.ArchiveSecretKey.Reveal())
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_ARCHIVE: %w", err)}
	}
	return shelf, nil
}

// library is the archive as the intake asks it, nil where none is set.
func (n *node) library() (intake.Archive, error) {
	shelf, err := openShelf(n.cfg)
	if shelf == nil || err != nil {
		return nil, err
	}
	return archive.Library{Shelf: shelf}, nil
}

// closer closes days, and makes reports of them.
func (n *node) closer(p *providers) (*dayend.Closer, error) {
	shelf, err := openShelf(n.cfg)
	if err != nil {
		return nil, err
	}
	ends := map[topup.ProviderName]dayend.Provider{}
	for name, route := range p.routes {
		ends[name] = dayend.Provider{Provider: p.plain[name], Plan: route.Policy.Plan, Budget: route.StatusBudget}
	}
	return dayend.New(dayend.Config{Now: n.clock.Now, Store: n.store, Providers: ends, Shelf: shelf, Keep: n.cfg.Day.Keep, Log: n.log.Named("day")})
}

// dayQueue serves the queue of the ends of days.
func (n *node) dayQueue(p *providers, tune tuning) (workers.Queue, error) {
	closer, err := n.closer(p)
	return workers.Queue{Name: jobs.KindDay, Handler: closer, Concurrency: dayConcurrency, Poll: 10 * tune.poll, Grace: stopGrace}, err
}

// startLearning runs what learns from outcomes; the workers count into it.
func (n *node) startLearning() *workers.SettleTimes {
	learn := workers.NewSettleTimes(n.store, n.log.Named("learn"))
	if !n.cfg.Day.Learn {
		learn.Deafen()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = learn.Run(ctx) }() // Run ends only with its context, without error
	n.onStop(func(context.Context) { cancel(); <-done })
	return learn
}

// days is what the scheduler needs for the ends of days.
func (n *node) days(p *providers) *scheduler.DaysConfig {
	plans := map[topup.ProviderName]topup.Plan{}
	for name, route := range p.routes {
		plans[name] = route.Policy.Plan
	}
	d := &scheduler.DaysConfig{Store: n.store, Bell: n.bell, Plans: plans, CloseAfter: max(n.cfg.Day.CloseAfter, time.Millisecond), BalanceHours: n.cfg.Day.BalanceHours}
	if n.cfg.Day.Archive != "" {
		d.Keep = n.cfg.Day.Keep
	}
	return d
}
