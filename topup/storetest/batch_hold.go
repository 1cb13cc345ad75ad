package storetest

import (
	"testing"
	"time"

	"topupq/topup"
)

// withheldRows keeps rows from everybody until their batch is released, and then shows all of them that still wait.
func withheldRows(t *testing.T, s topup.Store) {
	m, id := merchantOf(t), topup.NewBatchID()
	hold := &topup.BatchHold{Reason: topup.CodeControlTotals, Since: start}
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: m, CreatedAt: start, Hold: hold}); err != nil {
		t.Fatal(err)
	}
	var ts []*topup.Topup
	for i, r := range refs(300) {
		x := inBatch(order(m, r), id, i+1)
		if err := x.Withhold(); err != nil {
			t.Fatal(err)
		}
		ts = append(ts, x)
	}
	create(t, s, ts...)
	if got := get(t, s, ts[7].ID); !got.Withheld || got.Waiting != topup.CodeBatchHeld {
		t.Errorf("read back: %+v", got)
	}
	later := start.Add(time.Hour)
	shown := func() int {
		t.Helper()
		n := 0
		for { // each one is put off when it is shown
			due, err := s.DueSends(t.Context(), topup.AAT, later, later.Add(time.Hour), 1000)
			if err != nil {
				t.Fatal(err)
			}
			if n += len(due); len(due) == 0 {
				return n
			}
		}
	}
	released := func(id topup.BatchID) bool {
		t.Helper()
		ok, err := s.BatchReleased(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if n := shown(); n != 0 || released(id) || released(topup.NewBatchID()) {
		t.Fatalf("%d withheld rows are shown", n)
	}
	gone := ts[3]
	update(t, s, gone.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start) })
	b, err := s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error { return b.Release(start) })
	if err != nil || b.Hold != nil || !b.Wake || !released(id) {
		t.Fatalf("release: %v, %+v", err, b)
	}
	due(t, s, start.Add(time.Second), []topup.BatchID{id}) // somebody has to wake its rows
	if err := s.WakeBatch(t.Context(), id, later); err != nil {
		t.Fatal(err)
	}
	if n := shown(); n != len(ts)-1 {
		t.Errorf("%d rows are shown after the release, want %d", n, len(ts)-1)
	}
}
