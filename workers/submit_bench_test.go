package workers

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/topup/redisstore"
)

// scripted is a provider that answers what it is told and counts what it is asked.
type scripted struct {
	mu      sync.Mutex
	submits []topup.Order
	checks  int
	submit  func(context.Context, topup.Order) (topup.Outcome, error)
	check   func(context.Context, topup.Ref) (topup.Outcome, error)
}

func (s *scripted) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	s.mu.Lock()
	s.submits = append(s.submits, o)
	s.mu.Unlock()
	return s.submit(ctx, o)
}

func (s *scripted) Check(ctx context.Context, r topup.Ref) (topup.Outcome, error) {
	s.mu.Lock()
	s.checks++
	s.mu.Unlock()
	return s.check(ctx, r)
}

func (s *scripted) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.submits)
}

func (s *scripted) Lookup(context.Context, string, map[string]any) (json.RawMessage, error) {
	return nil, errors.New("no lookups here")
}
func (s *scripted) Balance(context.Context) (topup.Money, error) { return topup.Money{}, nil }
func (s *scripted) Traits() topup.Traits                         { return topup.Traits{} }

// bench is a submit and a check worker over an embedded store and a scripted provider, on a clock of their own.
type bench struct {
	t        *testing.T
	redis    *miniredis.Miniredis
	store    *redisstore.Store
	provider *scripted
	submit   *Submit
	check    *Check
	rings    atomic.Int64
	holds    atomic.Int64
	notified atomic.Int64
	now      atomic.Int64
}

func (b *bench) Notify(*topup.Topup) { b.notified.Add(1) }
func (b *bench) SendsAgain(context.Context, topup.ProviderName, []topup.Due) error {
	b.rings.Add(1)
	return nil
}
func (b *bench) Held(context.Context, topup.ProviderName, topup.Due) error {
	b.holds.Add(1)
	return nil
}
func (b *bench) SMS(context.Context, topup.ID) error { b.rings.Add(1); return nil }
func (b *bench) clock() time.Time                    { return time.UnixMilli(b.now.Load()).UTC() }
func (b *bench) pass(d time.Duration)                { b.now.Add(d.Milliseconds()) }

var begin = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func newBench(t *testing.T, spacing time.Duration) *bench {
	t.Helper()
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	b := &bench{t: t, redis: server, store: redisstore.Open(rdb, redisstore.Options{}), provider: &scripted{}}
	t.Cleanup(b.store.Close)
	b.now.Store(begin.UnixMilli())
	policy := topup.Policy{
		Plan: topup.Plan{
			Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
			EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Confirm: topup.ConfirmNone,
		},
		Traits:  topup.Traits{RefusesRepeat: true, AbsenceByAnswer: true, Hold: time.Minute},
		Timeout: 20 * time.Second, Margin: 5 * time.Second,
	}
	key, err := topup.ParseKeyring("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Ledger: b.store, Notifier: b, Bell: b, Keyring: key, Log: zap.NewNop(), Now: b.clock,
		Routes: NewRoutes(map[topup.ProviderName]Route{topup.AAT: {Provider: b.provider, Policy: policy, Spacing: spacing}}),
	}
	b.check = NewCheck(cfg)
	b.submit = NewSubmit(cfg, b.check)
	return b
}

func (b *bench) create(reference string) topup.ID {
	b.t.Helper()
	x := &topup.Topup{
		ID: topup.NewID("merx", reference), Merchant: "merx", Reference: reference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: b.clock().Add(24 * time.Hour),
	}
	if err := x.Accept(topup.ActorIntake, b.clock()); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.Create(b.t.Context(), []*topup.Topup{x}); err != nil {
		b.t.Fatal(err)
	}
	return x.ID
}

func (b *bench) run(id topup.ID) error {
	return b.submit.ProcessTask(b.t.Context(), asynq.NewTask("submit", []byte(id)))
}

func (b *bench) ask(id topup.ID) error {
	return b.check.ProcessTask(b.t.Context(), asynq.NewTask("check", []byte(id)))
}

func (b *bench) state(id topup.ID) topup.State {
	b.t.Helper()
	return b.get(id).State
}

func (b *bench) get(id topup.ID) *topup.Topup {
	b.t.Helper()
	x, err := b.store.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

func answer(o topup.Outcome) func(context.Context, topup.Order) (topup.Outcome, error) {
	return func(context.Context, topup.Order) (topup.Outcome, error) { return o, nil }
}

func read(o topup.Outcome) func(context.Context, topup.Ref) (topup.Outcome, error) {
	return func(context.Context, topup.Ref) (topup.Outcome, error) { return o, nil }
}
