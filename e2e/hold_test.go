package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// heldBatch is a batch of which some calls are on their way to the provider while all other rows are held.
type heldBatch struct {
	s    *harness.Stack
	id   string
	rows int
	// answer lets the calls that are on their way end, arrived counts them.
	answer  func()
	arrived *atomic.Int64
}

// holdTakes is how soon a hold is in force at every worker.
const holdTakes = time.Second

// holdInFlight hands a file in, and holds it while the first calls wait for the provider. It returns once the hold is in
// force.
func holdInFlight(ctx context.Context, t *testing.T, rows int) *heldBatch {
	t.Helper()
	env := patientEnv()
	env["TOPUPQ_AAT_CONCURRENCY"] = "2"
	s := harness.Start(t, harness.Options{Env: env})
	gate, arrived := make(chan struct{}), &atomic.Int64{}
	s.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
		if stage == harness.Arrived {
			arrived.Add(1)
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
	})
	b := &heldBatch{s: s, rows: rows, answer: func() { close(gate) }, arrived: arrived}
	b.id = upload(ctx, t, s.Merchant, "", bulkFile("held", rows), http.StatusAccepted).BatchID
	within(ctx, t, "calls on their way", func() bool { return arrived.Load() >= 2 })
	if hold := b.act(ctx, t, "hold", http.StatusOK).Hold; hold == nil || hold.Reason != topup.CodeBatchHeld {
		t.Fatalf("hold: %+v", hold)
	}
	harness.Pause(ctx, holdTakes)
	return b
}

// act holds, releases or cancels the batch.
func (b *heldBatch) act(ctx context.Context, t *testing.T, what string, want int) topup.BatchView {
	t.Helper()
	status, _, body, err := b.s.Merchant.Call(ctx, http.MethodPost, "/v1/batches/"+b.id+"/"+what, `{}`)
	var v topup.BatchView
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err != nil || status != want {
		t.Fatalf("%s: %d %s %v", what, status, body, err)
	}
	return v
}

// settled waits until everything that was on its way has ended and the rest of the rows say that they are held.
func (b *heldBatch) settled(ctx context.Context, t *testing.T) (sent int64) {
	t.Helper()
	last := topup.NewID(b.s.Merchant.ID, fmt.Sprint("held-", b.rows-1))
	within(ctx, t, "what was on its way has ended, and the rest is held", func() bool {
		now := batchOf(ctx, t, b.s.Merchant, b.id)
		sent = now.States["succeeded"]
		return sent > 0 && sent+now.States["accepted"] == int64(b.rows) && strings.Contains(explanation(ctx, t, b.s.Merchant, last), "held back")
	})
	if arrived := b.arrived.Load(); sent != arrived || arrived >= int64(b.rows)/2 {
		t.Errorf("%d of %d rows are delivered, %d were sent before the hold and after it", sent, b.rows, arrived)
	}
	return sent
}

// TestHoldAndRelease: what is on its way when a batch is held ends as it would, nothing else is sent until the release,
// across a restart of the worker, and then everything is.
func TestHoldAndRelease(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := holdInFlight(ctx, t, 60)
	b.answer()
	sent := b.settled(ctx, t)
	b.s.Workers[0].Kill()
	if err := b.s.Workers[0].Start(); err != nil {
		t.Fatal(err)
	}
	after := pinlessOrder(1, "after")
	if status, _, err := b.s.Merchant.Submit(ctx, after); status != http.StatusAccepted || err != nil {
		t.Fatal(status, err)
	}
	inState(ctx, t, b.s, topup.NewID(b.s.Merchant.ID, after.Reference), topup.Succeeded)
	if now := batchOf(ctx, t, b.s.Merchant, b.id); now.States["succeeded"] != sent || now.Hold == nil {
		t.Errorf("%d were sent before, %d now", sent, now.States["succeeded"])
	}
	if v := b.act(ctx, t, "release", http.StatusOK); v.Hold != nil {
		t.Errorf("still held: %+v", v.Hold)
	}
	within(ctx, t, "all rows delivered", func() bool {
		now := batchOf(ctx, t, b.s.Merchant, b.id)
		return now.ClosedAt != nil && now.States["succeeded"] == int64(b.rows)
	})
	for id, booking := range b.s.Sims.Books() {
		if booking.Count != 1 {
			t.Errorf("%s is booked %d times", id, booking.Count)
		}
	}
}

// TestCancelBatch: what is on its way when a batch is cancelled keeps its own outcome; everything else is failed, safe
// to refund, and the provider never hears of it.
func TestCancelBatch(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := holdInFlight(ctx, t, 60)
	within(ctx, t, "every row that was not sent cancelled", func() bool {
		now := b.act(ctx, t, "cancel", http.StatusOK)
		return now.States["accepted"] == 0
	})
	b.answer()
	within(ctx, t, "batch closed", func() bool { return batchOf(ctx, t, b.s.Merchant, b.id).ClosedAt != nil })
	now := batchOf(ctx, t, b.s.Merchant, b.id)
	if now.States["failed"] < int64(b.rows)/2 || now.States["failed"]+now.States["succeeded"] != int64(b.rows) {
		t.Errorf("%+v", now.States)
	}
	books, asks := b.s.Sims.Books(), b.s.Sims.Asks()
	for i := range b.rows {
		id := topup.NewID(b.s.Merchant.ID, fmt.Sprint("held-", i))
		_, rec, err := b.s.Merchant.Get(ctx, id)
		switch failed := rec.State == "failed"; {
		case err != nil:
			t.Fatal(err)
		case failed && (!rec.RefundSafe || rec.Failure == nil || rec.Failure.Code != "cancelled" || len(asks[id]) > 0):
			t.Errorf("%+v with %d calls", rec, len(asks[id]))
		case !failed && books[id].Count != 1:
			t.Errorf("%s is %s and booked %d times", id, rec.State, books[id].Count)
		}
	}
}
