package workers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

// listed is a scripted provider with lists.
type listed struct {
	*scripted
	mu    sync.Mutex
	calls int
	asked []int
	many  func(ctx context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error)
}

func (l *listed) CheckMany(ctx context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
	l.mu.Lock()
	l.calls++
	l.asked = append(l.asked, len(refs))
	l.mu.Unlock()
	return l.many(ctx, refs)
}

// sweeper is a bench whose provider's due questions are asked together.
type sweeper struct {
	*bench
	check  *Check
	policy topup.Policy
}

func newSweeper(t *testing.T, provider topup.Provider, budget int64) *sweeper {
	t.Helper()
	b := newBench(t, 0)
	policy := b.check.Routes[topup.AAT].Policy
	policy.Plan.Ranked = budget > 0
	cfg := b.check.Config
	if provider == nil {
		provider = b.provider
	}
	cfg.Routes = NewRoutes(map[topup.ProviderName]Route{topup.AAT: {Provider: provider, Policy: policy, StatusBudget: budget}})
	return &sweeper{bench: b, check: NewCheck(cfg), policy: policy}
}

// open makes n top-ups that were sent now and are pending, worth 1, 2, 3 and so on.
func (s *sweeper) open(prefix string, n int) []topup.ID {
	s.t.Helper()
	var ts []*topup.Topup
	var ids []topup.ID
	for i := range n {
		x := &topup.Topup{
			ID: topup.NewID("merx", prefix+fmt.Sprint(i)), Merchant: "merx", Reference: prefix + fmt.Sprint(i), Recipient: "+27831234567", Country: "ZA",
			Amount: topup.Money{Amount: decimal.New(int64(i+1), 0), Currency: "ZAR"}, Provider: topup.AAT,
		}
		if err := x.Accept(topup.ActorIntake, s.clock()); err != nil {
			s.t.Fatal(err)
		}
		ts, ids = append(ts, x), append(ids, x.ID)
	}
	if _, err := s.store.Create(s.t.Context(), ts); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range ids {
		for _, change := range []func(*topup.Topup) error{
			func(t *topup.Topup) error { return t.BeginSend(s.policy, 1, s.clock()) },
			func(t *topup.Topup) error {
				return t.RecordSend(s.policy, 1, topup.Outcome{Answer: topup.InProgress, TransactionID: t.Reference}, s.clock())
			},
		} {
			if _, err := s.store.Update(s.t.Context(), id, change); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return ids
}

// due runs the task that asks about what is due, until nothing is due any more.
func (s *sweeper) due() {
	s.t.Helper()
	for {
		n, err := s.store.CountDueChecks(s.t.Context(), topup.AAT, s.clock())
		if err != nil {
			s.t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if err := s.check.ProcessTask(s.t.Context(), asynq.NewTask("check", []byte(topup.AAT))); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *sweeper) states(ids []topup.ID) map[topup.State]int {
	s.t.Helper()
	out := map[topup.State]int{}
	for _, id := range ids {
		out[s.state(id)]++
	}
	return out
}

func TestDueAreAskedByList(t *testing.T) {
	t.Parallel()
	p := &listed{scripted: &scripted{}}
	s := newSweeper(t, p, 0)
	p.many = func(_ context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
		out := map[topup.ID]topup.Outcome{}
		for i, ref := range refs {
			if i%50 != 0 {
				out[ref.Reference] = topup.Outcome{Answer: topup.Delivered}
			}
		}
		return out, nil
	}
	p.check = read(topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed})
	ids := s.open("r", 1000)
	s.pass(time.Minute)
	s.due()
	want := map[topup.State]int{topup.Succeeded: 980, topup.Failed: 20}
	if got := s.states(ids); got[topup.Succeeded] != want[topup.Succeeded] || got[topup.Failed] != want[topup.Failed] {
		t.Errorf("%v, want %v", got, want)
	}
	if p.calls != 1 || p.checks != 20 {
		t.Errorf("%d lists (%v) and %d single questions for 1000 top-ups, want 1 and 20", p.calls, p.asked, p.checks)
	}
}

// TestListsThatFail: what was not learned is not lost, and a provider that is away is not asked about everything singly.
func TestListsThatFail(t *testing.T) {
	t.Parallel()
	p := &listed{scripted: &scripted{}}
	s := newSweeper(t, p, 0)
	p.many = func(_ context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
		return map[topup.ID]topup.Outcome{refs[0].Reference: {Answer: topup.Delivered}}, errors.New("reset")
	}
	p.check = func(context.Context, topup.Ref) (topup.Outcome, error) { return topup.Outcome{}, errors.New("reset") }
	ids := s.open("r", 300)
	s.pass(12 * time.Second)
	s.due()
	if p.checks != afterFailure || s.states(ids)[topup.Succeeded] != 1 {
		t.Errorf("%d single questions, states %v", p.checks, s.states(ids))
	}
	p.many = func(_ context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
		out := map[topup.ID]topup.Outcome{}
		for _, ref := range refs {
			out[ref.Reference] = topup.Outcome{Answer: topup.Delivered}
		}
		return out, nil
	}
	s.pass(dueLease)
	s.due()
	if got := s.states(ids); got[topup.Succeeded] != 300 {
		t.Errorf("after the provider came back: %v", got)
	}
}

// TestLostSendersDoNotWaitForLists: a worker that died leaves top-ups that are submitting; they are unknown before the
// list is even asked for, and are asked about singly at once when it fails.
func TestLostSendersDoNotWaitForLists(t *testing.T) {
	t.Parallel()
	p := &listed{scripted: &scripted{}}
	s := newSweeper(t, p, 0)
	var lost []topup.ID
	p.many = func(context.Context, []topup.Ref) (map[topup.ID]topup.Outcome, error) {
		if got := s.states(lost); got[topup.Unknown] != len(lost) {
			t.Errorf("while the list is asked for: %v", got)
		}
		return nil, errors.New("reset")
	}
	p.check = read(topup.Outcome{Answer: topup.Delivered})
	s.open("r", 300)
	for i := range 60 {
		id := s.create(fmt.Sprint("lost", i))
		if _, err := s.store.Update(t.Context(), id, func(t *topup.Topup) error { return t.BeginSend(s.policy, 1, s.clock()) }); err != nil {
			t.Fatal(err)
		}
		lost = append(lost, id)
	}
	s.pass(s.policy.Timeout + s.policy.Margin + time.Second)
	s.due()
	if got := s.states(lost); got[topup.Succeeded] != len(lost) {
		t.Errorf("after a list that failed: %v", got)
	}
	if p.checks != len(lost)+afterFailure {
		t.Errorf("%d single questions, want %d lost ones and %d others", p.checks, len(lost), afterFailure)
	}
}

// TestBudgetGoesToTheOldestAndLargest: with 100 questions a day for 1,000 open top-ups the sweep asks about those of the
// day before first and then about the largest; what it does not reach goes to a person as not asked, and to the sweeps of
// the days after.
func TestBudgetGoesToTheOldestAndLargest(t *testing.T) {
	t.Parallel()
	s := newSweeper(t, nil, 100)
	s.pass(15 * time.Hour) // 23:00
	var order []topup.Ref
	var mu sync.Mutex
	s.provider.check = func(_ context.Context, r topup.Ref) (topup.Outcome, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, r)
		return topup.Outcome{Answer: topup.InProgress}, nil
	}
	old := s.open("old", 40)
	s.now.Store(begin.AddDate(0, 0, 1).UnixMilli())
	s.due()                                                             // the sweep of the first day came too late for anybody to act: what is due is asked about now
	s.now.Store(begin.AddDate(0, 0, 1).Add(10 * time.Hour).UnixMilli()) // 18:00
	fresh := s.open("new", 1000)
	for range 32 { // the early and hourly checks, as far as the day's ration goes
		s.pass(10 * time.Minute)
		s.due()
	}
	before, err := s.store.SpentCalls(t.Context(), topup.AAT, "20261124")
	if err != nil || before > 50 || int64(len(order)) != before {
		t.Errorf("%d questions before the sweep, %d counted: half of 100 is kept for it: %v", len(order), before, err)
	}
	order = nil
	for at := begin.AddDate(0, 0, 1).Add(15*time.Hour + 30*time.Minute); at.Before(begin.AddDate(0, 0, 1).Add(15*time.Hour + 34*time.Minute)); at = at.Add(time.Second) {
		s.now.Store(at.UnixMilli())
		s.due()
	}
	if int64(len(order)) != 100-before {
		t.Fatalf("%d questions in the sweep, the day had %d left", len(order), 100-before)
	}
	for i, r := range order[:40] {
		if !slices.Contains(old, r.Reference) {
			t.Fatalf("question %d is about one of today while older ones wait", i)
		}
	}
	least := decimal.New(2000, 0)
	for _, r := range order[40:] {
		least = decimal.Min(least, r.Amount.Amount)
	}
	// A step of the ranking is a doubling of the amount.
	if least.LessThan(decimal.New(500, 0)) {
		t.Errorf("the smallest that was asked about is %s of 1000", least)
	}
	if got := s.states(fresh); got[topup.Unresolved] != 1000 {
		t.Errorf("%v: whatever is open at its last check goes to a person", got)
	}
	reached := map[topup.ID]bool{}
	for _, r := range order {
		reached[r.Reference] = true
	}
	for _, id := range fresh {
		if x := s.get(id); x.NotAsked() == reached[id] {
			t.Fatalf("%s was reached: %v; it says %q", id, reached[id], x.Explain())
		}
	}
	if n, err := s.store.SpentCalls(t.Context(), topup.AAT, "20261124"); err != nil || n > 100 {
		t.Errorf("%d calls of a budget of 100: %v", n, err)
	}
	assertCarried(t, s, append(old, fresh...))
}

// assertCarried: whatever was not asked about has its next question planned, on a later day.
func assertCarried(t *testing.T, s *sweeper, ids []topup.ID) {
	t.Helper()
	for _, id := range ids {
		x := s.get(id)
		if (x.State.Asked() || x.NotAsked()) && !x.DueAt.After(s.clock()) {
			t.Fatalf("%s is %s and due at %v, now is %v", id, x.State, x.DueAt, s.clock())
		}
	}
}

func TestRation(t *testing.T) {
	t.Parallel()
	loc, err := time.LoadLocation("Africa/Johannesburg")
	if err != nil {
		t.Fatal(err)
	}
	r := ration{topup.Plan{EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Location: loc}, 1200}
	for at, want := range map[string]int64{"00:00": 50, "12:00": 350, "22:00": 600, "23:29": 600, "23:30": 1200, "23:59": 1200} {
		now, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-23 "+at, loc)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.limit(now.UTC()); got != want {
			t.Errorf("%s: %d calls allowed, want %d", at, got, want)
		}
		if day := r.day(now.UTC()); day != "20261123" {
			t.Errorf("%s counts for %s", at, day)
		}
	}
	if n := (ration{r.plan, 0}).limit(begin); n != 0 {
		t.Errorf("no budget is a limit of %d", n)
	}
	if n := (ration{r.plan, 1}).limit(begin); n != 1 {
		t.Errorf("a budget of one allows %d", n)
	}
}
