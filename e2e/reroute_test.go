package e2e

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// TestBlockedProviderIsRerouted empties the float of a route's first provider under load, and kills a worker on the way:
// everything that was not booked there goes to the second provider, and nothing is booked by both.
func TestBlockedProviderIsRerouted(t *testing.T) {
	t.Parallel()
	const before, after = 40, 120
	env := askingEnv()
	maps.Copy(env, map[string]string{"TOPUPQ_ROUTES": "ZA:aat>reloadly", "TOPUPQ_FAILOVER_AFTER": "2s"})
	s := harness.Start(t, harness.Options{Workers: 2, Env: env})
	ctx := t.Context()
	orders := make([]harness.Order, before+after)
	for i := range orders {
		orders[i] = harness.Order{
			Reference: fmt.Sprintf("reroute-%d", i), Recipient: fmt.Sprintf("+2783%07d", 1230000+i), Amount: "5.00", Currency: "ZAR",
		}
	}
	submitAll(ctx, t, s, orders[:before])
	allInState(ctx, t, s, orders[:before], topup.Succeeded)
	s.Sims.AAT.SetBalance("12")
	submitAll(ctx, t, s, orders[before:])
	within(ctx, t, "a quarter of them rerouted", func() bool { return len(s.Sims.Reloadly.Bookings()) >= after/4 })
	s.Workers[0].Kill()
	begun := time.Now()
	allInState(ctx, t, s, orders, topup.Succeeded)
	y, booked := count(s, orders), map[topup.ProviderName]int{}
	for _, b := range s.Sims.Books() {
		booked[b.Provider] += b.Count
	}
	// Two more fit into what was left of the float.
	if y.booked != before+after || y.twice != 0 || booked[topup.AAT] != before+2 || booked[topup.Reloadly] != after-2 {
		t.Errorf("%s; booked by %v", y, booked)
	}
	t.Logf("%d top-ups, %v; all settled %s after the kill; %s", before+after, booked, time.Since(begun).Round(10*time.Millisecond), y)
}
