package workers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// loopback starts an endpoint on this machine and points a merchant at it.
func loopback(t testing.TB, m *memory, h http.HandlerFunc) (topup.MerchantID, topup.Secret) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return m.addMerchant(t, "local", func(w *topup.Webhook) { w.URL = srv.URL + "/cb" })
}

// overTheNetwork is a dispatcher with a real sender.
func overTheNetwork(t testing.TB, m *memory) *Callbacks {
	t.Helper()
	return dispatcher(t, m, nil, func(cfg *CallbacksConfig) {
		sender := webhook.NewSender(webhook.Config{AllowPrivate: true})
		t.Cleanup(sender.CloseIdle)
		cfg.Sender, cfg.Queue = sender, 4096
	})
}

func TestCallbacksOverTheNetwork(t *testing.T) {
	t.Parallel()
	m, arrived := newMemory(), make(chan error, 100)
	var secret topup.Secret
	merchant, secret := loopback(t, m, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- webhook.Verify(secret.Reveal(), r.Header, body, time.Now())
	})
	c := overTheNetwork(t, m)
	for n := range 100 {
		c.Notify(m.succeeded(t, merchant, n))
	}
	for range 100 {
		check(t, <-arrived)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check(t, c.Stop(ctx))
	for id := range m.topups {
		if cb := m.topup(t, id).CallbackFor(3); cb.State != topup.CallbackDelivered || len(cb.Attempts) != 1 {
			t.Errorf("%s: %+v", id, cb)
		}
	}
}

// BenchmarkExpress is the way of a callback from the commit of its outcome to the endpoint's answer and the record of
// it, without the store: one merchant, the default 16 at once, an endpoint on the same machine.
func BenchmarkExpress(b *testing.B) {
	m, left, done := newMemory(), atomic.Int64{}, make(chan struct{})
	merchant, _ := loopback(b, m, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
		if left.Add(-1) == 0 {
			close(done)
		}
	})
	c := overTheNetwork(b, m)
	records := make([]*topup.Topup, b.N)
	for n := range records {
		records[n] = m.succeeded(b, merchant, n)
	}
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	for _, r := range records {
		now := time.Now()
		r.CallbackFor(3).NextAt = now // as if it had been recorded this moment
		for !c.offer(&turn{id: string(r.ID), merchant: merchant, topup: r, version: 3}) {
			<-time.After(100 * time.Microsecond)
		}
	}
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "callbacks/s")
}
