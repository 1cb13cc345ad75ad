package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"topupq/topup"
)

func batchCounters(t *testing.T, s topup.Store) {
	m, id := merchantOf(t), topup.NewBatchID()
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: m, Name: "payday", CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	due(t, s, start.Add(topup.BatchLook), []topup.BatchID{id}) // it is not sealed, so somebody looks whether it was left
	var ts []*topup.Topup
	for i, r := range refs(40) {
		ts = append(ts, inBatch(order(m, r), id, i+1))
	}
	create(t, s, ts...)
	if _, err := s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error { return b.Close(start) }); !errors.Is(err, topup.ErrNotAllowed) {
		t.Errorf("an open batch was closed: %v", err)
	}
	for _, x := range ts {
		update(t, s, x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start) })
	}
	due(t, s, start, nil) // not sealed: nobody may close it, but it may be looked at
	b, err := s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error {
		b.Rows, b.Accepted, b.Rejected, b.Sealed = 42, 40, 2, true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.Closed() != 40 || b.Progress() != 1 || b.Name != "payday" || b.Requested["ZAR"].Text() != "80.00" {
		t.Errorf("batch = %+v", b)
	}
	due(t, s, start.Add(time.Hour), []topup.BatchID{id})
	b, err = s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error { return b.Close(start) })
	if err != nil || b.Callback == nil || b.ClosedAt.IsZero() {
		t.Fatalf("close: %v, %+v", err, b)
	}
	if err := s.ForgetDueBatch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	due(t, s, start.Add(100*time.Hour), nil)
	owed, err := s.DueCallbacks(t.Context(), start, start.Add(time.Hour), 100)
	if err != nil || !slices.Contains(owed, string(id)) {
		t.Errorf("batch.completed is not owed: %v %v", owed, err)
	}
}

// due checks which sealed batches are due; unsealed ones may appear, so only want is looked for.
func due(t *testing.T, s topup.Store, at time.Time, want []topup.BatchID) {
	t.Helper()
	got, err := s.DueBatches(t.Context(), at, at.Add(time.Minute), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range want {
		if !slices.Contains(got, id) {
			t.Errorf("batch %s is not due in %v", id, got)
		}
	}
	if want == nil && at.After(start) && len(got) != 0 {
		t.Errorf("batches due: %v, want none", got)
	}
}
