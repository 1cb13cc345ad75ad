package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"topupq/e2e/harness"
	"topupq/jobs"
	"topupq/topup"
)

// operator drives the queue as the dashboard does: through asynq's Inspector, knowing nothing of the ledger.
type operator struct {
	inspector *asynq.Inspector
	client    *asynq.Client
}

func newOperator(t *testing.T, s *harness.Stack) operator {
	t.Helper()
	rdb := s.Client()
	t.Cleanup(func() { _ = rdb.Close() })
	return operator{asynq.NewInspectorFromRedisClient(rdb), asynq.NewClientFromRedisClient(rdb)}
}

// archived are the archived tasks about a top-up in a queue.
func (o operator) archived(queue string, id topup.ID) []*asynq.TaskInfo {
	list, err := o.inspector.ListArchivedTasks(queue, asynq.PageSize(1000))
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(list, func(i *asynq.TaskInfo) bool { return strings.TrimSpace(string(i.Payload)) != string(id) })
}

// leave puts a task about a top-up into the archive, as an operator's archiving would have.
func (o operator) leave(kind, queue string, id topup.ID, n int) (string, error) {
	name := fmt.Sprintf("%s:%s:test%d", kind, id, n)
	_, err := o.client.Enqueue(asynq.NewTask(kind, []byte(id)), asynq.Queue(queue), asynq.TaskID(name), asynq.ProcessIn(time.Hour), asynq.MaxRetry(3))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return name, err
	}
	return name, o.inspector.ArchiveTask(queue, name)
}

// TestReplayAfterRefill is the operator's main use: the provider's float ran out, the job died, the float is filled
// up, the job is run again from the dashboard, and the top-up is paid once.
func TestReplayAfterRefill(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	stack := harness.Start(t, harness.Options{})
	op := newOperator(t, stack)
	stack.Sims.AAT.SetBalance("1")
	stack.Sims.Reloadly.SetBalance("0.10")
	subjects := slices.DeleteFunc(harness.NewSubjects(stack.Merchant.ID, "float", len(topup.Providers), newRand(31)), func(s *harness.Subject) bool {
		return s.Provider() == topup.RechargeKit // its refusal of an empty wallet is not documented, so it proves nothing
	})
	hand(ctx, t, stack, subjects)
	wait(ctx, t, "all of them held", func() bool {
		records, err := stack.Records(ctx, subjects)
		return err == nil && !slices.ContainsFunc(subjects, func(s *harness.Subject) bool { return records[s.ID].State != "held" })
	})
	for _, s := range subjects {
		wait(ctx, t, "an archived task for "+s.Order.Reference, func() bool { return len(op.archived(jobs.SubmitQueue(s.Provider()), s.ID)) > 0 })
	}
	stack.Sims.AAT.SetBalance("100000")
	stack.Sims.Reloadly.SetBalance("100000")
	for _, s := range subjects {
		queue := jobs.SubmitQueue(s.Provider())
		runTogether(10, func(int) {
			for _, info := range op.archived(queue, s.ID) {
				_ = op.inspector.RunTask(queue, info.ID) // another one was quicker
			}
		})
	}
	wait(ctx, t, "everything delivered", func() bool {
		records, err := stack.Records(ctx, subjects)
		return err == nil && !slices.ContainsFunc(subjects, func(s *harness.Subject) bool { return records[s.ID].State != "succeeded" })
	})
	if err := settled(ctx, stack, subjects); err != nil {
		t.Fatal(err)
	}
	e := checkMoney(ctx, t, stack, subjects)
	for _, s := range subjects {
		if n := e.Books[s.ID].Count; n != 1 {
			t.Errorf("%s was booked %d times", s.Order.Reference, n)
		}
	}
}

// hand submits the subjects one by one.
func hand(ctx context.Context, t *testing.T, stack *harness.Stack, subjects []*harness.Subject) {
	t.Helper()
	for _, s := range subjects {
		if status, _, err := stack.Merchant.Submit(ctx, s.Order); err != nil || status/100 != 2 {
			t.Fatalf("submit %s: status %d, %v", s.Order.Reference, status, err)
		}
		s.AckedAt = time.Now()
	}
}

func wait(ctx context.Context, t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	if err := harness.Poll(ctx, 50*time.Millisecond, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// runTogether runs f n times at once.
func runTogether(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

const (
	// repeatsEnv is how often every action is tried in every state, by ten operators at once.
	repeatsEnv   = "TOPUPQ_TEST_REPLAYS"
	smallRepeats = 3
	operators    = 10
)

// standing is one state that replays are tried in: how a top-up gets there, and what the states may be afterwards.
type standing struct {
	name     string
	provider topup.ProviderName
	rules    []harness.Rule
	reached  string
	// may are the states that replays may lead to, pays how many paying calls there may be in all.
	may  string
	pays int
	// before and after are the operator's commands around the replays. With after everything is then paid once.
	before, after []string
}

// standings are made so that nothing moves by itself within the test, but where may says so.
var standings = []standing{
	{"succeeded", topup.Reloadly, nil, "succeeded", "succeeded", 1, nil, nil},
	{"failed", topup.Reloadly, []harness.Rule{{Fault: "fail"}}, "failed", "failed", 1, nil, nil},
	{"pending", topup.Reloadly, []harness.Rule{{Fault: "pending", Delay: time.Hour}}, "pending", "pending unresolved", 1, nil, nil},
	{"submitting", topup.AAT, []harness.Rule{{Fault: "slow", Delay: 1700 * time.Millisecond, Times: 1, Path: "*/Perform*"}}, "submitting", "submitting succeeded", 1, nil, nil},
	{
		"unknown", topup.RechargeKit,
		[]harness.Rule{{Fault: "cut_after", Times: 1, Path: "/recharge/p*"}, {Fault: "http_500_after", Path: "/recharge/statusCheck"}},
		"unknown", "unknown unresolved", 1, nil, nil,
	},
	{
		"unresolved", topup.AAT,
		[]harness.Rule{{Fault: "cut_after", Times: 1, Path: "*/Perform*"}, {Fault: "other_amount"}},
		"unresolved", "unresolved", 1, nil, nil,
	},
	{
		"accepted", topup.AAT, nil, "accepted", "accepted", 0,
		[]string{"pause", "provider:aat", "--apply", "--reason", "test", "--as", harness.OpsUser},
		[]string{"resume", "provider:aat", "--apply", "--reason", "test", "--as", harness.OpsUser},
	},
	{
		"held", topup.AAT, []harness.Rule{{Fault: "insufficient"}}, "held", "held accepted submitting", manyRefusals, nil,
		[]string{"resume", "provider:aat", "--apply", "--reason", "test", "--as", harness.OpsUser},
	},
}

// manyRefusals is how many paying calls there may be of a top-up that the provider refuses for our empty float.
const manyRefusals = 1 << 20

// TestReplayInEveryState has ten operators at once do everything that the dashboard can do, to top-ups in every state.
func TestReplayInEveryState(t *testing.T) {
	t.Parallel()
	repeats := envInt(t, repeatsEnv, smallRepeats)
	for _, st := range standings {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			st.run(t, repeats)
		})
	}
}

func (st standing) run(t *testing.T, repeats int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(repeats)*time.Second)
	defer cancel()
	stack := harness.Start(t, harness.Options{})
	op := newOperator(t, stack)
	subjects := slices.DeleteFunc(harness.NewSubjects(stack.Merchant.ID, st.name, 3*len(topup.Providers), newRand(32)),
		func(s *harness.Subject) bool { return s.Provider() != st.provider })
	for _, s := range subjects {
		for _, r := range st.rules {
			stack.Sims.Script(st.provider, s.ID, r)
		}
	}
	prepare(ctx, t, stack, st.before)
	before := st.bring(ctx, t, stack, subjects)
	for n := range repeats {
		for _, s := range subjects {
			st.actOn(t, op, s.ID, n)
		}
	}
	st.wakeAll(op)
	wait(ctx, t, "quiet queues", func() bool { return quiet(op, st.provider) })
	st.check(ctx, t, stack, subjects, before)
	if st.after != nil {
		st.finish(ctx, t, stack, op, subjects)
	}
}

func prepare(ctx context.Context, t *testing.T, stack *harness.Stack, args []string) {
	t.Helper()
	if args == nil {
		return
	}
	if _, err := stack.Command(ctx, args...); err != nil {
		t.Fatal(err)
	}
}

// finish takes away what kept the top-ups from being sent: each is then paid once.
func (st standing) finish(ctx context.Context, t *testing.T, stack *harness.Stack, op operator, subjects []*harness.Subject) {
	t.Helper()
	stack.Sims.Heal()
	prepare(ctx, t, stack, st.after)
	wait(ctx, t, "everything delivered", func() bool {
		st.wakeAll(op)
		records, err := stack.Records(ctx, subjects)
		return err == nil && !slices.ContainsFunc(subjects, func(s *harness.Subject) bool { return records[s.ID].State != "succeeded" })
	})
	if err := settled(ctx, stack, subjects); err != nil {
		t.Error(err)
	}
	e := checkMoney(ctx, t, stack, subjects)
	for _, s := range subjects {
		if n := e.Books[s.ID].Count; n != 1 {
			t.Errorf("%s was booked %d times", s.Order.Reference, n)
		}
	}
}

// bring submits the subjects and waits until they stand where they should. It returns how long their histories are.
func (st standing) bring(ctx context.Context, t *testing.T, stack *harness.Stack, subjects []*harness.Subject) map[topup.ID]int {
	t.Helper()
	for _, s := range subjects {
		hand(ctx, t, stack, []*harness.Subject{s})
		wait(ctx, t, s.Order.Reference+" to be "+st.reached, func() bool {
			_, rec, err := stack.Merchant.Get(ctx, s.ID)
			return err == nil && (rec.State == st.reached || strings.Contains(st.may, rec.State))
		})
		if st.reached == "submitting" {
			break // one at a time: it does not stay
		}
	}
	out := map[topup.ID]int{}
	for id, h := range histories(ctx, t, stack, subjects) {
		out[id] = len(h)
	}
	return out
}

// actOn does one round of everything to one top-up, by ten operators at once.
func (st standing) actOn(t *testing.T, op operator, id topup.ID, round int) {
	t.Helper()
	queues := map[string]string{jobs.KindSubmit: jobs.SubmitQueue(st.provider), jobs.KindCheck: jobs.CheckQueue(st.provider)}
	runTogether(operators, func(i int) {
		rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
		for kind, queue := range queues {
			name, err := op.leave(kind, queue, id, round*operators+i)
			if err != nil {
				t.Errorf("leave a task: %v", err)
				return
			}
			st.click(op, rnd, queue, name)
		}
	})
}

// click is one action of the dashboard. What it answers does not matter: the task may be elsewhere by then.
func (st standing) click(op operator, rnd *rand.Rand, queue, name string) {
	switch rnd.IntN(8) {
	case 0:
		_ = op.inspector.DeleteTask(queue, name)
	case 1:
		_, _ = op.inspector.RunAllArchivedTasks(queue)
	case 2:
		_ = op.inspector.RunTask(queue, name)
		_ = op.inspector.ArchiveTask(queue, name)
	case 3:
		_ = op.inspector.RunTask(queue, name)
		_ = op.inspector.CancelProcessing(name)
	case 4:
		_ = op.inspector.PauseQueue(queue)
		_ = op.inspector.RunTask(queue, name)
		_ = op.inspector.UnpauseQueue(queue)
	default:
		_ = op.inspector.RunTask(queue, name)
	}
}

// wakeAll takes back what might keep anything asleep, and runs the archives.
func (st standing) wakeAll(op operator) {
	for _, queue := range []string{jobs.SubmitQueue(st.provider), jobs.CheckQueue(st.provider)} {
		_ = op.inspector.UnpauseQueue(queue)
		_, _ = op.inspector.RunAllArchivedTasks(queue)
	}
}

// quiet reports whether a provider's queues have nothing waiting or at work.
func quiet(op operator, p topup.ProviderName) bool {
	for _, queue := range []string{jobs.SubmitQueue(p), jobs.CheckQueue(p)} {
		info, err := op.inspector.GetQueueInfo(queue)
		if err != nil || info.Pending+info.Active+info.Retry > 0 {
			return false
		}
	}
	return true
}

// check compares what there is now with what was there before: no state went back, nobody was paid twice, nothing is
// lost.
func (st standing) check(ctx context.Context, t *testing.T, stack *harness.Stack, subjects []*harness.Subject, before map[topup.ID]int) {
	t.Helper()
	e, err := stack.Collect(ctx, subjects)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range e.Judge() {
		if v.Invariant != "I2" { // some of them stay open on purpose
			t.Error(v)
		}
	}
	for _, s := range subjects {
		if s.AckedAt.IsZero() {
			continue
		}
		rec, there := e.Records[s.ID]
		if !there || !slices.Contains(strings.Fields(st.may), rec.State) {
			t.Errorf("%s is %q now, may be %s", s.Order.Reference, rec.State, st.may)
		}
		pays := 0
		for _, a := range e.Asks[s.ID] {
			if a.Pays {
				pays++
			}
		}
		if pays > st.pays {
			t.Errorf("%s: %d paying calls", s.Order.Reference, pays)
		}
		if topupClosed(st.reached) && len(e.Histories[s.ID]) != before[s.ID] {
			t.Errorf("%s was closed and has moved: %v", s.Order.Reference, e.Histories[s.ID])
		}
	}
}

func topupClosed(state string) bool { return state == "succeeded" || state == "failed" }
