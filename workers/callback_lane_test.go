package workers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

func TestHangingEndpointHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		w := newWorld(func(a arrival) reply {
			if a.host == "dead.example.com" {
				return reply{hang: true}
			}
			return reply{status: 200, after: 20 * time.Millisecond}
		})
		dead, _ := m.addMerchant(t, "dead")
		alive, _ := m.addMerchant(t, "alive")
		c := dispatcher(t, m, w)
		for n := range 500 {
			c.Notify(m.succeeded(t, dead, n))
		}
		for n := range 16 {
			c.Notify(m.succeeded(t, alive, n))
		}
		// Alone, 16 callbacks take one round of 20 ms. Beside a dead endpoint they must not take two.
		<-time.After(2 * 20 * time.Millisecond)
		synctest.Wait()
		if got := w.arrivals("alive.example.com"); len(got) != 16 {
			t.Fatalf("%d of 16 arrived in two rounds", len(got))
		}
		pass(t, m, c, time.Minute)
		for n := range 200 {
			c.Notify(m.succeeded(t, alive, 100+n))
		}
		start := time.Now()
		pass(t, m, c, time.Second)
		for _, a := range w.arrivals("alive.example.com")[16:] {
			if late := a.at.Sub(start); late > 20*13*time.Millisecond {
				t.Errorf("one was sent %v late", late)
			}
		}
		if n := len(w.arrivals("alive.example.com")); n != 216 {
			t.Errorf("%d of 216 arrived", n)
		}
		if most := w.most["dead.example.com"]; most != 16 {
			t.Errorf("%d callbacks hung at once, want 16", most)
		}
	})
}

func TestFullLaneReturnsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{hang: true} })
		merchant, _ := m.addMerchant(t, "dead")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint, cfg.Queue = 2, 3 })
		<-time.After(time.Second)
		start := time.Now()
		var ids []string
		for n := range 8 {
			r := m.succeeded(t, merchant, n)
			ids = append(ids, string(r.ID))
			ring(t, c, string(r.ID))
			synctest.Wait()
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("handlers were blocked for %v", took)
		}
		leased := 0
		for _, id := range ids {
			if m.leased(id) {
				leased++
			}
		}
		if leased != 5 || w.most["dead.example.com"] != 2 {
			t.Errorf("%d leases held, %d on their way; want 5 and 2", leased, w.most["dead.example.com"])
		}
		w.set(always(200))
		pass(t, m, c, 10*time.Minute)
		for _, id := range ids {
			if cb := m.topup(t, topup.ID(id)).CallbackFor(3); cb.State != topup.CallbackDelivered {
				t.Errorf("%s: %+v", id, cb)
			}
			if m.leased(id) {
				t.Errorf("%s is still leased", id)
			}
		}
	})
}

// What finds its lane full, or waits there until it is old, is sent by the same process when the lane has room: nobody
// else looks at it for a while.
func TestFullLaneCatchesUpByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint, cfg.Queue = 2, 8 })
		const records = 30
		var ids []topup.ID
		for n := range records {
			r := m.succeeded(t, merchant, n)
			c.Notify(r)
			ids = append(ids, r.ID)
		}
		<-time.After(records / 2 * time.Second)
		synctest.Wait()
		if n := len(w.arrivals("")); n != records || w.most["shop.example.com"] != 2 {
			t.Errorf("%d of %d arrived, %d at once", n, records, w.most["shop.example.com"])
		}
		for _, id := range ids {
			if cb := m.topup(t, id).CallbackFor(3); cb.State != topup.CallbackDelivered || m.leased(string(id)) {
				t.Errorf("%s: %+v", id, cb)
			}
		}
	})
}

// TestRecordingHoldsUpNobody posts the next callback while the ledger takes its time over the last one.
func TestRecordingHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) {
			cfg.PerEndpoint, cfg.Store = 1, slowLedger{cfg.Store}
		})
		for n := range mostRecording {
			c.Notify(m.succeeded(t, merchant, n))
		}
		<-time.After(slowRecord / 2)
		synctest.Wait()
		if n := len(w.arrivals("")); n != mostRecording {
			t.Errorf("%d of %d arrived before the first was recorded", n, mostRecording)
		}
		<-time.After(slowRecord)
	})
}

const slowRecord = time.Second

// slowLedger takes slowRecord to write.
type slowLedger struct{ callbackStore }

func (s slowLedger) UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	<-time.After(slowRecord)
	return s.callbackStore.UpdateLoaded(ctx, t, change)
}

func TestTwoProcessesRungForOneRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: 10 * time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		a, b := dispatcher(t, m, w), dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		for range 5 {
			ring(t, a, string(r.ID))
			ring(t, b, string(r.ID))
			<-time.After(time.Second)
		}
		<-time.After(time.Minute)
		if n := len(w.arrivals("")); n != 1 {
			t.Errorf("delivered %d times", n)
		}
	})
}

// What is not fresh is somebody else's by now: it takes a lease to send it.
func TestNotifyLeavesTheOldToTheOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		late := m.succeeded(t, merchant, 1)
		tried := m.succeeded(t, merchant, 2)
		tried = m.change(t, tried.ID, func(r *topup.Topup) error {
			r.CallbackFor(3).Attempted(topup.CallbackAttempt{At: time.Now()}, []time.Duration{time.Second}, 0)
			return nil
		})
		<-time.After(1500 * time.Millisecond)
		c.Notify(tried)
		<-time.After(time.Second)
		c.Notify(late)
		synctest.Wait()
		if n := len(w.arrivals("")); n != 0 {
			t.Errorf("%d arrived", n)
		}
		pass(t, m, c, freshLease)
		if n := len(w.arrivals("")); n != 2 {
			t.Errorf("%d arrived by the outbox", n)
		}
	})
}

func TestRingBesideAFreshSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: 10 * time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		<-time.After(time.Second)
		ring(t, c, string(r.ID))
		<-time.After(time.Minute)
		if n := len(w.arrivals("")); n != 1 || m.leased(string(r.ID)) {
			t.Errorf("%d arrived", n)
		}
	})
}

// A send never outlasts the lease that it was begun under.
func TestLeaseCoversTheSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		w := newWorld(func(a arrival) reply {
			id, _, _ := topup.ParseCallbackID(a.id)
			m.mu.Lock()
			defer m.mu.Unlock()
			if left := time.Until(m.leases[id]); left < 15*time.Second {
				t.Errorf("begun with %v of the lease left", left)
			}
			return reply{hang: true}
		})
		merchant, _ := m.addMerchant(t, "dead")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint = 1 })
		for n := range 5 {
			m.succeeded(t, merchant, n)
		}
		pass(t, m, c, 10*time.Minute)
		if n := len(w.arrivals("")); n < 5 {
			t.Errorf("only %d were sent", n)
		}
	})
}
