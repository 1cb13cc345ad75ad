package workers

import (
	"context"
	"testing"
	"time"

	"topupq/topup"
)

// TestScopedPauseStopsTheSend pauses the merchant of one top-up: it waits and is not sent. So it is with its provider.
func TestScopedPauseStopsTheSend(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]topup.PauseScope{
		"merchant": {Kind: topup.PauseByMerchant, Name: "merx"}, "provider": {Kind: topup.PauseByProvider, Name: string(topup.AAT)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
				return topup.Outcome{Answer: topup.Delivered}, nil
			}
			if err := b.store.SetPause(t.Context(), scope, topup.Pause{Reason: "operator", Actor: topup.ActorOperator("ann"), Since: b.clock()}); err != nil {
				t.Fatal(err)
			}
			id := b.create("paused")
			if err := b.run(id); err != nil {
				t.Fatal(err)
			}
			x := b.get(id)
			if x.State != topup.Accepted || x.Attempts != 0 || !x.DueAt.After(b.clock()) || (x.Waiting != topup.CodePaused && x.Waiting != topup.CodeProviderPaused) {
				t.Errorf("paused: %s, %d attempts, waiting for %q until %s", x.State, x.Attempts, x.Waiting, x.DueAt)
			}
			if b.provider.sent() != 0 {
				t.Error("a paused top-up was sent")
			}
		})
	}
}

// TestPauseLooksLessAndLess puts what a person's pause stops off by a quarter of its age, so that a large backlog does
// not keep the workers busy with looking.
func TestPauseLooksLessAndLess(t *testing.T) {
	t.Parallel()
	for _, scope := range []topup.PauseScope{{Kind: topup.PauseByMerchant, Name: "merx"}, {Kind: topup.PauseByProvider, Name: string(topup.AAT)}} {
		b := newBench(t, 0)
		check(t, b.store.SetPause(t.Context(), scope, topup.Pause{Reason: "operator", Actor: topup.ActorOperator("ann"), Since: b.clock()}))
		id := b.create("paused")
		for _, c := range []struct{ age, wait time.Duration }{{0, 30 * time.Second}, {time.Minute, 30 * time.Second}, {20 * time.Minute, 5 * time.Minute}, {3 * time.Hour, 10 * time.Minute}} {
			b.now.Store(begin.Add(c.age).UnixMilli())
			check(t, b.run(id))
			if got := b.get(id).DueAt.Sub(b.clock()); got != c.wait {
				t.Errorf("%s: after %s it looks again in %s, want %s", scope, c.age, got, c.wait)
			}
		}
	}
}
