package workers

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// TestWithheldIsNotSent runs the task of a row whose batch waits for its control totals, again and again: nothing is
// sent until the batch's record says that it was released, whatever the workers remember of pauses.
func TestWithheldIsNotSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	batch := topup.NewBatchID()
	x := &topup.Topup{
		ID: topup.NewID("merx", "w"), Merchant: "merx", Reference: "w", Batch: batch, Line: 1, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: b.clock().Add(24 * time.Hour),
	}
	check(t, x.Accept(topup.ActorIntake, b.clock()))
	check(t, x.Withhold())
	_, err := b.store.Create(t.Context(), []*topup.Topup{x})
	check(t, err)
	check(t, b.run(x.ID)) // not even the record of the batch is there
	hold := &topup.BatchHold{Reason: topup.CodeControlTotals, Since: b.clock()}
	check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: batch, Merchant: "merx", CreatedAt: b.clock(), Hold: hold}))
	check(t, b.run(x.ID))
	if got := b.get(x.ID); got.State != topup.Accepted || b.provider.sent() != 0 || got.Waiting != topup.CodeBatchHeld {
		t.Fatalf("%s, sent %d times, waits for %q", got.State, b.provider.sent(), got.Waiting)
	}
	_, err = b.store.UpdateBatch(t.Context(), batch, func(rec *topup.Batch) error { return rec.Release(b.clock()) })
	check(t, err)
	check(t, b.run(x.ID))
	if got := b.get(x.ID); got.State != topup.Succeeded || b.provider.sent() != 1 {
		t.Errorf("after the release: %s, sent %d times", got.State, b.provider.sent())
	}
}
