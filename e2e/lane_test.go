package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// TestNumberLane: two merchants top up one number at Reloadly. The second waits for the provider's spacing, says so, and
// is delivered then; a third number is not held up.
func TestNumberLane(t *testing.T) {
	t.Parallel()
	const spacing = 10 * time.Second
	s := harness.Start(t, harness.Options{Env: map[string]string{"TOPUPQ_RELOADLY_SPACING": spacing.String()}})
	ctx := t.Context()
	other, err := s.AddMerchant(ctx)
	if err != nil {
		t.Fatal(err)
	}
	order := func(reference, number string) harness.Order {
		return harness.Order{Reference: reference, Recipient: number, Amount: "1.00", Currency: "USD", Provider: "reloadly", Product: map[string]any{"operator_id": 341}}
	}
	submit := func(m *harness.Merchant, o harness.Order) topup.ID {
		t.Helper()
		status, rec, err := m.Submit(ctx, o)
		if status != http.StatusAccepted || err != nil {
			t.Fatal(status, err)
		}
		return rec.ID
	}
	first := submit(s.Merchant, order("one", "+2348037000001"))
	inState(ctx, t, s, first, topup.Succeeded)
	if status, err := other.SubmitMany(ctx, []harness.Order{order("two", "+2348037000001")}); status != http.StatusAccepted || err != nil {
		t.Fatal(status, err)
	}
	second := topup.NewID(other.ID, "two")
	within(ctx, t, "the second says why it waits", func() bool {
		return strings.Contains(explanation(ctx, t, other, second), "topped up moments ago")
	})
	third := submit(other, order("three", "+2348037000002"))
	done := func(id topup.ID) func() bool {
		return func() bool {
			_, rec, err := other.Get(ctx, id)
			return err == nil && rec.State == "succeeded"
		}
	}
	within(ctx, t, "another number", done(third))
	within(ctx, t, "the second", done(second))
	sent := map[topup.ID]time.Time{}
	for id, asks := range s.Sims.Asks() {
		for _, a := range asks {
			if a.Pays && sent[id].IsZero() {
				sent[id] = a.At
			} else if a.Pays {
				t.Errorf("%s was sent twice", id)
			}
		}
	}
	if !sent[third].Before(sent[second]) {
		t.Error("another number had to wait as well")
	}
	if apart := sent[second].Sub(sent[first]); apart < spacing-100*time.Millisecond {
		t.Errorf("sent %s apart, want %s", apart, spacing)
	}
}
