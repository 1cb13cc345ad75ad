package storetest

import (
	"slices"
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

// releasedRows wakes the rows of a batch that was held once the workers know that it is released, and ends the pause
// that whoever released it has left; a hold that began after the release stays in force.
func releasedRows(t *testing.T, s topup.Store) {
	ops, m, id := s.(topup.Operations), merchantOf(t), topup.NewBatchID()
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: m, CreatedAt: start, Sealed: true, Accepted: 2}); err != nil {
		t.Fatal(err)
	}
	first, second := inBatch(order(m, "one"), id, 1), inBatch(order(m, "two"), id, 2)
	create(t, s, first, second)
	for _, x := range []*topup.Topup{first, second} {
		update(t, s, x.ID, func(x *topup.Topup) error { return x.Defer(start.Add(9*time.Minute), topup.CodeBatchHeld) })
	}
	scope := topup.PauseScope{Kind: topup.PauseByHold, Name: string(id)}
	hold := func(at time.Time) {
		t.Helper()
		if err := ops.SetPause(t.Context(), scope, topup.Pause{Reason: topup.CodeBatchHeld, Actor: topup.ActorMerchant, Since: at}); err != nil {
			t.Fatal(err)
		}
	}
	change := func(do func(*topup.Batch) error) {
		t.Helper()
		if _, err := s.UpdateBatch(t.Context(), id, do); err != nil {
			t.Fatal(err)
		}
	}
	held := func() bool {
		t.Helper()
		pauses, err := ops.Pauses(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(pauses, func(p topup.ScopedPause) bool { return p.Scope == scope })
	}
	hold(start)
	change(func(b *topup.Batch) error { return b.HoldBack(topup.CodeBatchHeld, start) })
	due(t, s, start, []topup.BatchID{id}) // looked at as it was sealed, and then put off
	change(func(b *topup.Batch) error { return b.Release(start.Add(time.Second)) })
	due(t, s, start.Add(time.Second), nil)
	due(t, s, start.Add(2*time.Second), []topup.BatchID{id})
	if err := s.WakeBatch(t.Context(), id, start.Add(2*time.Second)); err != nil || held() {
		t.Fatalf("%v, the pause stands: %v", err, held())
	}
	if n := len(sends(t, s, topup.AAT, start.Add(2*time.Second), start.Add(time.Hour))); n != 2 {
		t.Errorf("%d rows are shown", n)
	}
	hold(start.Add(3 * time.Second))
	if err := s.WakeBatch(t.Context(), id, start.Add(4*time.Second)); err != nil || !held() {
		t.Errorf("%v, a hold after the release was ended: %v", err, !held())
	}
}
