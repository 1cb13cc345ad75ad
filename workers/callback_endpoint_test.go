package workers

import (
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

func TestGoneSwitchesTheEndpointOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(410))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		first := m.succeeded(t, merchant, 1)
		c.Notify(first)
		synctest.Wait()
		if hook := m.webhook(merchant); !hook.Disabled || hook.DisabledReason != "410 Gone" {
			t.Fatalf("endpoint: %+v", hook)
		}
		if cb := m.topup(t, first.ID).CallbackFor(3); cb.State != topup.CallbackParked || len(cb.Attempts) != 1 || cb.Attempts[0].Status != 410 {
			t.Errorf("recorded: %+v", cb)
		}
		second := m.succeeded(t, merchant, 2)
		c.Notify(second)
		pass(t, m, c, time.Hour)
		if cb := m.topup(t, second.ID).CallbackFor(3); cb.State != topup.CallbackParked || len(cb.Attempts) != 0 {
			t.Errorf("second: %+v", cb)
		}
		if n := len(w.arrivals("")); n != 1 {
			t.Errorf("%d arrived", n)
		}

		w.set(always(200))
		m.setWebhook(merchant, func(h *topup.Webhook) { h.Disabled, h.DisabledReason = false, "" })
		for _, id := range []topup.ID{first.ID, second.ID} {
			m.change(t, id, func(r *topup.Topup) error { r.CallbackFor(3).Redeliver(time.Now()); return nil })
			ring(t, c, string(id))
		}
		synctest.Wait()
		if n := len(w.arrivals("")); n != 3 {
			t.Errorf("%d arrived after the redelivery", n)
		}
	})
}

func TestFiveDaysOfFailureSwitchTheEndpointOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(500))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		start := time.Now()
		c.Notify(m.succeeded(t, merchant, 1))
		for day := range 5 {
			pass(t, m, c, 23*time.Hour)
			if m.webhook(merchant).Disabled {
				t.Fatalf("switched off on day %d", day+1)
			}
			c.Notify(m.succeeded(t, merchant, 100+day))
			pass(t, m, c, time.Hour)
		}
		last := m.succeeded(t, merchant, 200)
		c.Notify(last)
		pass(t, m, c, time.Minute)
		hook := m.webhook(merchant)
		if !hook.Disabled || hook.DisabledReason != "failing for 5 days" || !hook.FailingSince.Equal(start) {
			t.Errorf("after 5 days: %+v", hook)
		}
		if cb := m.topup(t, last.ID).CallbackFor(3); cb.State != topup.CallbackParked {
			t.Errorf("last: %+v", cb)
		}
	})
}

func TestSuccessEndsTheFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(500))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		c.Notify(m.succeeded(t, merchant, 1))
		synctest.Wait()
		if m.webhook(merchant).FailingSince.IsZero() {
			t.Fatal("the failure is not noted")
		}
		w.set(always(200))
		pass(t, m, c, time.Minute)
		if at := m.webhook(merchant).FailingSince; !at.IsZero() {
			t.Errorf("still failing since %v", at)
		}
		rev := m.merchants[merchant].Rev
		for n := range 100 {
			c.Notify(m.succeeded(t, merchant, 10+n))
		}
		pass(t, m, c, 10*time.Second)
		if m.merchants[merchant].Rev != rev {
			t.Error("the merchant was written although nothing changed")
		}
	})
}

// A merchant that has changed its URL is not punished for the old one.
func TestOldEndpointIsNotHeldAgainstTheNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 410, after: 5 * time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		c.Notify(m.succeeded(t, merchant, 1))
		<-time.After(time.Second)
		m.setWebhook(merchant, func(h *topup.Webhook) { h.URL = "https://new.example.com/cb" })
		<-time.After(10 * time.Second)
		if hook := m.webhook(merchant); hook.Disabled {
			t.Errorf("endpoint: %+v", hook)
		}
		w.set(always(200))
		c.Notify(m.succeeded(t, merchant, 2))
		synctest.Wait()
		if n := len(w.arrivals("new.example.com")); n != 1 {
			t.Errorf("%d arrived at the new URL", n)
		}
	})
}

func TestRotationSignsWithBoth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, old := m.addMerchant(t, "shop")
		ring, err := topup.ParseKeyring("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
		check(t, err)
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.Keyring = ring })
		fresh := topup.NewWebhookSecret()
		sealed, err := topup.SealWebhookSecret(ring, merchant, fresh)
		check(t, err)
		m.setWebhook(merchant, func(h *topup.Webhook) { h.Rotate(sealed, 24*time.Hour, time.Now()) })
		verified := func(n int) (byOld, byNew bool) {
			c.Notify(m.succeeded(t, merchant, n))
			synctest.Wait()
			got := w.arrivals("")
			a := got[len(got)-1]
			return webhook.Verify(old.Reveal(), a.header, a.body, a.at) == nil, webhook.Verify(fresh.Reveal(), a.header, a.body, a.at) == nil
		}
		if byOld, byNew := verified(1); !byOld || !byNew {
			t.Errorf("during the rotation: old %v, new %v", byOld, byNew)
		}
		<-time.After(24*time.Hour + time.Second)
		if byOld, byNew := verified(2); byOld || !byNew {
			t.Errorf("after the rotation: old %v, new %v", byOld, byNew)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	cases := []struct {
		value       string
		least, most time.Duration
	}{
		{"60", time.Minute, time.Minute + 2*time.Second},
		{"1", 5 * time.Second, 7 * time.Second},
		{"-5", 5 * time.Second, 7 * time.Second},
		{"a while", 5 * time.Second, 7 * time.Second},
		{"99999999999999999999", 24 * time.Hour, 24*time.Hour + 2*time.Second},
	}
	for _, k := range cases {
		synctest.Test(t, func(t *testing.T) {
			m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 429, retryAfter: k.value} })
			merchant, _ := m.addMerchant(t, "shop")
			c := dispatcher(t, m, w)
			c.Notify(m.succeeded(t, merchant, 1))
			synctest.Wait()
			w.set(always(200))
			pass(t, m, c, k.most)
			got := w.arrivals("")
			if len(got) != 2 || got[1].at.Sub(got[0].at) < k.least {
				t.Errorf("Retry-After %q: %d arrivals, %v", k.value, len(got), got)
			}
		})
	}
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		hook func(*topup.Webhook)
		want topup.CallbackState
	}{
		{"no URL", func(h *topup.Webhook) { h.URL = "" }, topup.CallbackParked},
		{"switched off", func(h *topup.Webhook) { h.Disabled = true }, topup.CallbackParked},
		{"not subscribed", func(h *topup.Webhook) { h.Events = []topup.EventType{topup.EventFailed} }, topup.CallbackSkipped},
		{"not sayable", func(h *topup.Webhook) { h.Format = topup.FormatAAT }, topup.CallbackSkipped},
		{"no secret", func(h *topup.Webhook) { h.Secrets = nil }, topup.CallbackWaiting},
		{"secret unreadable", func(h *topup.Webhook) { h.Secrets[0].Sealed = []byte("garbage") }, topup.CallbackWaiting},
	}
	for _, k := range cases {
		synctest.Test(t, func(t *testing.T) {
			m, w := newMemory(), newWorld(always(200))
			merchant, _ := m.addMerchant(t, "shop", k.hook)
			c := dispatcher(t, m, w)
			r := sentTopup(t, merchant, 1)
			check(t, outcomeNow(topup.Mismatch)(r)) // unresolved
			c.Notify(m.put(r))
			pass(t, m, c, 30*time.Second)
			if cb := m.topup(t, r.ID).NextCallback(); k.want == topup.CallbackWaiting && cb == nil {
				t.Errorf("%s: nothing waits any more", k.name)
			}
			if last := m.topup(t, r.ID).Callbacks; last[len(last)-1].State != k.want || len(w.arrivals("")) != 0 {
				t.Errorf("%s: %+v, %d arrived", k.name, last, len(w.arrivals("")))
			}
		})
	}
}

func TestMerchantUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		c := dispatcher(t, m, w)
		r := m.succeeded(t, "mernobody0000", 1)
		c.Notify(r)
		synctest.Wait()
		if cb := m.topup(t, r.ID).CallbackFor(3); cb.State != topup.CallbackParked {
			t.Errorf("%+v", cb)
		}
	})
}

func TestOpenBreakerUsesUpNoAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(500))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint = 1 })
		var ids []topup.ID
		for n := range 40 {
			r := m.succeeded(t, merchant, n)
			ids = append(ids, r.ID)
			c.Notify(r)
		}
		synctest.Wait()
		if n := len(w.arrivals("")); n != 10 {
			t.Errorf("%d were sent, want the 10 that opened the breaker", n)
		}
		for _, id := range ids[10:] {
			cb := m.topup(t, id).CallbackFor(3)
			if cb.State != topup.CallbackWaiting || len(cb.Attempts) != 0 || !cb.NextAt.After(time.Now().Add(29*time.Second)) {
				t.Fatalf("put off: %+v", cb)
			}
		}
		w.set(always(200))
		pass(t, m, c, 10*time.Minute)
		for _, id := range ids {
			if cb := m.topup(t, id).CallbackFor(3); cb.State != topup.CallbackDelivered {
				t.Errorf("in the end: %+v", cb)
			}
		}
	})
}
