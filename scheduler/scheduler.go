// Package scheduler reads from the ledger what is due and rings for it: sends that wait or that the queue has lost,
// questions to providers, callbacks, batches that may have closed. It never calls a provider and never moves a
// top-up; of several schedulers one acts.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Store is what the scheduler reads, and the lease by which it leads.
type Store interface {
	DueSends(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error)
	Paused(ctx context.Context, p topup.ProviderName) (*topup.Pause, error)
	DueChecks(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error)
	CountDueChecks(ctx context.Context, p topup.ProviderName, now time.Time) (int64, error)
	DueCallbacks(ctx context.Context, now, again time.Time, limit int) ([]string, error)
	DueBatches(ctx context.Context, now, again time.Time, limit int) ([]topup.BatchID, error)
	ForgetDueBatch(ctx context.Context, id topup.BatchID) error
	UpdateBatch(ctx context.Context, id topup.BatchID, change func(*topup.Batch) error) (*topup.Batch, error)
	WakeBatch(ctx context.Context, id topup.BatchID, now time.Time) error
	Pauses(ctx context.Context) ([]topup.ScopedPause, error)
	ForgetPause(ctx context.Context, s topup.PauseScope) error
	Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error)
	Resign(ctx context.Context, holder string) error
}

// Bell enqueues wake-ups.
type Bell interface {
	SendsAgain(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	Checks(ctx context.Context, p topup.ProviderName, due []topup.Due) error
	ChecksDue(ctx context.Context, p topup.ProviderName, n int) error
	Callbacks(ctx context.Context, ids []string) error
	// Waiting is the number of tasks that wait in a queue.
	Waiting(ctx context.Context, queue string) (int, error)
}

// Config is the scheduler's settings. Zero values are replaced by the defaults named.
type Config struct {
	Store Store
	Bell  Bell
	// Texts and TextBell are for PINs by SMS; nil where none are sent.
	Texts    Texts
	TextBell TextBell
	Log      *zap.Logger
	// Feeds holds the merchants' event feeds; nil leaves them alone. EventsKept (30 days) is how long they go back.
	Feeds      Feeds
	EventsKept time.Duration
	// Providers are those whose top-ups are looked after.
	Providers []topup.ProviderName
	// Grouped are those whose due checks are asked together: their tasks name no top-up.
	Grouped map[topup.ProviderName]bool
	// SubmitQueue and CheckQueue name a provider's queues, for the send window.
	SubmitQueue, CheckQueue func(topup.ProviderName) string
	// Holder names this scheduler in the lease; LeaderTTL (10 s) is how long the lease lasts unrenewed.
	Holder    string
	LeaderTTL time.Duration
	// Tick (200 ms) is the time between two looks; RescueAfter (30 s) the time after which a wake-up is repeated;
	// CallbackLease (20 s) the same for callbacks.
	Tick          time.Duration
	RescueAfter   time.Duration
	CallbackLease time.Duration
	// SendTick (10 ms) is the time between two looks at what waits to be sent while there is more than the queue takes.
	SendTick time.Duration
	// Shortest is the window of a provider's submit queue where nothing says that its workers need more; nil is 32 for all.
	Shortest func(topup.ProviderName) int
	// Window (4,000) is the most tasks that wait in one queue at any time: the ledger holds the rest.
	Window int
	// Days looks after the ends of days and the alarms; nil leaves them alone.
	Days *DaysConfig
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

const (
	defaultTick        = 200 * time.Millisecond
	defaultSendTick    = 10 * time.Millisecond
	defaultShortest    = 32
	defaultRescueAfter = 30 * time.Second
	defaultLease       = 20 * time.Second
	defaultLeaderTTL   = 10 * time.Second
	defaultWindow      = 4000
	// perTick bounds what one look takes from one index.
	perTick = 2000
)

// Scheduler looks for what is due.
type Scheduler struct {
	cfg Config
	// unsealed are the batches that an intake has not read to the end yet, as they were when they changed last.
	unsealed map[topup.BatchID]seenBatch
	days     days
	// trimmed is when old events were forgotten last.
	trimmed time.Time
	// paused is when the pauses of batches were looked through last.
	paused  time.Time
	windows map[topup.ProviderName]*window
}

// New returns a scheduler; Run starts it.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Store == nil || cfg.Bell == nil || cfg.Log == nil || cfg.Holder == "" || cfg.SubmitQueue == nil || cfg.CheckQueue == nil {
		return nil, errors.New("scheduler needs a store, a bell, a log, a holder and queue names")
	}
	cfg.Tick = orDefault(cfg.Tick, defaultTick)
	cfg.SendTick = orDefault(cfg.SendTick, defaultSendTick)
	if cfg.Shortest == nil {
		cfg.Shortest = func(topup.ProviderName) int { return defaultShortest }
	}
	cfg.RescueAfter = orDefault(cfg.RescueAfter, defaultRescueAfter)
	cfg.CallbackLease = orDefault(cfg.CallbackLease, defaultLease)
	cfg.LeaderTTL = orDefault(cfg.LeaderTTL, defaultLeaderTTL)
	cfg.EventsKept = orDefault(cfg.EventsKept, defaultEventsKept)
	cfg.Window = orDefault(cfg.Window, defaultWindow)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Days != nil {
		d := *cfg.Days
		d.CloseAfter, d.BalanceHours = orDefault(d.CloseAfter, defaultCloseAfter), orDefault(d.BalanceHours, defaultBalanceHours)
		cfg.Days = &d
	}
	now := cfg.Now
	cfg.Now = func() time.Time { return now().UTC().Truncate(time.Millisecond) } // as the ledger keeps times
	return &Scheduler{cfg: cfg, unsealed: map[topup.BatchID]seenBatch{}, windows: map[topup.ProviderName]*window{}}, nil
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Run looks at once and then every tick while it leads, until ctx ends; then it gives up the lease. It always returns
// nil after that: a store that is away is logged and tried again.
func (s *Scheduler) Run(ctx context.Context) error {
	ticker, sends := time.NewTicker(s.cfg.Tick), time.NewTicker(s.cfg.SendTick)
	defer ticker.Stop()
	defer sends.Stop()
	defer s.resign()
	var leading bool
	var leased time.Time
	for ctx.Err() == nil {
		if !leading || time.Since(leased) > s.cfg.LeaderTTL/3 {
			asked, was := time.Now(), leading
			if leading = s.lead(ctx); leading {
				leased = asked
			}
			if leading != was {
				s.cfg.Log.Info("leadership", zap.Bool("leading", leading), zap.String("holder", s.cfg.Holder))
			}
		}
		if leading {
			s.look(ctx, leased.Add(s.cfg.LeaderTTL), s.runOnce)
		}
		s.pace(sends, leading)
		for s.between(ctx, ticker.C, sends.C) {
			s.look(ctx, leased.Add(s.cfg.LeaderTTL), s.sendMore)
			s.pace(sends, leading)
		}
	}
	return nil
}

// pace has the ticker for sends run only while there is more than the queues take: an idle scheduler costs nothing.
func (s *Scheduler) pace(sends *time.Ticker, leading bool) {
	if leading && s.behind() {
		sends.Reset(s.cfg.SendTick)
	} else {
		sends.Stop()
	}
}

// between waits for the next tick of either kind, and reports whether it was one for sends alone.
func (s *Scheduler) between(ctx context.Context, all, sends <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-all:
		return false
	case <-sends:
		return true
	}
}

// look looks once, and not longer than the lease lasts: what a leader that was frozen or slow has not done by then is
// for the next one.
func (s *Scheduler) look(ctx context.Context, until time.Time, do func(context.Context) error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := do(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		s.cfg.Log.Warn("look failed", zap.Error(err))
	}
}

func (s *Scheduler) lead(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.LeaderTTL)
	defer cancel()
	ok, err := s.cfg.Store.Lead(ctx, s.cfg.Holder, s.cfg.LeaderTTL)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		s.cfg.Log.Warn("lease not renewed", zap.Error(err))
	}
	return ok && err == nil
}

func (s *Scheduler) resign() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.cfg.Store.Resign(ctx, s.cfg.Holder); err != nil {
		s.cfg.Log.Warn("lease not given up", zap.Error(err))
	}
}

// LookOnce looks once at everything, whoever leads. It is for those who keep time themselves, such as simulations.
func (s *Scheduler) LookOnce(ctx context.Context) error { return s.runOnce(ctx) }

// runOnce looks once at everything. One part that fails does not keep the others from running.
func (s *Scheduler) runOnce(ctx context.Context) error {
	var errs []error
	for _, p := range s.cfg.Providers {
		errs = append(errs, s.sends(ctx, p), s.recheck(ctx, p))
	}
	errs = append(errs, s.callbacks(ctx), s.batches(ctx), s.batchPauses(ctx), s.feed(ctx), s.texts(ctx), s.endOfDay(ctx))
	return errors.Join(errs...)
}

// room is how many more tasks a queue may take.
func (s *Scheduler) room(ctx context.Context, queue string) (int, error) {
	waiting, err := s.cfg.Bell.Waiting(ctx, queue)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", queue, err)
	}
	return min(s.cfg.Window-waiting, perTick), nil
}
