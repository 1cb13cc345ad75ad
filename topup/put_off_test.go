package topup_test

import (
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

// TestNeverAsked: a top-up that the budget of status calls never reaches is handed to a person at its last check, with
// that reason, and is still planned for every sweep after it; the first answer then closes it.
func TestNeverAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	if err := w.t.BeginSend(w.policy, 1, w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.t.RecordSend(w.policy, 1, topup.Outcome{Answer: topup.InProgress}, w.now); err != nil {
		t.Fatal(err)
	}
	last := w.policy.Plan.LastCheck(topup.Subject{ID: w.t.ID, Sent: w.t.SentAt})
	for n := 0; w.t.State == topup.Pending; n++ {
		at := w.t.DueAt
		if n > 20 || at.IsZero() {
			t.Fatalf("after %d checks that were put off it is %s, due at %v", n, w.t.State, at)
		}
		if err := w.t.PutOff(w.policy, at); err != nil {
			t.Fatal(err)
		}
		if done := w.t.State == topup.Unresolved; done == at.Before(last) {
			t.Fatalf("%s at %v; the last check is at %v", w.t.State, at, last)
		}
	}
	if text := w.t.Explain(); !w.t.NotAsked() || w.t.RefundSafe() || !strings.Contains(text, "not asked") || !strings.Contains(text, "budget") {
		t.Errorf("not asked %v: %q", w.t.NotAsked(), text)
	}
	for range 20 { // long after unresolved ones that were asked are left to a person alone
		at := w.t.DueAt
		if err := w.t.PutOff(w.policy, at); err != nil || w.t.DueAt.Sub(at) < 22*time.Hour || w.t.DueAt.Sub(at) > 26*time.Hour {
			t.Fatalf("%v: due at %v and then at %v", err, at, w.t.DueAt)
		}
	}
	if err := w.t.RecordCheck(w.policy, topup.Outcome{Answer: topup.Delivered}, w.t.DueAt); err != nil || w.t.State != topup.Succeeded {
		t.Errorf("%v: %s after the first answer", err, w.t.State)
	}
}

// TestLostSenderNeverAsked: so is one whose worker died, when the scheduler comes back after its last check.
func TestLostSenderNeverAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	if err := w.t.BeginSend(w.policy, 1, w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.t.PutOff(w.policy, w.now.Add(30*time.Hour)); err != nil || !w.t.NotAsked() {
		t.Errorf("%v: %s, %q", err, w.t.State, w.t.Explain())
	}
}
