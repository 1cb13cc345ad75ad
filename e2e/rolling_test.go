package e2e

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"topupq/e2e/harness"
)

// rollingEnv is how long orders come in while everything is restarted, in seconds; rollPause how long a release waits
// between two rounds: ten seconds where the load lasts minutes.
const (
	rollingEnv   = "TOPUPQ_TEST_ROLLING_SECONDS"
	shortRolling = 12
	longRolling  = 60
	rollPause    = 10 * time.Second
)

// TestRollingRestart restarts every process in turn, over and over, while orders come in: nothing is lost and nothing is
// paid twice (I14). A worker that is told to stop is in the middle of calls each time.
func TestRollingRestart(t *testing.T) {
	seconds := envInt(t, rollingEnv, shortRolling)
	const seed = 14
	s := &storm{seed: seed, rnd: rand.New(rand.NewPCG(seed, 0)), load: time.Duration(seconds) * time.Second}
	s.stack = harness.Start(t, harness.Options{
		Workers: 3, Schedulers: 2, Toxic: true, CallBacks: true, Env: map[string]string{"TOPUPQ_CHECK_COUNT": checks}, Sims: harness.SimOptions{Processing: 300 * time.Millisecond},
	})
	s.begun, s.faults = time.Now(), s.load
	s.subjects = harness.NewSubjects(s.stack.Merchant.ID, "rolling", seconds*perSecond, s.rnd)
	s.chaos = newChaos(s.stack, s.rnd)
	ctx, cancel := context.WithTimeout(t.Context(), s.load+settleTimeout+time.Minute)
	defer cancel()
	submitted := make(chan error, 1)
	go func() { submitted <- s.submit(ctx) }()
	rounds := 0
	for time.Since(s.begun) < s.load {
		s.chaos.rollAll(ctx)
		rounds++
		if seconds >= longRolling {
			harness.Pause(ctx, rollPause)
		}
	}
	if err := s.chaos.mend(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-submitted; err != nil {
		t.Error(err)
	}
	if n, stuck := s.chaos.dealt["SIGTERM"], s.chaos.dealt["stuck"]; n < len(s.stack.Processes()) || stuck > 0 {
		t.Errorf("%d restarts, of which %d did not end by themselves", n, stuck)
	}
	t.Logf("%d rounds of restarts, %d processes each", rounds, len(s.stack.Processes()))
	s.judge(ctx, t, s.settle(ctx, t))
	for _, b := range s.stack.Sims.Books() {
		if b.Count > 1 {
			t.Errorf("%s was booked %d times", b.Reference, b.Count)
		}
	}
}
