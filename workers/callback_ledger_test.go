package workers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/webhook"
)

// ledgerBench is two processes' dispatchers over one ledger, and a merchant's endpoint on this machine.
type ledgerBench struct {
	t        *testing.T
	store    *redisstore.Store
	a, b     *Callbacks
	merchant topup.MerchantID
	status   atomic.Int32
	arrived  chan string
}

func newLedgerBench(t *testing.T) *ledgerBench {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	l := &ledgerBench{t: t, merchant: topup.NewMerchantID(), arrived: make(chan string, 100)}
	l.status.Store(http.StatusNoContent)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(int(l.status.Load()))
		l.arrived <- r.Header.Get(webhook.HeaderID)
	}))
	t.Cleanup(srv.Close)
	l.store = redisstore.Open(rdb, redisstore.Options{CallbackLease: freshLease})
	t.Cleanup(l.store.Close)
	other := redisstore.Open(rdb, redisstore.Options{CallbackLease: freshLease})
	t.Cleanup(other.Close)
	secret, err := topup.SealWebhookSecret(topup.Keyring{}, l.merchant, topup.NewWebhookSecret())
	check(t, err)
	hook := topup.Webhook{URL: srv.URL, Secrets: []topup.WebhookSecret{secret}}
	check(t, l.store.PutMerchant(t.Context(), &topup.Merchant{ID: l.merchant, Name: "shop", Webhook: hook}))
	l.a, l.b = l.dispatcher(l.store), l.dispatcher(other)
	return l
}

func (l *ledgerBench) dispatcher(store *redisstore.Store) *Callbacks {
	sender := webhook.NewSender(webhook.Config{AllowPrivate: true})
	l.t.Cleanup(sender.CloseIdle)
	return NewCallbacks(CallbacksConfig{Store: store, Sender: sender, Retries: contractRetries()})
}

// succeeded records a top-up and its success, which owes a callback.
func (l *ledgerBench) succeeded(reference string) *topup.Topup {
	l.t.Helper()
	now := time.Now()
	x := &topup.Topup{
		ID: topup.NewID(l.merchant, reference), Merchant: l.merchant, Reference: reference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT,
	}
	check(l.t, x.Accept(topup.ActorIntake, now))
	_, err := l.store.Create(l.t.Context(), []*topup.Topup{x})
	check(l.t, err)
	_, err = l.store.Update(l.t.Context(), x.ID, func(x *topup.Topup) error { return x.BeginSend(callbackPolicy(), 1, now) })
	check(l.t, err)
	x, err = l.store.Update(l.t.Context(), x.ID, outcomeNow(topup.Delivered))
	check(l.t, err)
	return x
}

// drain stops both processes and lets what is on its way arrive.
func (l *ledgerBench) drain() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	check(l.t, l.a.Stop(ctx))
	check(l.t, l.b.Stop(ctx))
}

// owed are the IDs that the outbox shows at a time.
func (l *ledgerBench) owed(at time.Time) []string {
	l.t.Helper()
	ids, err := l.store.DueCallbacks(l.t.Context(), at, at, 100)
	check(l.t, err)
	return ids
}

func TestLedgerNotify(t *testing.T) {
	t.Parallel()
	l := newLedgerBench(t)
	x := l.succeeded("r1")
	l.a.Notify(x)
	if id := <-l.arrived; id != topup.CallbackID(string(x.ID), x.Version()) {
		t.Errorf("got %s", id)
	}
	l.drain()
	got, err := l.store.Get(t.Context(), x.ID)
	check(t, err)
	if cb := got.CallbackFor(3); cb.State != topup.CallbackDelivered || len(cb.Attempts) != 1 {
		t.Errorf("recorded: %+v", cb)
	}
	if ids := l.owed(time.Now().Add(time.Hour)); len(ids) != 0 {
		t.Errorf("still owed: %v", ids)
	}
}

func TestLedgerOutboxIsRungByBothOnce(t *testing.T) {
	t.Parallel()
	l := newLedgerBench(t)
	x := l.succeeded("r1")
	id := string(x.ID)
	if ids := l.owed(time.Now().Add(freshLease - time.Second)); len(ids) != 0 {
		t.Errorf("shown to others too early: %v", ids)
	}
	if ids := l.owed(time.Now().Add(freshLease + time.Second)); !slices.Equal(ids, []string{id}) {
		t.Errorf("owed: %v", ids)
	}
	for range 10 {
		ring(t, l.a, id)
		ring(t, l.b, id)
	}
	<-l.arrived
	l.drain()
	if n := len(l.arrived); n != 0 {
		t.Errorf("delivered %d times more", n)
	}
	leased, err := l.store.LeaseCallback(t.Context(), id, time.Second)
	check(t, err)
	if !leased {
		t.Error("the lease was not given back")
	}
}

func TestLedgerFailureIsOwedLater(t *testing.T) {
	t.Parallel()
	l := newLedgerBench(t)
	l.status.Store(http.StatusInternalServerError)
	x := l.succeeded("r1")
	l.a.Notify(x)
	<-l.arrived
	l.drain()
	if ids := l.owed(time.Now().Add(2 * time.Second)); len(ids) != 0 {
		t.Errorf("owed at once: %v", ids)
	}
	if ids := l.owed(time.Now().Add(6 * time.Second)); !slices.Equal(ids, []string{string(x.ID)}) {
		t.Errorf("owed after 6 s: %v", ids)
	}
	m, err := l.store.GetMerchant(t.Context(), l.merchant)
	check(t, err)
	if m.Webhook.FailingSince.IsZero() {
		t.Error("the merchant's record does not say that its endpoint fails")
	}
}

func TestLedgerBatch(t *testing.T) {
	t.Parallel()
	l := newLedgerBench(t)
	now := time.Now()
	b := &topup.Batch{ID: topup.NewBatchID(), Merchant: l.merchant, CreatedAt: now}
	check(t, l.store.CreateBatch(t.Context(), b))
	_, err := l.store.UpdateBatch(t.Context(), b.ID, func(b *topup.Batch) error {
		b.Sealed, b.ClosedAt = true, now
		b.Callback = &topup.Callback{Version: 1, Type: topup.EventBatchCompleted, State: topup.CallbackWaiting, NextAt: now}
		return nil
	})
	check(t, err)
	ring(t, l.a, string(b.ID))
	if id := <-l.arrived; id != topup.CallbackID(string(b.ID), 1) {
		t.Errorf("got %s", id)
	}
	l.drain()
	got, err := l.store.GetBatch(t.Context(), b.ID)
	check(t, err)
	if got.Callback.State != topup.CallbackDelivered {
		t.Errorf("recorded: %+v", got.Callback)
	}
}
