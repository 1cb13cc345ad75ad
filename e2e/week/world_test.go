package week_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"topupq/archive"
	"topupq/dayend"
	"topupq/intake"
	"topupq/jobs"
	"topupq/redisproc"
	"topupq/scheduler"
	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/workers"
)

var zones = map[topup.ProviderName]string{topup.Reloadly: "UTC", topup.AAT: "Africa/Johannesburg", topup.RechargeKit: "Asia/Kolkata"}

// world is the product without its processes: a real Redis, the store, the scheduler, the workers, the end of the day and
// the intake, on a clock that only the test moves.
type world struct {
	t         *testing.T
	clock     atomic.Int64
	store     *redisstore.Store
	bell      *doorbell
	scheduler *scheduler.Scheduler
	submit    *workers.Submit
	check     *workers.Check
	closer    *dayend.Closer
	intake    http.Handler
	key       string
	merchant  topup.MerchantID
	upstreams map[topup.ProviderName]upstream
	plans     map[topup.ProviderName]topup.Plan
	// tick is the least time between two looks, rate the sends of a provider in a second.
	tick  time.Duration
	rate  int
	looks int
}

// perWorld bounds the tasks that run at the same time.
const perWorld = 16

func newWorld(t *testing.T, begin time.Time, budget int64, tick time.Duration) *world {
	t.Helper()
	w := &world{t: t, bell: newDoorbell(), tick: tick, rate: 50, plans: map[topup.ProviderName]topup.Plan{}, merchant: "merweek"}
	w.clock.Store(begin.UnixMilli())
	rdb := redis.NewClient(&redis.Options{Addr: redisproc.StartForTest(t, redisproc.Options{}).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	w.store = redisstore.Open(rdb, redisstore.Options{CallbackLease: 10000 * time.Hour})
	t.Cleanup(w.store.Close)
	w.upstreams = map[topup.ProviderName]upstream{
		topup.Reloadly: newReloadly(t, w.now), topup.AAT: newAAT(t, w.now), topup.RechargeKit: newRechargeKit(t, w.now),
	}
	routes, ends := map[topup.ProviderName]workers.Route{}, map[topup.ProviderName]dayend.Provider{}
	settings := map[topup.ProviderName]intake.ProviderSettings{}
	for p, u := range w.upstreams {
		policy := w.policy(p, u.provider, budget)
		w.plans[p] = policy.Plan
		routes[p] = workers.Route{Provider: u.provider, Policy: policy, StatusBudget: budget}
		ends[p] = dayend.Provider{Provider: u.provider, Plan: policy.Plan, Budget: budget}
		settings[p] = intake.ProviderSettings{Currency: u.provider.Traits().Currency}
	}
	cfg := workers.Config{Ledger: w.store, Routes: workers.NewRoutes(routes), Bell: w.bell, Log: zap.NewNop(), Now: w.now, DueLease: time.Minute}
	w.check = workers.NewCheck(cfg)
	w.submit = workers.NewSubmit(cfg, w.check)
	shelf, err := archive.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if w.closer, err = dayend.New(dayend.Config{Store: w.store, Providers: ends, Shelf: shelf, Log: zap.NewNop(), Now: w.now}); err != nil {
		t.Fatal(err)
	}
	w.scheduler, err = scheduler.New(scheduler.Config{
		Store: w.store, Bell: w.bell, Log: zap.NewNop(), Providers: topup.Providers, SubmitQueue: jobs.SubmitQueue, CheckQueue: jobs.CheckQueue,
		Grouped: cfg.Routes.Grouped(), Holder: "week", CallbackLease: 10000 * time.Hour, Window: 100_000, Now: w.now,
		Days: &scheduler.DaysConfig{Store: w.store, Bell: w.bell, Plans: w.plans, Keep: 35 * 24 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.openIntake(settings, archive.Library{Shelf: shelf})
	return w
}

// policy is what the configuration makes of a provider's defaults.
func (w *world) policy(p topup.ProviderName, provider topup.Provider, budget int64) topup.Policy {
	w.t.Helper()
	loc, err := time.LoadLocation(zones[p])
	if err != nil {
		w.t.Fatal(err)
	}
	plan := topup.Plan{
		Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
		EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Location: loc, Confirm: topup.ConfirmEndOfDay, Ranked: budget > 0,
	}
	if p == topup.AAT {
		plan.Confirm = topup.ConfirmHourly
	}
	_, plan.Gather = provider.(topup.ManyChecker)
	return topup.Policy{Plan: plan, Traits: provider.Traits(), Timeout: 90 * time.Second, Margin: 5 * time.Second}
}

func (w *world) openIntake(settings map[topup.ProviderName]intake.ProviderSettings, books intake.Archive) {
	w.t.Helper()
	text, key := intake.NewAPIKey(w.now(), topup.DefaultScopes...)
	if err := w.store.PutMerchant(w.t.Context(), &topup.Merchant{ID: w.merchant, Name: "week", CreatedAt: w.now(), Keys: []topup.APIKey{key}}); err != nil {
		w.t.Fatal(err)
	}
	srv, err := intake.New(intake.Config{Store: w.store, Ring: w.bell, Providers: settings, Archive: books, Now: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.intake, w.key = srv.Handler(), text.Reveal()
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

// call makes one exchange with the intake.
func (w *world) call(method, path, contentType, body string) []byte {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.key)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	rec := httptest.NewRecorder()
	w.intake.ServeHTTP(rec, r)
	if rec.Code >= http.StatusBadRequest {
		w.t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// received is what the intake answers to a batch.
type received struct{ Accepted, Duplicates, Rejected int }

// post hands orders in as one batch.
func (w *world) post(orders []*order) received {
	w.t.Helper()
	var r received
	if err := json.Unmarshal(w.call("POST", "/v1/batches", "application/x-ndjson", ndjson(orders)), &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) arrive(orders []*order) {
	w.t.Helper()
	if r := w.post(orders); r.Accepted != len(orders) {
		w.t.Fatalf("%d orders: %+v", len(orders), r)
	}
}

// calledBack is what the intake does about a provider's call-back: the order is asked about soon.
func (w *world) calledBack(id topup.ID) {
	w.t.Helper()
	_, err := w.store.Update(w.t.Context(), id, func(t *topup.Topup) error { return t.AskSoon(w.now()) })
	if err != nil && !errors.Is(err, topup.ErrNotAllowed) {
		w.t.Fatal(err)
	}
}

// live lets time pass until end: at its moments something happens, and in between the scheduler looks whenever anything
// is due, at least every half hour.
func (w *world) live(end time.Time, moments map[time.Time]func()) {
	w.t.Helper()
	for w.now().Before(end) {
		if happen, ok := moments[w.now()]; ok {
			happen()
		}
		more := w.look()
		next := w.now().Add(w.tick)
		if !more {
			next = w.nextDue()
		}
		for at := range moments {
			if at.After(w.now()) && at.Before(next) {
				next = at
			}
		}
		w.clock.Store(next.UnixMilli())
	}
}

// look is one look of the scheduler, and what it rang for. It reports whether more is to be sent at once.
func (w *world) look() bool {
	w.t.Helper()
	w.looks++
	if err := w.scheduler.LookOnce(w.t.Context()); err != nil {
		w.t.Fatalf("%v: %v", w.now(), err)
	}
	submit, check, day, more := w.bell.take(max(int(w.tick/time.Second), 1) * w.rate)
	w.work(w.submit, submit)
	w.work(w.check, check)
	for _, d := range day {
		if err := w.closer.ProcessTask(w.t.Context(), d); err != nil {
			w.t.Fatalf("%v: %s: %v", w.now(), d.Payload(), err)
		}
	}
	return more
}

func (w *world) work(h asynq.Handler, tasks []*asynq.Task) {
	w.t.Helper()
	g, ctx := errgroup.WithContext(w.t.Context())
	g.SetLimit(perWorld)
	for _, task := range tasks {
		g.Go(func() error { return h.ProcessTask(context.WithoutCancel(ctx), task) })
	}
	if err := g.Wait(); err != nil {
		w.t.Fatalf("%v: %v", w.now(), err)
	}
}

// longest is the time between two looks when nothing is due.
const longest = 30 * time.Minute

// nextDue is when something is due next.
func (w *world) nextDue() time.Time {
	w.t.Helper()
	b, err := w.store.Backlog(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	best := longest
	for p, n := range b.Checks {
		if b.Sends[p] > 0 {
			best = min(best, 10*w.tick)
		}
		for n > 0 && w.due(p, best-time.Millisecond) && best > w.tick {
			best = max(best/2, w.tick)
		}
	}
	return w.now().Add(best)
}

// due reports whether a check of a provider is due within a time.
func (w *world) due(p topup.ProviderName, within time.Duration) bool {
	n, err := w.store.CountDueChecks(w.t.Context(), p, w.now().Add(within))
	if err != nil {
		w.t.Fatal(err)
	}
	return n > 0
}

// each reads every top-up.
func (w *world) each(from, to time.Time, do func(*topup.Topup)) {
	w.t.Helper()
	err := w.store.EachCreated(w.t.Context(), "", from, to, func(t *topup.Topup) error { do(t); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// doc reads a document of a day.
func (w *world) doc(p topup.ProviderName, date, name string, into any) {
	w.t.Helper()
	text, err := w.store.GetDay(w.t.Context(), p, date, name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		w.t.Fatalf("%s of %s %s: %v", name, p, date, err)
	}
}
