package workers

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
	"topupq/webhook"
)

func TestNotifyDeliversAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(204))
		merchant, secret := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		start := time.Now()
		c.Notify(r)
		synctest.Wait()
		got := w.arrivals("shop.example.com")
		if len(got) != 1 || !got[0].at.Equal(start) || got[0].id != topup.CallbackID(string(r.ID), 3) {
			t.Fatalf("arrived: %+v", got)
		}
		check(t, webhook.Verify(secret.Reveal(), got[0].header, got[0].body, time.Now()))
		cb := m.topup(t, r.ID).CallbackFor(3)
		if cb.State != topup.CallbackDelivered || len(cb.Attempts) != 1 || cb.Attempts[0].Status != 204 {
			t.Errorf("recorded: %+v", cb)
		}
		if len(m.due(time.Now().Add(time.Hour))) != 0 || m.leased(string(r.ID)) {
			t.Error("something is still owed or leased")
		}
	})
}

func TestParallelNotifiesDeliverOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		const records = 20
		for n := range records {
			r := m.succeeded(t, merchant, n)
			for range 50 {
				go c.Notify(r)
			}
			synctest.Wait()
			c.Notify(r) // late, with the record as it was
			<-time.After(1900 * time.Millisecond)
			c.Notify(r)
		}
		pass(t, m, c, time.Minute)
		perID := map[string]int{}
		for _, a := range w.arrivals("") {
			perID[a.id]++
		}
		for id, n := range perID {
			if n != 1 {
				t.Errorf("%s was delivered %d times", id, n)
			}
		}
		if len(perID) != records {
			t.Errorf("%d of %d arrived", len(perID), records)
		}
	})
}

func TestScheduleOf75Hours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(500))
		merchant, secret := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		pass(t, m, c, 90*time.Hour)

		got, schedule := w.arrivals(""), contractRetries()
		if len(got) != len(schedule)+1 {
			t.Fatalf("%d attempts, want %d", len(got), len(schedule)+1)
		}
		for i, a := range got {
			check(t, webhook.Verify(secret.Reveal(), a.header, a.body, a.at))
			if a.id != got[0].id || string(a.body) != string(got[0].body) {
				t.Errorf("attempt %d has ID %s and body %s", i+1, a.id, a.body)
			}
			if i == 0 {
				continue
			}
			least := schedule[i-1]
			if gap := a.at.Sub(got[i-1].at); gap < least || gap > least+least/20+2*time.Second {
				t.Errorf("attempt %d came %v after the one before, want %v and at most 5 %% more", i+1, gap, least)
			}
		}
		cb := m.topup(t, r.ID).CallbackFor(3)
		if cb.State != topup.CallbackFailed || len(cb.Attempts) != len(got) || cb.Attempts[0].Excerpt != "said no" {
			t.Errorf("recorded: %+v", cb)
		}

		w.set(always(200))
		m.change(t, r.ID, func(r *topup.Topup) error { r.CallbackFor(3).Redeliver(time.Now()); return nil })
		pass(t, m, c, time.Minute)
		if all := w.arrivals(""); len(all) != len(got)+1 || all[len(got)].id != got[0].id {
			t.Errorf("redelivery: %d arrivals, the last with ID %s", len(all), all[len(all)-1].id)
		}
	})
}

func TestRetryCountsFromTheEndOfATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{hang: true} })
		merchant, _ := m.addMerchant(t, "dead")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		pass(t, m, c, 40*time.Second)
		got := m.topup(t, r.ID).CallbackFor(3).Attempts
		if len(got) != 2 || got[0].Excerpt != "timeout" || got[1].At.Sub(got[0].At) < 20*time.Second {
			t.Errorf("attempts: %+v", got)
		}
	})
}

// A delivered callback that cannot be recorded is delivered again later, as the same event.
func TestDeliveredButNotRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		away := true
		m.fail = func(op string) error {
			if away && op == "UpdateLoaded" {
				return fmt.Errorf("write: %w", topup.ErrUnavailable)
			}
			return nil
		}
		c.Notify(r)
		pass(t, m, c, 25*time.Second)
		away = false
		pass(t, m, c, time.Minute)
		got := w.arrivals("")
		if len(got) < 2 || slices.ContainsFunc(got, func(a arrival) bool { return a.id != got[0].id }) {
			t.Errorf("arrived: %+v", got)
		}
		if cb := m.topup(t, r.ID).CallbackFor(3); cb.State != topup.CallbackDelivered {
			t.Errorf("recorded: %+v", cb)
		}
	})
}

func TestRingWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"LeaseCallback", "Get"} {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		m.fail = func(name string) error {
			if name == op {
				return fmt.Errorf("secret detail: %w", topup.ErrUnavailable)
			}
			return nil
		}
		err := c.ProcessTask(t.Context(), asynq.NewTask("callback", []byte(r.ID)))
		if !errors.Is(err, errStoreAway) || err.Error() != "store_unavailable" {
			t.Errorf("%s: %v", op, err)
		}
		if m.leased(string(r.ID)) {
			t.Errorf("%s: still leased", op)
		}
	}
}

func TestRingRefusesGarbage(t *testing.T) {
	t.Parallel()
	c := dispatcher(t, newMemory(), newWorld(always(200)))
	for _, payload := range []string{"", "x", "../../etc", "mertest", "abcdefghijklmnopqrst", "batabcdefghijklm"} {
		err := c.ProcessTask(t.Context(), asynq.NewTask("callback", []byte(payload)))
		if !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%q: %v", payload, err)
		}
	}
}

func TestBatchCompleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(500))
		merchant, secret := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		b := &topup.Batch{
			ID: topup.NewBatchID(), Merchant: merchant, Rows: 2, Accepted: 2, Sealed: true, CreatedAt: time.Now(), ClosedAt: time.Now(),
			States:   map[topup.State]int64{topup.Succeeded: 2},
			Callback: &topup.Callback{Version: 1, Type: topup.EventBatchCompleted, State: topup.CallbackWaiting, NextAt: time.Now()},
		}
		m.batches[b.ID] = b
		pass(t, m, c, 2*time.Second)
		w.set(always(200))
		pass(t, m, c, time.Minute)
		got := w.arrivals("")
		if len(got) != 2 || got[0].id != "msg_"+string(b.ID)+"_1" || got[1].id != got[0].id {
			t.Fatalf("arrived: %+v", got)
		}
		check(t, webhook.Verify(secret.Reveal(), got[1].header, got[1].body, got[1].at))
		var body struct {
			Type string
			Data topup.BatchView
		}
		check(t, json.Unmarshal(got[1].body, &body))
		if body.Type != "batch.completed" || body.Data.BatchID != b.ID || body.Data.Accepted != 2 {
			t.Errorf("body: %s", got[1].body)
		}
		if cb := m.batches[b.ID].Callback; cb.State != topup.CallbackDelivered || len(cb.Attempts) != 2 {
			t.Errorf("recorded: %+v", cb)
		}
	})
}
