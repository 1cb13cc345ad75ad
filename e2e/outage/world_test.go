package outage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/redisproc"
	"topupq/scheduler"
	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/webhook"
	"topupq/workers"
)

// world is what a merchant's events go through, over a real Redis and on a clock that only the test moves: the ledger, a
// scheduler and two processes that send callbacks.
type world struct {
	t         *testing.T
	clock     atomic.Int64
	store     *redisstore.Store
	scheduler *scheduler.Scheduler
	sender    *webhook.Sender
	senders   [2]*workers.Callbacks
	shop      *shop
	merchant  topup.MerchantID
	rung      []string
	rows      int
}

// day is a day of virtual time; step is the time between two looks.
const (
	day  = 24 * time.Hour
	step = 10 * time.Minute
)

var begin = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, merchant: "meroutage", shop: &shop{secret: topup.NewWebhookSecret()}}
	w.clock.Store(begin.UnixMilli())
	w.shop.now = w.now
	rdb := redis.NewClient(&redis.Options{Addr: redisproc.StartForTest(t, redisproc.Options{}).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	w.store = redisstore.Open(rdb, redisstore.Options{Now: w.now})
	t.Cleanup(w.store.Close)
	sealed, err := topup.SealWebhookSecret(topup.Keyring{}, w.merchant, w.shop.secret)
	w.check(err)
	hook := topup.Webhook{URL: "https://shop.example.com/topups", Format: topup.FormatStandard, Secrets: []topup.WebhookSecret{sealed}}
	w.check(w.store.PutMerchant(t.Context(), &topup.Merchant{ID: w.merchant, Name: "shop", CreatedAt: begin, Webhook: hook}))
	w.sender = webhook.NewSender(webhook.Config{RoundTripper: w.shop, Now: w.now})
	w.scheduler, err = scheduler.New(scheduler.Config{
		Store: w.store, Bell: w, Feeds: w.store, Log: zap.NewNop(), Holder: "outage", Now: w.now,
		SubmitQueue: jobs.SubmitQueue, CheckQueue: jobs.CheckQueue,
	})
	w.check(err)
	for i := range w.senders {
		w.restart(i)
	}
	t.Cleanup(func() {
		for _, c := range w.senders {
			w.stop(c)
		}
	})
	return w
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// restart ends one of the processes that send callbacks, and starts it anew.
func (w *world) restart(i int) {
	w.t.Helper()
	if w.senders[i] != nil {
		w.stop(w.senders[i])
	}
	retries := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, day}
	w.senders[i] = workers.NewCallbacks(workers.CallbacksConfig{Store: w.store, Sender: w.sender, Retries: retries, Now: w.now})
}

func (w *world) stop(c *workers.Callbacks) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}

// pass lets time go by, with a look at every step.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now().Add(d); w.now().Before(end); {
		w.clock.Add(step.Milliseconds())
		w.rung = nil
		w.check(w.scheduler.LookOnce(w.t.Context()))
		for i, id := range w.rung {
			w.check(w.senders[i%2].ProcessTask(w.t.Context(), asynq.NewTask(jobs.KindCallback, []byte(id))))
		}
		w.settle(w.rung)
	}
}

// settle waits until nothing of what was rung for is due any more.
func (w *world) settle(ids []string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(ids) > 0 {
		if !w.due(ids[0]) {
			ids = ids[1:]
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("the callback of %s stays due: %v", ids[0], ctx.Err())
		}
	}
}

func (w *world) due(id string) bool {
	w.t.Helper()
	var cb *topup.Callback
	if topup.ID(id).Valid() {
		t, err := w.store.Get(w.t.Context(), topup.ID(id))
		w.check(err)
		cb = t.NextCallback()
	} else {
		b, err := w.store.GetBatch(w.t.Context(), topup.BatchID(id))
		w.check(err)
		cb = b.Callback
	}
	return cb != nil && cb.State == topup.CallbackWaiting && !cb.NextAt.After(w.now())
}

// batch makes a batch whose rows are sent now and have not ended yet.
func (w *world) batch(n int) (topup.BatchID, []topup.ID) {
	w.t.Helper()
	id := topup.NewBatchID()
	w.check(w.store.CreateBatch(w.t.Context(), &topup.Batch{ID: id, Merchant: w.merchant, CreatedAt: w.now(), Sealed: true, Rows: int64(n), Accepted: int64(n)}))
	ids := make([]topup.ID, n)
	for i := range ids {
		w.rows++
		reference := fmt.Sprintf("row-%d", w.rows)
		t := &topup.Topup{
			ID: topup.NewID(w.merchant, reference), Merchant: w.merchant, Reference: reference, Batch: id, Line: i + 1, Recipient: "+27831234567", Country: "ZA",
			Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: w.now().Add(day),
		}
		w.check(t.Accept(topup.ActorIntake, w.now()))
		_, err := w.store.Create(w.t.Context(), []*topup.Topup{t})
		w.check(err)
		w.change(t.ID, func(t *topup.Topup) error { return t.BeginSend(policy(), 1, w.now()) })
		ids[i] = t.ID
	}
	return id, ids
}

func (w *world) change(id topup.ID, change func(*topup.Topup) error) *topup.Topup {
	w.t.Helper()
	t, err := w.store.Update(w.t.Context(), id, change)
	w.check(err)
	return t
}

// ends gives a row its outcome, and tells a process that sends callbacks of it.
func (w *world) ends(id topup.ID, a topup.Answer) {
	w.t.Helper()
	w.senders[w.rows%2].Notify(w.change(id, func(t *topup.Topup) error {
		return t.RecordSend(policy(), 1, topup.Outcome{Answer: a, Code: topup.CodeOperatorRefused}, w.now())
	}))
	w.settle([]string{string(id)})
}

// reverse takes a delivery back: the provider says so twice.
func (w *world) reverse(id topup.ID) {
	w.t.Helper()
	w.change(id, func(t *topup.Topup) error {
		for range 2 {
			if err := t.RecordCheck(policy(), topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderRefunded}, w.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

func policy() topup.Policy {
	return topup.Policy{
		Plan:    topup.Plan{Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23 * time.Hour), Confirm: topup.ConfirmHourly},
		Timeout: 30 * time.Second, Margin: 5 * time.Second,
	}
}

// What follows makes the world a bell: only callbacks are rung for here.

func (w *world) SendsAgain(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (w *world) Checks(context.Context, topup.ProviderName, []topup.Due) error     { return nil }
func (w *world) ChecksDue(context.Context, topup.ProviderName, int) error          { return nil }
func (w *world) Waiting(context.Context, string) (int, error)                      { return 0, nil }
func (w *world) Callbacks(_ context.Context, ids []string) error {
	w.rung = append(w.rung, ids...)
	return nil
}

// shop is the merchant's endpoint.
type shop struct {
	secret topup.Secret
	now    func() time.Time
	down   atomic.Bool

	mu    sync.Mutex
	took  []delivery
	tries int
}

// delivery is an event that the merchant has taken.
type delivery struct {
	id   string
	body []byte
}

// RoundTrip implements http.RoundTripper: an endpoint that is down cannot be connected to.
func (s *shop) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries++; s.down.Load() {
		return nil, errors.New("connection refused")
	}
	status := http.StatusNoContent
	if err := webhook.Verify(s.secret.Reveal(), r.Header, body, s.now()); err != nil {
		status = http.StatusBadRequest
	} else {
		s.took = append(s.took, delivery{r.Header.Get(webhook.HeaderID), body})
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// taken is what the merchant has taken since the last call.
func (s *shop) taken() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.took
	s.took = nil
	return out
}
