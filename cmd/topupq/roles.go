package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"topupq/clients"
	"topupq/clients/bulksms"
	"topupq/config"
	"topupq/intake"
	"topupq/jobs"
	"topupq/scheduler"
	"topupq/webhook"
	"topupq/workers"
)

// tuning is how hard the workers look; the embedded Redis of the demo wants it gentler.
type tuning struct {
	// servers is the number of asynq servers per submit queue at most. submitPoll is how often each of them looks at an empty
	// queue, of which redispipe lets one ask Redis for all, poll how often other queues are looked at.
	servers          int
	submitPoll, poll time.Duration
}

var fullSpeed = tuning{servers: 32, submitPoll: 20 * time.Millisecond, poll: 100 * time.Millisecond}

const (
	// perServer is how many handlers an asynq server has that shares a submit queue with others.
	perServer           = 4
	checkConcurrency    = 32
	callbackConcurrency = 32
	lookupConcurrency   = 16
	smsConcurrency      = 4
	// handlerGrace is added to the longest call for what a handler does around it.
	handlerGrace = 20 * time.Second
)

// startIntake serves the public API and returns its address.
func (n *node) startIntake(p *providers) (string, error) {
	sender := webhook.NewSender(webhook.Config{Timeout: n.cfg.Callback.Timeout, AllowPrivate: n.cfg.Callback.AllowPrivate})
	n.onStop(func(context.Context) { sender.CloseIdle() })
	books, err := n.library()
	if err != nil {
		return "", err
	}
	srv, err := intake.New(intake.Config{
		Archive: books,
		Now:     n.clock.Now,
		Store:   n.watched, Ring: n.bell, Providers: p.settings, Routes: intakeRoutes(n.cfg.Routes), Keyring: n.keyring,
		Callbacks: p.callbacks, Reports: n.smsReports(), NoSMS: !n.cfg.BulkSMS.Enabled(), Logger: n.log.Named("intake"), AllowPrivateCallbacks: n.cfg.Callback.AllowPrivate,
		SendTest: testSender(sender, n.keyring), Window: n.window(p), Quote: p.quote, Bodies: eventBodies{}, Balance: n.lastBalance(p), Backlog: n.backlog, RescueAfter: n.cfg.RescueAfter,
	})
	if err != nil {
		return "", fmt.Errorf("build intake: %w", err)
	}
	listener := srv.HTTPServer(n.cfg.IntakeAddr)
	listener.Handler = n.watch.metrics.Listener("intake", listener.Handler)
	return n.serve("intake", n.cfg.IntakeAddr, listener)
}

// startWork runs the workers of the named queues; none named means all.
func (n *node) startWork(p *providers, only []string, tune tuning) error {
	sender := webhook.NewSender(webhook.Config{Timeout: n.cfg.Callback.Timeout, AllowPrivate: n.cfg.Callback.AllowPrivate})
	callbacks := workers.NewCallbacks(workers.CallbacksConfig{
		Now: n.clock.Now, Store: n.store, Sender: watchedSender{sender, n.watch}, Keyring: n.keyring, Retries: n.cfg.Callback.Retries, Log: n.log.Named("callback"),
	})
	n.onStop(func(context.Context) { sender.CloseIdle() })
	n.onStop(func(ctx context.Context) {
		if err := callbacks.Stop(ctx); err != nil {
			n.log.Warn("callbacks cut short; the ledger still owes them", zap.Error(err))
		}
	})
	shared := workers.Config{
		Now: n.clock.Now, Ledger: n.watched, Routes: p.routes, Notifier: callbacks, Bell: n.bell, Keyring: n.keyring, ByHand: n.bell.ByHand, FailoverAfter: n.cfg.FailoverAfter, DueLease: 2 * n.cfg.RescueAfter, Log: n.log.Named("work"),
	}
	shared.Learn = n.startLearning()
	shared.Brake = workers.NewBrake(n.store, n.cfg.Canaries, n.ringBatch, n.log.Named("brake"), n.clock.Now)
	var err error
	if n.cfg.BulkSMS.Enabled() {
		shared.Texts = n.store
	}
	if shared.Spool, err = n.openSpool(); err != nil {
		return err
	}
	n.tellAway(p.routes)
	check := workers.NewCheck(shared)
	submit := workers.NewSubmit(shared, check)
	n.startDrain(submit)
	grace := longestTimeout(n.cfg) + handlerGrace
	var queues []workers.Queue
	for _, name := range p.names {
		queues = append(queues,
			workers.Queue{Name: jobs.SubmitQueue(name), Handler: submit, Concurrency: p.limits[name].Concurrency, Servers: min(tune.servers, p.limits[name].Concurrency/perServer), Poll: tune.submitPoll, Grace: grace},
			workers.Queue{Name: jobs.CheckQueue(name), Handler: check, Concurrency: checkConcurrency, Poll: tune.poll, Grace: grace},
		)
	}
	queues = append(queues,
		workers.Queue{Name: jobs.KindCallback, Handler: callbacks, Concurrency: callbackConcurrency, Poll: 2 * tune.poll, Grace: n.cfg.Callback.Timeout + handlerGrace},
		workers.Queue{Name: jobs.KindLookup, Handler: n.lookups(p), Concurrency: lookupConcurrency, Poll: 2 * tune.poll, Grace: grace},
	)
	sms, err := n.smsQueue(tune)
	if err != nil {
		return err
	}
	days, err := n.dayQueue(p, tune)
	if err != nil {
		return err
	}
	queues = append(queues, days)
	queues, err = chosen(append(queues, sms...), only)
	if err != nil {
		return err
	}
	servers := workers.NewServers(n.queue, n.log, n.watchQueues(queues))
	if err := servers.Start(); err != nil {
		return err
	}
	n.onStop(func(context.Context) { servers.Stop() })
	return nil
}

// openSpool opens the directory for answers that come while Redis is away, nil for none. The default one is done
// without, loudly, where it cannot be written; one that was asked for must be there.
func (n *node) openSpool() (*workers.Spool, error) {
	if n.cfg.SpoolDir == config.NoSpool {
		return nil, nil
	}
	spool, err := workers.OpenSpool(n.cfg.SpoolDir)
	if err != nil && n.cfg.SpoolDir == config.DefaultSpoolDir {
		n.log.Warn("no spool: answers that come while Redis is away are held in memory only; set TOPUPQ_SPOOL_DIR to a directory on a disk", zap.Error(err))
		return nil, nil
	}
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_SPOOL_DIR: %w (none does without one)", err)}
	}
	return spool, nil
}

// startDrain brings what the spool holds into the ledger. It is stopped after the workers, which fill it.
func (n *node) startDrain(submit *workers.Submit) {
	if submit.Spool == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	drain := workers.NewSpoolDrain(submit)
	go func() { defer close(done); _ = drain.Run(ctx) }() // Run ends only with its context, without error
	n.onStop(func(context.Context) { cancel(); <-done; submit.Spool.Close() })
}

// smsQueue serves the queue of PINs by SMS where BulkSMS is configured.
func (n *node) smsQueue(tune tuning) ([]workers.Queue, error) {
	if !n.cfg.BulkSMS.Enabled() {
		return nil, nil
	}
	client, err := newTexts(n.cfg.BulkSMS)
	if err != nil {
		return nil, err
	}
	n.rotations = append(n.rotations, func(cfg config.Config) error {
		client.Rotate(bulksms.Secret(cfg.BulkSMS.TokenID), bulksms.Secret(cfg.BulkSMS.TokenSecret.Reveal()))
		return nil
	})
	handler := workers.NewSMS(workers.SMSConfig{Now: n.clock.Now, Store: n.store, Ledger: n.store, Texter: pinTexter{client}, Keyring: n.keyring, Log: n.log.Named("sms"), Dial: clients.AATDialCode})
	return []workers.Queue{{Name: jobs.KindSMS, Handler: handler, Concurrency: smsConcurrency, Poll: 4 * tune.poll, Grace: handlerGrace + stopGrace}}, nil
}

// chosen keeps the queues that only names: a queue, a kind or a provider.
func chosen(queues []workers.Queue, only []string) ([]workers.Queue, error) {
	if len(only) == 0 {
		return queues, nil
	}
	var out []workers.Queue
	for _, word := range only {
		before := len(out)
		for _, q := range queues {
			kind, provider, _ := cutQueue(q.Name)
			named := word == q.Name || word == kind || word == provider
			if named && !slices.ContainsFunc(out, func(o workers.Queue) bool { return o.Name == q.Name }) {
				out = append(out, q)
			}
		}
		if len(out) == before {
			return nil, usageError("--queues: %q names no queue of a configured provider: use a provider (aat), a kind (callback) or a queue (submit:aat)", word)
		}
	}
	return out, nil
}

// startSchedule runs the scheduler.
func (n *node) startSchedule(p *providers) error {
	cfg := scheduler.Config{
		Now: n.clock.Now, Store: n.watched, Bell: n.bell, Log: n.log.Named("schedule"), Providers: p.names, SubmitQueue: jobs.SubmitQueue,
		CheckQueue: jobs.CheckQueue, Grouped: p.routes.Grouped(), Holder: n.name, LeaderTTL: n.cfg.LeaderTTL, RescueAfter: n.cfg.RescueAfter,
		CallbackLease: n.cfg.Callback.Timeout + callbackMargin, Window: sendWindow, Shortest: p.shortest, Days: n.days(p),
		Feeds: n.watched, EventsKept: n.cfg.Callback.EventsKept,
	}
	if n.cfg.BulkSMS.Enabled() {
		cfg.Texts, cfg.TextBell = n.store, n.bell
	}
	s, err := scheduler.New(cfg)
	if err != nil {
		return fmt.Errorf("build scheduler: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }() // Run ends only with its context, without error
	n.onStop(func(context.Context) { cancel(); <-done })
	return nil
}
