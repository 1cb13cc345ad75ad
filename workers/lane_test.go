package workers

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// TestNumberLaneAcrossMerchants spaces the top-ups of one number, whoever hands them in and in whatever batch: the later
// ones are put off and say so, none fails, and each goes at its turn.
func TestNumberLaneAcrossMerchants(t *testing.T) {
	t.Parallel()
	const spacing = 2 * time.Minute
	b := newBench(t, spacing)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	create := func(m topup.MerchantID, batch topup.BatchID, number topup.MSISDN) topup.ID {
		x := &topup.Topup{
			ID: topup.NewID(m, string(number)), Merchant: m, Reference: "r", Batch: batch, Line: 1, Recipient: number, Country: "ZA",
			Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: b.clock().Add(24 * time.Hour),
		}
		check(t, x.Accept(topup.ActorIntake, b.clock()))
		_, err := b.store.Create(t.Context(), []*topup.Topup{x})
		check(t, err)
		return x.ID
	}
	const number = topup.MSISDN("+27831112222")
	ids := []topup.ID{create("mera", "", number), create("merb", topup.NewBatchID(), number), create("merc", topup.NewBatchID(), number)}
	other := create("merb", "", "+27831113333")
	for _, id := range append(ids, other) {
		check(t, b.run(id))
	}
	if b.state(ids[0]) != topup.Succeeded || b.state(other) != topup.Succeeded || b.provider.sent() != 2 {
		t.Fatalf("the first is %s, another number's %s, %d sent", b.state(ids[0]), b.state(other), b.provider.sent())
	}
	for i, id := range ids[1:] {
		x, at := b.get(id), begin.Add(time.Duration(i+1)*spacing)
		if x.State != topup.Accepted || !x.DueAt.Equal(at) || x.Tries != 0 {
			t.Errorf("%d: %s, due %s, %d tries", i, x.State, x.DueAt, x.Tries)
		}
		if text := x.Explain(); !strings.Contains(text, "topped up moments ago") || !strings.Contains(text, at.Format("15:04:05")) {
			t.Errorf("%d: %q", i, text)
		}
	}
	for i, id := range ids[1:] {
		b.now.Store(begin.Add(time.Duration(i+1) * spacing).UnixMilli())
		for _, all := range ids {
			check(t, b.run(all))
		}
		if b.state(id) != topup.Succeeded || b.provider.sent() != i+3 {
			t.Errorf("at its turn the %d is %s, %d sent", i, b.state(id), b.provider.sent())
		}
	}
}
