package workers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

func TestStopDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: 10 * time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint = 2 })
		var ids []topup.ID
		for n := range 5 {
			r := m.succeeded(t, merchant, n)
			ids = append(ids, r.ID)
			ring(t, c, string(r.ID))
		}
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		check(t, c.Run(ctx))
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("stopping took %v", took)
		}
		if n := len(w.arrivals("")); n != 2 {
			t.Errorf("%d arrived", n)
		}
		for _, id := range ids {
			if m.leased(string(id)) {
				t.Errorf("%s is still leased", id)
			}
		}
		c.Notify(m.succeeded(t, merchant, 9))
		ring(t, c, string(ids[4]))
		<-time.After(time.Minute)
		if n := len(w.arrivals("")); n != 2 {
			t.Errorf("%d arrived after the stop", n)
		}
	})
}

func TestStopCutsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{hang: true} })
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if cb := m.topup(t, r.ID).CallbackFor(3); cb.State != topup.CallbackWaiting || len(cb.Attempts) != 0 {
			t.Errorf("a cut send counts as an attempt: %+v", cb)
		}
	})
}
