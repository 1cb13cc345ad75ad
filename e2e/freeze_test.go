package e2e

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// freezeWorld is a stack with one worker that is frozen and one that takes over.
type freezeWorld struct {
	stack    *harness.Stack
	subjects []*harness.Subject
	warm     []*harness.Subject
	sleeper  *harness.Process
	other    *harness.Process
}

func newFreezeWorld(t *testing.T) *freezeWorld {
	t.Helper()
	s := harness.Start(t, harness.Options{Workers: 2})
	warm := warmUp(t.Context(), t, s)
	w := &freezeWorld{stack: s, sleeper: s.Workers[0], other: s.Workers[1]}
	w.other.Kill()
	w.subjects = harness.NewSubjects(s.Merchant.ID, "freeze", len(topup.Providers), newRand(11))
	w.warm = warm
	return w
}

// TestFrozenWorker stops the worker in the middle of its paying call for longer than anybody waits, lets another one
// find out, and lets the first go on. However that falls, nobody is paid twice.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		arm   func(w *freezeWorld, freeze func())
		fault harness.Rule
		// again means that the other worker has to send again what the frozen one never sent.
		again bool
	}{
		"with the intent written and nothing sent": {arm: func(w *freezeWorld, freeze func()) {
			w.stack.Link.SetJudge(func(c harness.Command) (harness.Fate, func()) {
				if slices.ContainsFunc(c.Moves(), intent) {
					return harness.Notice, freeze
				}
				return harness.Pass, nil
			})
		}, again: true},
		"with the call under way": {arm: func(w *freezeWorld, freeze func()) {
			w.stack.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
				if stage == harness.Arrived {
					freeze()
				}
			})
		}},
		"with the call under way and never booked": {
			arm: func(w *freezeWorld, freeze func()) {
				w.stack.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
					if stage == harness.Arrived {
						freeze()
					}
				})
			},
			fault: harness.Rule{Fault: "timeout_before", Times: 1, Delay: 100 * time.Millisecond}, again: true,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Where the worker stops is a matter of microseconds: a run in which it stopped elsewhere is judged too, and
			// then done again.
			for range 5 {
				if sentAgain := newFreezeWorld(t).run(t, c.arm, c.fault); sentAgain || !c.again || t.Failed() {
					return
				}
			}
			t.Error("nothing was ever sent again: the worker was not frozen where it should be")
		})
	}
}

func (w *freezeWorld) run(t *testing.T, arm func(*freezeWorld, func()), fault harness.Rule) (sentAgain bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	frozen := make(chan struct{})
	var once sync.Once
	arm(w, func() { once.Do(func() { w.sleeper.Freeze(); close(frozen) }) })
	for _, s := range w.subjects {
		if fault.Fault != "" {
			rule := fault
			rule.Path = payPath(s)
			w.stack.Sims.Script(s.Provider(), s.ID, rule)
		}
		if status, _, err := w.stack.Merchant.Submit(ctx, s.Order); err != nil || status/100 != 2 {
			t.Fatalf("submit: status %d, %v", status, err)
		}
		s.AckedAt = time.Now()
	}
	select {
	case <-frozen:
	case <-ctx.Done():
		t.Fatal("the worker never came to the point")
	}
	w.stack.Link.SetJudge(nil)
	w.stack.Sims.Watch(nil)
	if err := w.other.Start(); err != nil {
		t.Fatal(err)
	}
	if err := settled(ctx, w.stack, w.subjects); err != nil {
		t.Fatalf("the other worker did not settle it: %v\n%s", err, tail(w.other.Log()))
	}
	w.sleeper.Thaw()
	// The sleeper ends only after its handlers have: then all that it had in mind is done.
	if err := w.sleeper.Stop(stopPatience); err != nil {
		t.Error(err)
	}
	e := checkMoney(ctx, t, w.stack, slices.Concat(w.warm, w.subjects))
	attempts := 1
	for _, rec := range e.Records {
		attempts = max(attempts, rec.Attempts)
	}
	return attempts > 1
}

// checkMoney fails the test for every violation.
func checkMoney(ctx context.Context, t *testing.T, stack *harness.Stack, subjects []*harness.Subject) *harness.Evidence {
	t.Helper()
	e, err := stack.Collect(ctx, subjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range e.Judge() {
		t.Error(v)
	}
	if t.Failed() {
		for _, s := range subjects {
			t.Logf("%s %s %v", s.Order.Reference, s.ID, s.Faults)
			for _, ev := range e.Timeline(s) {
				t.Logf("  %s %-12s %s", ev.Time(), ev.Lane, ev.Text)
			}
		}
	}
	return e
}

// TestStoppedMidCall asks the worker to end while its paying call is under way: it waits for the answer, records it
// and tells nobody anything wrong.
func TestStoppedMidCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stack := harness.Start(t, harness.Options{})
	subjects := harness.NewSubjects(stack.Merchant.ID, "term", 2*len(topup.Providers), newRand(12))
	worker := stack.Workers[0]
	var calls atomic.Int32
	stack.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
		if stage == harness.Arrived && calls.Add(1) == 1 {
			worker.Term()
		}
	})
	for _, s := range subjects {
		stack.Sims.Script(s.Provider(), s.ID, harness.Rule{Fault: "slow", Times: 1, Delay: 700 * time.Millisecond, Path: payPath(s)})
		if status, _, err := stack.Merchant.Submit(ctx, s.Order); err != nil || status/100 != 2 {
			t.Fatalf("submit: status %d, %v", status, err)
		}
		s.AckedAt = time.Now()
	}
	select {
	case <-worker.Exited():
	case <-ctx.Done():
		t.Fatalf("the worker did not end\n%s", tail(worker.Log()))
	}
	sent := int(calls.Load())
	for id, h := range histories(ctx, t, stack, subjects) {
		if last := h[len(h)-1].To; last == "submitting" {
			t.Errorf("%s was left submitting by a worker that was asked to end", id)
		}
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	if err := settled(ctx, stack, subjects); err != nil {
		t.Fatal(err)
	}
	e := checkMoney(ctx, t, stack, subjects)
	if pays := paid(e); pays != len(subjects) {
		t.Errorf("%d paying calls for %d top-ups (%d before the worker ended)", pays, len(subjects), sent)
	}
}

func histories(ctx context.Context, t *testing.T, stack *harness.Stack, subjects []*harness.Subject) map[topup.ID][]harness.HistoryLine {
	t.Helper()
	e, err := stack.Collect(ctx, subjects)
	if err != nil {
		t.Fatal(err)
	}
	return e.Histories
}

// paid is the number of paying calls that the providers received.
func paid(e *harness.Evidence) int {
	n := 0
	for _, asks := range e.Asks {
		for _, a := range asks {
			if a.Pays {
				n++
			}
		}
	}
	return n
}
