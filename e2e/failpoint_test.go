package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// killsEnv is how many kills there are at each failpoint.
const (
	killsEnv   = "TOPUPQ_TEST_FAILPOINT_KILLS"
	smallKills = 2
	// perKill top-ups come in for each kill, so that the others are on their way at any other point. No more than
	// backlog of them are open at the next kill: one that dies with every worker would rightly end with a person.
	perKill = 3
	backlog = 12
	recent  = 60
)

// failpoint is one instant in the life of a top-up at which its worker dies. arm prepares it for one of the victims:
// strike is to be called at that instant.
type failpoint struct {
	name string
	arm  func(s *harness.Stack, victims map[topup.ID]bool, strike func())
}

// onMove strikes at a write of the ledger.
func onMove(fate harness.Fate, match func(harness.Move) bool) func(*harness.Stack, map[topup.ID]bool, func()) {
	return func(s *harness.Stack, victims map[topup.ID]bool, strike func()) {
		var taken atomic.Bool
		s.Link.SetJudge(func(c harness.Command) (harness.Fate, func()) {
			hit := slices.ContainsFunc(c.Moves(), func(m harness.Move) bool { return victims[m.ID] && match(m) })
			if !hit || !taken.CompareAndSwap(false, true) {
				return harness.Pass, nil
			}
			return fate, strike
		})
	}
}

func intent(m harness.Move) bool { return m.From == topup.Accepted && m.To == topup.Submitting }
func result(m harness.Move) bool { return m.From == topup.Submitting && m.To != topup.Submitting }

// onStage strikes at a stage of a paying call.
func onStage(want harness.Stage) func(*harness.Stack, map[topup.ID]bool, func()) {
	return func(s *harness.Stack, victims map[topup.ID]bool, strike func()) {
		s.Sims.Watch(func(stage harness.Stage, id topup.ID) {
			if stage == want && victims[id] {
				strike()
			}
		})
	}
}

func onCallback(s *harness.Stack, victims map[topup.ID]bool, strike func()) {
	s.Receiver.OnArrival(func(id topup.ID) {
		if victims[id] {
			strike()
		}
	})
}

var failpoints = []failpoint{
	{"before intent", onMove(harness.CutBefore, intent)},
	{"mid-write of the intent", onMove(harness.CutInside, intent)},
	{"after intent", onMove(harness.CutAfter, intent)},
	{"call arrived", onStage(harness.Arrived)},
	{"after booking", onStage(harness.Booked)},
	{"after the answer", onMove(harness.CutBefore, result)},
	{"mid-write of the result", onMove(harness.CutInside, result)},
	{"after commit", onMove(harness.CutAfter, result)},
	{"mid-callback", onCallback},
}

// TestFailpoints kills the worker at every dangerous instant, again and again.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	kills := envInt(t, killsEnv, smallKills)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(len(failpoints))*(2*time.Minute+time.Duration(kills)*5*time.Second))
	defer cancel()
	stack := harness.Start(t, harness.Options{
		Sims: harness.SimOptions{Processing: 100 * time.Millisecond},
		// Every check of a top-up may die with its worker, and there is no end of day in this test.
		Env: map[string]string{"TOPUPQ_CHECK_COUNT": "24"},
	})
	run := &failpointRun{stack: stack, rnd: rand.New(rand.NewPCG(7, 7)), done: map[string]int{}, begun: time.Now()}
	run.subjects = warmUp(ctx, t, stack)
	for _, f := range failpoints {
		for range kills {
			if err := run.killAt(ctx, f); err != nil {
				t.Fatalf("%s: %v\n%s", f.name, err, tail(stack.Workers[0].Log()))
			}
		}
		if kills > smallKills {
			run.judge(ctx, t, f.name)
		}
	}
	run.judge(ctx, t, "all failpoints")
}

// warmUps are the top-ups of warmUp: one of each provider, and many more where each of several nodes has to learn.
func warmUps() int {
	if harness.OnCluster() {
		return 20 * len(topup.Providers)
	}
	return len(topup.Providers)
}

// warmUp sends top-ups through everything, so that Redis has learned all scripts: the first call of each is refused
// and repeated, which is no write.
func warmUp(ctx context.Context, t *testing.T, stack *harness.Stack) []*harness.Subject {
	t.Helper()
	subjects := harness.NewSubjects(stack.Merchant.ID, "warm", warmUps(), newRand(1))
	hand(ctx, t, stack, subjects)
	if err := settled(ctx, stack, subjects); err != nil {
		t.Fatal(err)
	}
	return subjects
}

// failpointRun is a stack whose worker dies a lot.
type failpointRun struct {
	stack    *harness.Stack
	rnd      *rand.Rand
	subjects []*harness.Subject
	marks    []harness.Mark
	done     map[string]int
	begun    time.Time
}

// killAt lets top-ups come in until the worker has died at the failpoint, and starts it again.
func (r *failpointRun) killAt(ctx context.Context, f failpoint) error {
	var struck atomic.Bool
	died := make(chan struct{})
	worker := r.stack.Workers[0]
	prefix := fmt.Sprintf("fp-%d", len(r.subjects))
	part := harness.NewSubjects(r.stack.Merchant.ID, prefix, perKill, r.rnd)
	victims := map[topup.ID]bool{}
	for _, s := range part {
		victims[s.ID] = true
	}
	f.arm(r.stack, victims, func() {
		if struck.CompareAndSwap(false, true) {
			worker.Kill()
			close(died)
		}
	})
	for _, s := range part {
		s.Faults = []string{"killed " + f.name}
		if err := r.submit(ctx, s); err != nil {
			return err
		}
	}
	r.subjects = append(r.subjects, part...)
	select {
	case <-died:
	case <-ctx.Done():
		return fmt.Errorf("never reached: %w", ctx.Err())
	}
	r.disarm()
	r.marks = append(r.marks, harness.Mark{At: time.Now(), What: "worker killed " + f.name})
	r.done[f.name]++
	if err := worker.Start(); err != nil {
		return err
	}
	return harness.Poll(ctx, 100*time.Millisecond, func() bool { return r.open(ctx) <= backlog })
}

// open is how many of the latest top-ups have no outcome yet.
func (r *failpointRun) open(ctx context.Context) int {
	latest := r.subjects[max(0, len(r.subjects)-recent):]
	records, err := r.stack.Records(ctx, latest)
	if err != nil {
		return len(latest)
	}
	n := 0
	for _, s := range latest {
		if !harness.Outcome(records[s.ID].State) {
			n++
		}
	}
	return n
}

func (r *failpointRun) disarm() {
	r.stack.Link.SetJudge(nil)
	r.stack.Sims.Watch(nil)
	r.stack.Receiver.OnArrival(nil)
}

func (r *failpointRun) submit(ctx context.Context, s *harness.Subject) error {
	for ctx.Err() == nil {
		if status, _, err := r.stack.Merchant.Submit(ctx, s.Order); err == nil && status/100 == 2 {
			s.AckedAt = time.Now()
			return nil
		}
		harness.Pause(ctx, 50*time.Millisecond)
	}
	return ctx.Err()
}

// judge waits until all is settled and looks for violations.
func (r *failpointRun) judge(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	stopped := time.Now()
	waited := settled(ctx, r.stack, r.subjects)
	took := time.Since(stopped)
	e, err := r.stack.Collect(ctx, r.subjects)
	if err != nil {
		t.Fatal(err)
	}
	e.Marks = r.marks
	violations := e.Judge()
	states := map[string]int{}
	for _, rec := range e.Records {
		states[rec.State]++
	}
	report := harness.NewReport("Failpoints: "+name, []harness.Figure{
		{Name: "top-ups", Value: fmt.Sprint(len(r.subjects))}, {Name: "kills", Value: counts(r.done)},
		{Name: "states", Value: counts(states)}, {Name: "callbacks", Value: fmt.Sprint(len(e.Deliveries))},
		{Name: "settled after", Value: took.Round(10 * time.Millisecond).String()},
		{Name: "took", Value: time.Since(r.begun).Round(time.Second).String()},
	}, e, violations)
	var out strings.Builder
	report.Print(&out)
	t.Log("\n" + out.String())
	for _, v := range violations {
		t.Errorf("%s: %s", name, v)
	}
	if waited != nil {
		t.Errorf("%s: not everything settled: %v", name, waited)
	}
	if t.Failed() {
		path := filepath.Join(artifacts, "failpoints")
		if err := report.Save(path + ".html"); err != nil {
			t.Error(err)
		}
		if err := r.stack.SaveLogs(path); err != nil {
			t.Error(err)
		}
		t.FailNow()
	}
}

// settled waits until every subject has an outcome that the merchant was told of.
func settled(ctx context.Context, stack *harness.Stack, subjects []*harness.Subject) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	return harness.Poll(ctx, 100*time.Millisecond, func() bool {
		records, err := stack.Records(ctx, subjects)
		if err != nil {
			return false
		}
		told := harness.Told(stack.Receiver.Deliveries())
		for _, s := range subjects {
			if !harness.Outcome(records[s.ID].State) || told[s.ID] == 0 {
				return false
			}
		}
		return true
	})
}

// tail is the end of a log.
func tail(log []byte) []byte { return log[max(0, len(log)-4000):] }
