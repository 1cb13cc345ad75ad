package e2e

import (
	"sync"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// redisDiesOnBooking ends Redis when a provider has booked and not yet answered.
func redisDiesOnBooking(s *harness.Stack) {
	var once sync.Once
	s.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
		if stage == harness.Booked {
			once.Do(s.Redis.Kill)
		}
	})
}

// TestSpoolKeepsTheOnlyCopyOfAPIN kills Redis between the booking and the answer, then the worker that has the answer.
// Both come back: the voucher is sold once and its PIN is there, without a question to the provider.
func TestSpoolKeepsTheOnlyCopyOfAPIN(t *testing.T) {
	t.Parallel()
	for _, ended := range []string{"kill -9", "SIGTERM"} {
		t.Run(ended, func(t *testing.T) {
			t.Parallel()
			s := harness.Start(t, harness.Options{Env: patientEnv()})
			ctx := t.Context()
			redisDiesOnBooking(s)
			order := voucherOrder("spool-1")
			if status, _, err := s.Merchant.Submit(ctx, order); err != nil || status != 202 {
				t.Fatalf("status %d: %v", status, err)
			}
			within(ctx, t, "answer in the spool", func() bool { return spooled(t, s) == 1 })
			worker := s.Workers[0]
			if ended == "SIGTERM" {
				if err := worker.Stop(truthTimeout); err != nil {
					t.Error(err)
				}
			}
			worker.Kill()
			if spooled(t, s) != 1 {
				t.Fatal("the answer is gone from the spool")
			}
			if err := s.Redis.Run(ctx); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if err := worker.Start(); err != nil {
				t.Fatal(err)
			}
			rec := inState(ctx, t, s, topup.NewID(s.Merchant.ID, order.Reference), topup.Succeeded)
			took := time.Since(begun)
			y := count(s, []harness.Order{order})
			if rec.PIN == "" || y != (tally{booked: 1, sends: 1}) {
				t.Errorf("PIN of %d digits, %s", len(rec.PIN), y)
			}
			within(ctx, t, "empty spool", func() bool { return spooled(t, s) == 0 })
			t.Logf("%s: succeeded %s after the worker's start; %s", ended, took.Round(10*time.Millisecond), y)
		})
	}
}

// TestSpoolWhileTheWorkerLives lets Redis come back under a worker that goes on: many answers, each recorded once.
func TestSpoolWhileTheWorkerLives(t *testing.T) {
	t.Parallel()
	const topups = 40
	s := harness.Start(t, harness.Options{Env: askingEnv()})
	ctx := t.Context()
	orders := make([]harness.Order, topups)
	for i := range orders {
		orders[i] = voucherOrder("spool-" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
		orders[i].Recipient = pinlessOrder(i, "").Recipient
	}
	redisDiesOnBooking(s)
	if _, err := s.Merchant.SubmitMany(ctx, orders); err != nil {
		t.Logf("the intake has lost Redis too: %v", err)
	}
	within(ctx, t, "answers in the spool", func() bool { return spooled(t, s) > 0 })
	kept := spooled(t, s)
	if err := s.Redis.Run(ctx); err != nil {
		t.Fatal(err)
	}
	submitAll(ctx, t, s, orders)
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != topups || y.twice != 0 || y.sends != topups {
		t.Errorf("%s of %d", y, topups)
	}
	within(ctx, t, "empty spool", func() bool { return spooled(t, s) == 0 })
	t.Logf("%d top-ups, %d answers spooled at the sight of it; %s", topups, kept, y)
}
