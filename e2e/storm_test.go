package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"topupq/e2e/harness"
)

// The storm's size and seeds. SeedEnv repeats one storm; its schedule of faults is the same again, though not what
// the machine makes of it.
const (
	seedsEnv  = "TOPUPQ_TEST_STORM_SEEDS"
	topupsEnv = "TOPUPQ_TEST_STORM_TOPUPS"
	seedEnv   = "TOPUPQ_TEST_STORM_SEED"

	smallStorm = 60
	// artifacts is where reports go.
	artifacts = "artifacts"
)

func envInt(tb testing.TB, name string, missing int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestStorm lets everything break at once and then asks whether anybody was paid twice, lost or lied to.
func TestStorm(t *testing.T) {
	topups := envInt(t, topupsEnv, smallStorm)
	first := uint64(envInt(t, seedEnv, 0))
	seeds := envInt(t, seedsEnv, 1)
	if first == 0 {
		first = uint64(time.Now().UnixNano()) % 1_000_000
	} else {
		seeds = 1
	}
	for i := range seeds {
		seed := first + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newStorm(t, seed, topups).run(t) })
	}
}

// storm is one run.
type storm struct {
	seed     uint64
	rnd      *rand.Rand
	stack    *harness.Stack
	subjects []*harness.Subject
	chaos    *chaos
	dealt    map[string]int
	// load is how long orders come in, faults how long things break. The sweep comes right after the faults.
	load, faults time.Duration
	begun        time.Time
	settled      []time.Duration
	open         int
	longestSend  time.Duration
}

// perSecond is how many orders come in.
const perSecond = 18

// startTime is what the start of the processes may take, calm how long before the sweep the faults stop at the latest.
const (
	startTime = 6 * time.Second
	calm      = time.Second
	// checks is how many checks there are at the interval: more than three, so that after any delay there is a next one.
	checks = "10"
)

// lanes is how many faults of processes and network there are at once.
const lanes = 4

func newStorm(t *testing.T, seed uint64, topups int) *storm {
	t.Helper()
	s := &storm{seed: seed, rnd: rand.New(rand.NewPCG(seed, 0))}
	s.load = time.Duration(topups) * time.Second / perSecond
	sweep := time.Now().Add(s.load + startTime + 2*calm).UTC().Truncate(time.Second)
	s.stack = harness.Start(t, harness.Options{
		Workers: 3, Schedulers: 2, Toxic: true, CallBacks: true, Env: map[string]string{"TOPUPQ_END_OF_DAY": sweep.Format(time.TimeOnly), "TOPUPQ_CHECK_COUNT": checks},
		Sims: harness.SimOptions{Processing: 300 * time.Millisecond},
	})
	s.begun = time.Now()
	s.faults = max(s.load, time.Until(sweep.Add(-calm)))
	s.subjects = harness.NewSubjects(s.stack.Merchant.ID, "storm", topups, s.rnd)
	s.dealt = infect(s.stack.Sims, s.subjects, s.rnd)
	s.chaos = newChaos(s.stack, s.rnd)
	s.badMerchant()
	return s
}

// badMerchant makes the receiver refuse, hang and lose answers until the faults stop.
func (s *storm) badMerchant() {
	rnd, until := rand.New(rand.NewPCG(s.seed, 3)), s.begun.Add(s.faults)
	s.stack.Receiver.Behave(func(int) harness.Manner {
		if time.Now().After(until) {
			return harness.Takes
		}
		switch n := rnd.IntN(100); {
		case n < 8:
			return harness.Refuses
		case n < 12:
			return harness.Hangs
		case n < 20:
			return harness.LosesAnswer
		default:
			return harness.Takes
		}
	})
}

func (s *storm) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), s.faults+settleTimeout+time.Minute)
	defer cancel()
	faults, stop := context.WithTimeout(ctx, s.faults)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.submit(ctx) }()
	s.chaos.run(faults, lanes)
	if err := s.chaos.mend(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	waited := s.settle(ctx, t)
	s.judge(ctx, t, waited)
}

func (s *storm) judge(ctx context.Context, t *testing.T, waited error) {
	t.Helper()
	e, err := s.stack.Collect(ctx, s.subjects)
	if err != nil {
		t.Fatal(err)
	}
	e.Marks = s.chaos.marks
	violations := append(e.Judge(), s.judgeSpeed(e)...)
	title := fmt.Sprintf("Storm, seed %d, %d top-ups", s.seed, len(s.subjects))
	report := harness.NewReport(title, s.figures(e, waited), e, violations)
	var out strings.Builder
	report.Print(&out)
	t.Log("\n" + out.String())
	dir := filepath.Join(artifacts, fmt.Sprintf("storm-%d", s.seed))
	if err := report.Save(dir + ".html"); err != nil {
		t.Error(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
	if waited != nil {
		t.Errorf("not everything settled: %v", waited)
	}
	if t.Failed() {
		if err := s.stack.SaveLogs(dir); err != nil {
			t.Error(err)
		}
		t.Logf("report: e2e/%s.html; repeat with %s=%d %s=%d", dir, seedEnv, s.seed, topupsEnv, len(s.subjects))
	}
}

// figures are the numbers of a run.
func (s *storm) figures(e *harness.Evidence, waited error) []harness.Figure {
	states := map[string]int{}
	for _, r := range e.Records {
		states[r.State]++
	}
	faulty := 0
	for _, sub := range s.subjects {
		faulty += min(len(sub.Faults), 1)
	}
	kills := 0
	for kind, n := range s.chaos.dealt {
		if strings.HasPrefix(kind, "kill -9") || kind == "SIGTERM" || kind == "SIGSTOP" {
			kills += n
		}
	}
	out := []harness.Figure{
		{Name: "seed", Value: fmt.Sprint(s.seed)}, {Name: "top-ups", Value: fmt.Sprint(len(s.subjects))},
		{Name: "states", Value: counts(states)}, {Name: "top-ups with provider faults", Value: fmt.Sprint(faulty)},
		{Name: "provider faults", Value: counts(s.dealt)}, {Name: "kills, freezes, stops", Value: fmt.Sprint(kills)},
		{Name: "faults of processes and network", Value: counts(s.chaos.dealt)},
		{Name: "callbacks received", Value: fmt.Sprintf("%d, of them %d late repeats", len(e.Deliveries), e.LateRepeats())},
		{Name: "callbacks", Value: counts(manners(e))},
		{Name: "open when the faults stopped", Value: fmt.Sprint(s.open)},
		{Name: "settled after", Value: fmt.Sprintf("p50 %s, p99 %s, max %s", percentile(s.settled, 50), percentile(s.settled, 99), percentile(s.settled, 100))},
		{Name: "longest in submitting afterwards", Value: s.longestSend.Round(time.Millisecond).String()},
		{Name: "took", Value: time.Since(s.begun).Round(100 * time.Millisecond).String()},
	}
	if waited != nil {
		out = append(out, harness.Figure{Name: "waiting ended with", Value: waited.Error()})
	}
	return out
}

func manners(e *harness.Evidence) map[string]int {
	out := map[string]int{}
	for _, d := range e.Deliveries {
		out[d.Manner.String()]++
	}
	return out
}

func counts(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}

func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Round(10 * time.Millisecond)
}
