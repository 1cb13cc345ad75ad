package workers

import (
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

// TestBatchClosesDuringItsCallback: while batch.paused is on its way the batch closes, and batch.completed takes its place in
// the record. That the first was taken must not be noted as if the second was: the merchant would never be told.
func TestBatchClosesDuringItsCallback(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"taken": 200, "failed": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				one, _ := m.addMerchant(t, "one")
				id := topup.NewBatchID()
				m.batches[id] = &topup.Batch{
					ID: id, Merchant: one, Sealed: true, Accepted: 1, CreatedAt: time.Now(), Paused: &topup.BatchPaused{Operator: "x", Since: time.Now()},
					Callback: &topup.Callback{Version: 1, Type: topup.EventBatchPaused, State: topup.CallbackWaiting, NextAt: time.Now()},
				}
				w := newWorld(nil)
				w.set(func(a arrival) reply {
					if a.version == 1 {
						m.mu.Lock()
						defer m.mu.Unlock()
						m.batches[id].Callback = &topup.Callback{Version: 2, Type: topup.EventBatchCompleted, State: topup.CallbackWaiting, NextAt: time.Now()}
						return reply{status: status, after: time.Second}
					}
					return reply{status: 200}
				})
				c := dispatcher(t, m, w)
				ring(t, c, string(id))
				pass(t, m, c, time.Minute)
				m.mu.Lock()
				defer m.mu.Unlock()
				cb := m.batches[id].Callback
				told := 0
				for _, a := range w.arrivals("") {
					if a.version == 2 {
						told++
					}
				}
				if told != 1 || cb.State != topup.CallbackDelivered || len(cb.Attempts) != 1 {
					t.Errorf("batch.completed arrived %d times; it is %s with %d attempts", told, cb.State, len(cb.Attempts))
				}
			})
		})
	}
}
