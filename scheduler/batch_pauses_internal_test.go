package scheduler

import (
	"testing"
	"time"

	"topupq/topup"
)

// TestBrakeThatNobodyToldOf has a worker die between pulling the brake and telling its merchant: that is made up for, once.
// What the merchant was told of is left alone, and the pause of a batch that has closed or is gone is forgotten.
func TestBrakeThatNobodyToldOf(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	look := func() {
		t.Helper()
		if err := d.s.batchPauses(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(batchPausesEvery)
	}
	pause := func(id topup.BatchID, seen int64) {
		t.Helper()
		added, err := d.store.AddPause(t.Context(), topup.PauseScope{Kind: topup.PauseByBrake, Name: string(id) + "/reloadly:341"},
			topup.Pause{Reason: topup.CodeBrake, Actor: topup.ActorWorker, Since: d.now, Seen: topup.Failures{All: seen, Failed: seen - 1}})
		if err != nil || !added {
			t.Fatal(added, err)
		}
	}
	untold, _ := d.batch(2)
	pause(untold, 20)
	closed, rows := d.batch(1)
	d.cancel(rows...)
	if _, err := d.store.UpdateBatch(t.Context(), closed, func(b *topup.Batch) error {
		b.Sealed, b.Accepted = true, 1
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := d.s.closeBatch(t.Context(), closed); err != nil {
		t.Fatal(err)
	}
	pause(closed, 20)
	pause(topup.NewBatchID(), 20) // a batch that is gone
	look()
	b := d.get(untold)
	if b.Callback == nil || b.Callback.Type != topup.EventBatchPaused || b.Paused.Operator != "reloadly:341" || b.Paused.Settled != 20 || b.Paused.Failed != 19 {
		t.Errorf("told %+v %+v", b.Callback, b.Paused)
	}
	d.now = d.now.Add(time.Minute)
	look()
	if again := d.get(untold); again.Callback.Version != b.Callback.Version {
		t.Errorf("told twice: %+v", again.Callback)
	}
	if b := d.get(closed); b.Callback.Type != topup.EventBatchCompleted || b.Callback.Version != 1 {
		t.Errorf("a closed batch: %+v", b.Callback)
	}
	left, err := d.store.Pauses(t.Context())
	if err != nil || len(left) != 1 || left[0].Scope.Name != string(untold)+"/reloadly:341" {
		t.Errorf("pauses %+v %v", left, err)
	}
}
