package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// recoveryTimeout bounds the wait for what piled up while the receiver was down: the breaker of its host lets one callback
// through every half minute until one arrives.
const recoveryTimeout = 3 * time.Minute

// refusal is Reloadly's word that a number is not one.
var refusal = harness.Rule{Fault: "error", Code: "INVALID_RECIPIENT_PHONE", Path: "/topups*"}

// TestReceiverDown closes batches while the merchant's endpoint refuses everything, and restarts every process on the way.
// When the endpoint is well again it gets every event once per version; its feed has them all, and with it the merchant
// computes the hash that each batch.completed tells.
func TestReceiverDown(t *testing.T) {
	t.Parallel()
	const batches, rows = 3, 20
	s := harness.Start(t, harness.Options{Workers: 2})
	ctx := t.Context()
	s.Receiver.Behave(func(int) harness.Manner { return harness.Refuses })
	want := map[string]bool{}
	for n := range batches {
		prefix := fmt.Sprint("down", n)
		for i := range rows / 4 {
			s.Sims.Script(topup.Reloadly, topup.NewID(s.Merchant.ID, fmt.Sprint(prefix, "-", i)), refusal)
		}
		r := upload(ctx, t, s.Merchant, "", nigerianHeader+nigerian(prefix, 341, rows), http.StatusAccepted)
		want[r.BatchID] = true
		within(ctx, t, "batch closed", func() bool { return batchOf(ctx, t, s.Merchant, r.BatchID).ClosedAt != nil })
		for _, p := range s.Processes() {
			p.Kill()
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		}
		within(ctx, t, "intake back", func() bool {
			status, _, _, err := s.Merchant.Call(ctx, http.MethodGet, "/v1/events", "")
			return err == nil && status == http.StatusOK
		})
	}
	if len(s.Receiver.Deliveries()) == 0 {
		t.Fatal("nothing was tried while the receiver was down")
	}
	s.Receiver.Behave(nil)
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	total := batches * (rows + 1)
	err := harness.Poll(ctx, 100*time.Millisecond, func() bool { return len(takenEvents(s.Receiver)) == total })
	if err != nil {
		t.Fatalf("the merchant holds %d of %d events: %v", len(takenEvents(s.Receiver)), total, err)
	}
	if forged := s.Receiver.Forged(); len(forged) > 0 {
		t.Errorf("not verified: %v", forged)
	}
	feed := eventsOf(ctx, t, s.Merchant)
	holdsOnce(t, feed, takenEvents(s.Receiver))
	provesBatches(t, feed, s.Receiver.BatchEvents(), want)
}

// takenEvents counts what the merchant has taken, by webhook-id.
func takenEvents(r *harness.Receiver) map[string]int {
	out := map[string]int{}
	for _, d := range r.Deliveries() {
		if d.Manner.Acts() {
			out[d.WebhookID]++
		}
	}
	for _, e := range r.BatchEvents() {
		out[e.WebhookID]++
	}
	return out
}

// holdsOnce compares the feed with what the merchant has taken.
func holdsOnce(t *testing.T, feed []feedEvent, taken map[string]int) {
	t.Helper()
	if len(feed) != len(taken) {
		t.Errorf("the feed has %d events, the merchant %d", len(feed), len(taken))
	}
	for _, e := range feed {
		if taken[e.ID] != 1 {
			t.Errorf("%s %s was taken %d times", e.Type, e.ID, taken[e.ID])
		}
	}
}

// provesBatches adds up the rows of the feed, as a merchant does, and compares them with what each batch.completed told.
func provesBatches(t *testing.T, feed []feedEvent, told []harness.BatchEvent, want map[string]bool) {
	t.Helper()
	sums := map[string]topup.RowHash{}
	for _, e := range feed {
		if st, err := topup.ParseState(e.Data.State); err == nil {
			sums[e.Data.BatchID] = sums[e.Data.BatchID].Add(topup.HashRow(e.Data.Reference, st))
		}
	}
	if len(told) != len(want) {
		t.Errorf("%d batches told, want %d", len(told), len(want))
	}
	for _, b := range told {
		sum := sums[string(b.Data.BatchID)]
		if !want[string(b.Data.BatchID)] || b.Data.StatesHash == nil || *b.Data.StatesHash != sum.Text() || sum.Rows != b.Data.Accepted {
			t.Errorf("the merchant adds up %d rows to %s, and is told %+v", sum.Rows, sum.Text(), b.Data)
		}
	}
}
