package topup_test

import (
	"testing"
	"time"

	"topupq/topup"
)

// TestLateAbsenceIsAskedAgainSoon: when the first "no such reference" comes long after the regular checks, its
// confirmation does not wait for the sweep.
func TestLateAbsenceIsAskedAgainSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(true)
	if err := w.t.BeginSend(w.policy, 1, w.now); err != nil {
		t.Fatal(err)
	}
	late := w.t.SendDeadline.Add(w.policy.Margin + w.policy.Traits.Hold + time.Duration(w.policy.Plan.Count)*w.policy.Plan.Interval)
	if !late.Before(w.policy.Plan.Sweep(w.now)) {
		t.Fatalf("the test needs time before the sweep at %s", w.policy.Plan.Sweep(w.now))
	}
	if err := w.t.RecordCheck(w.policy, topup.Outcome{Answer: topup.Absent}, late); err != nil {
		t.Fatal(err)
	}
	if wait := w.t.DueAt.Sub(late); w.t.State != topup.Unknown || wait > time.Minute {
		t.Errorf("%s, asked again after %s", w.t.State, wait)
	}
	if err := w.t.RecordCheck(w.policy, topup.Outcome{Answer: topup.Absent}, w.t.DueAt); err != nil {
		t.Fatal(err)
	}
	if w.t.State != topup.Accepted {
		t.Errorf("after the second absence: %s", w.t.State)
	}
}
