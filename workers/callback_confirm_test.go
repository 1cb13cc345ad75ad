package workers

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

func confirmed(h *topup.Webhook) { h.CallbackWhen = topup.CallbackOnConfirmed }

// checks runs the confirm checks that a record plans, each answered by a, and notifies after each.
func checks(t *testing.T, m *memory, c *Callbacks, id topup.ID, a topup.Answer) {
	t.Helper()
	for {
		due := m.topup(t, id).DueAt
		if due.IsZero() {
			return
		}
		pass(t, m, c, time.Until(due)+time.Second)
		c.Notify(m.change(t, id, func(r *topup.Topup) error {
			return r.RecordCheck(callbackPolicy(), topup.Outcome{Answer: a, Code: topup.CodeProviderFailed}, time.Now())
		}))
		synctest.Wait()
	}
}

func TestConfirmedMerchantIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop", confirmed)
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		pass(t, m, c, 10*time.Minute)
		if n := len(w.arrivals("")); n != 0 {
			t.Fatalf("%d arrived before the last check", n)
		}
		if at := m.topup(t, r.ID).CallbackFor(3).NextAt; at.Before(r.DueAt) {
			t.Errorf("next at %v, before the check at %v", at, r.DueAt)
		}
		checks(t, m, c, r.ID, topup.Delivered)
		got := w.arrivals("")
		if len(got) != 1 || !got[0].at.Equal(m.topup(t, r.ID).ConfirmedAt) {
			t.Fatalf("arrived: %+v, confirmed at %v", got, m.topup(t, r.ID).ConfirmedAt)
		}
		var body struct {
			Data struct {
				State       string
				ConfirmedAt *time.Time `json:"confirmed_at"`
			}
		}
		check(t, json.Unmarshal(got[0].body, &body))
		if body.Data.State != "succeeded" || body.Data.ConfirmedAt == nil {
			t.Errorf("body: %s", got[0].body)
		}
		pass(t, m, c, time.Hour)
		if n := len(w.arrivals("")); n != 1 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestConfirmedMerchantHearsOfTheLastVersionOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop", confirmed)
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		<-time.After(time.Hour)
		c.Notify(m.change(t, r.ID, reverseNow))
		pass(t, m, c, time.Minute)
		if got := w.arrivals(""); len(got) != 1 || got[0].version != 4 {
			t.Errorf("arrived: %v", versions(got))
		}
		if cb := m.topup(t, r.ID).CallbackFor(3); cb.State != topup.CallbackSkipped {
			t.Errorf("first version: %+v", cb)
		}
	})
}

func TestConfirmedMerchantAndALateCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop", confirmed)
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		synctest.Wait()
		writes := m.writes
		pass(t, m, c, 5*time.Hour) // the checks do not come
		if n := m.writes - writes; len(w.arrivals("")) != 0 || n > 250 {
			t.Errorf("%d arrived, put off %d times", len(w.arrivals("")), n)
		}
		m.change(t, r.ID, func(r *topup.Topup) error { r.ConfirmedAt, r.DueAt = time.Now(), time.Time{}; return nil })
		pass(t, m, c, confirmLate+freshLease+2*time.Second)
		if n := len(w.arrivals("")); n != 1 {
			t.Errorf("%d arrived after the check", n)
		}
	})
}

func TestFailureIsToldAtOnceToAConfirmedMerchant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop", confirmed)
		c := dispatcher(t, m, w)
		r := sentTopup(t, merchant, 1)
		check(t, outcomeNow(topup.Refused)(r))
		c.Notify(m.put(r))
		synctest.Wait()
		if n := len(w.arrivals("")); n != 1 {
			t.Errorf("%d arrived", n)
		}
	})
}
