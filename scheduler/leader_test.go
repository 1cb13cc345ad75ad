package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"topupq/scheduler"
	"topupq/topup"
)

// ledger is what schedulers share: the lease, and top-ups that are due. It tells who did what and when.
type ledger struct {
	mu      sync.Mutex
	holder  string
	expires time.Time
	due     map[topup.ID]time.Time
	rounds  map[topup.ID]int
	rung    map[string]int // by ID and round
	acts    []act
}

type act struct {
	at time.Time
	by string
}

func newLedger(n int) *ledger {
	l := &ledger{due: map[topup.ID]time.Time{}, rounds: map[topup.ID]int{}, rung: map[string]int{}}
	for i := range n {
		l.due[topup.NewID("m", fmt.Sprint(i))] = time.Now().Add(time.Duration(i*37) * time.Millisecond)
	}
	return l
}

// view is the ledger as one scheduler sees it: perhaps from behind a cut line, perhaps through a frozen process.
type view struct {
	*ledger
	name string

	state struct {
		sync.Mutex
		cut    bool
		frozen chan struct{}
	}
}

var errCut = errors.New("connection lost")

// pass is where a frozen process stands still and a cut one fails. It is called before and after each exchange.
func (v *view) pass(ctx context.Context) error {
	v.state.Lock()
	cut, frozen := v.state.cut, v.state.frozen
	v.state.Unlock()
	if frozen != nil {
		<-frozen
	}
	if cut {
		<-time.After(3 * time.Second) // a client notices only after its timeout
		return errCut
	}
	return ctx.Err()
}

func (v *view) freeze() { v.state.Lock(); v.state.frozen = make(chan struct{}); v.state.Unlock() }
func (v *view) thaw() {
	v.state.Lock()
	close(v.state.frozen)
	v.state.frozen = nil
	v.state.Unlock()
}
func (v *view) cutOff(cut bool) { v.state.Lock(); v.state.cut = cut; v.state.Unlock() }

func (v *view) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	if err := v.pass(ctx); err != nil {
		return false, err
	}
	v.mu.Lock()
	got := v.holder == "" || v.holder == holder || !time.Now().Before(v.expires)
	if got {
		v.holder, v.expires = holder, time.Now().Add(ttl)
	}
	v.mu.Unlock()
	return got, v.pass(ctx)
}

func (v *view) Resign(ctx context.Context, holder string) error {
	if err := v.pass(ctx); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holder == holder {
		v.holder = ""
	}
	return nil
}

func (v *view) DueChecks(ctx context.Context, p topup.ProviderName, now, again time.Time, limit int) ([]topup.Due, error) {
	if err := v.pass(ctx); err != nil || p != topup.AAT {
		return nil, err
	}
	v.mu.Lock()
	v.acts = append(v.acts, act{time.Now(), v.name})
	var out []topup.Due
	for id, at := range v.due {
		if !at.After(now) && len(out) < limit {
			v.due[id] = again
			out = append(out, topup.Due{ID: id, State: topup.Pending, Round: v.rounds[id]})
		}
	}
	v.mu.Unlock()
	return out, v.pass(ctx)
}

// Checks is the queue and the worker: a wake-up under a name that was there already is no new one, and each is followed by
// the question, which plans the next one a minute later.
func (v *view) Checks(ctx context.Context, _ topup.ProviderName, due []topup.Due) error {
	if err := v.pass(ctx); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range due {
		name := fmt.Sprint(d.ID, ":", d.Round)
		if v.rung[name]++; v.rung[name] == 1 {
			v.rounds[d.ID]++
			v.due[d.ID] = time.Now().Add(time.Minute)
		}
	}
	return nil
}

func (v *view) CountDueChecks(ctx context.Context, _ topup.ProviderName, _ time.Time) (int64, error) {
	return 0, v.pass(ctx)
}
func (v *view) ChecksDue(ctx context.Context, _ topup.ProviderName, _ int) error { return v.pass(ctx) }
func (v *view) DueSends(ctx context.Context, _ topup.ProviderName, _, _ time.Time, _ int) ([]topup.Due, error) {
	return nil, v.pass(ctx)
}
func (v *view) DueCallbacks(ctx context.Context, _, _ time.Time, _ int) ([]string, error) {
	return nil, v.pass(ctx)
}
func (v *view) DueBatches(ctx context.Context, _, _ time.Time, _ int) ([]topup.BatchID, error) {
	return nil, v.pass(ctx)
}
func (v *view) WakeBatch(ctx context.Context, _ topup.BatchID, _ time.Time) error {
	return v.pass(ctx)
}
func (v *view) Pauses(ctx context.Context) ([]topup.ScopedPause, error)   { return nil, v.pass(ctx) }
func (v *view) ForgetPause(ctx context.Context, _ topup.PauseScope) error { return v.pass(ctx) }
func (v *view) Paused(ctx context.Context, _ topup.ProviderName) (*topup.Pause, error) {
	return nil, v.pass(ctx)
}
func (v *view) ForgetDueBatch(ctx context.Context, _ topup.BatchID) error { return v.pass(ctx) }
func (v *view) UpdateBatch(ctx context.Context, _ topup.BatchID, _ func(*topup.Batch) error) (*topup.Batch, error) {
	return nil, v.pass(ctx)
}
func (v *view) SendsAgain(ctx context.Context, _ topup.ProviderName, _ []topup.Due) error {
	return v.pass(ctx)
}
func (v *view) Callbacks(ctx context.Context, _ []string) error    { return v.pass(ctx) }
func (v *view) Waiting(ctx context.Context, _ string) (int, error) { return 0, v.pass(ctx) }
func (v *view) actor() string                                      { v.mu.Lock(); defer v.mu.Unlock(); return v.acts[len(v.acts)-1].by }
func queueName(topup.ProviderName) string                          { return "q" }

const leaderTTL = 10 * time.Second

// crew runs n schedulers until the test's end.
type crew struct {
	*ledger
	views map[string]*view
	stop  map[string]context.CancelFunc
	wg    sync.WaitGroup
}

func newCrew(t *testing.T, n, due int) *crew {
	t.Helper()
	c := &crew{ledger: newLedger(due), views: map[string]*view{}, stop: map[string]context.CancelFunc{}}
	for i := range n {
		name := fmt.Sprint("scheduler-", i)
		v := &view{ledger: c.ledger, name: name}
		s, err := scheduler.New(scheduler.Config{
			Store: v, Bell: v, Log: zap.NewNop(), Providers: []topup.ProviderName{topup.AAT}, Holder: name, LeaderTTL: leaderTTL,
			SubmitQueue: queueName, CheckQueue: queueName,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		c.views[name], c.stop[name] = v, cancel
		c.wg.Go(func() { _ = s.Run(ctx) })
	}
	return c
}

func (c *crew) end() {
	for _, stop := range c.stop {
		stop()
	}
	c.wg.Wait()
}

func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

// takeover waits until another scheduler than the one named acts, and returns after how long that was.
func (c *crew) takeover(t *testing.T, from string, most time.Duration) string {
	t.Helper()
	start := time.Now()
	for time.Since(start) <= most {
		pass(100 * time.Millisecond)
		if by := c.views[from].actor(); by != from {
			t.Logf("%s took over from %s after %v", by, from, time.Since(start))
			return by
		}
	}
	t.Fatalf("nobody took over from %s within %v", from, most)
	return ""
}

// once checks that no wake-up was given twice and that nobody acted while another one led.
func (c *crew) once(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.rung {
		if n > 1 {
			t.Errorf("wake-up %s was given %d times", name, n)
		}
	}
	turns := map[string]int{}
	for i, a := range c.acts {
		if i == 0 || c.acts[i-1].by != a.by {
			turns[a.by]++
		}
	}
	t.Logf("%d wake-ups, turns at leading: %v", len(c.rung), turns)
}

func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, 3, 500)
		defer c.end()
		pass(time.Minute)
		for range 2 {
			leader := c.views["scheduler-0"].actor()
			c.views[leader].freeze() // never thawed until the end: to the others, dead
			defer c.views[leader].thaw()
			c.takeover(t, leader, 2*leaderTTL)
			pass(2 * time.Minute)
		}
		c.once(t)
	})
}

func TestLeaderIsFrozen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, 2, 500)
		defer c.end()
		for i := range 20 {
			pass(20*time.Second + time.Duration(i*53)*time.Millisecond)
			leader := c.views["scheduler-0"].actor()
			c.views[leader].freeze()
			next := c.takeover(t, leader, 2*leaderTTL)
			pass(time.Minute)
			c.views[leader].thaw()
			pass(time.Second)
			if by := c.views[leader].actor(); by != next {
				t.Fatalf("%s acts after it was thawed although %s leads", by, next)
			}
		}
		c.once(t)
	})
}

func TestLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, 2, 500)
		defer c.end()
		for i := range 10 {
			pass(20*time.Second + time.Duration(i*31)*time.Millisecond)
			leader := c.views["scheduler-0"].actor()
			c.views[leader].cutOff(true)
			c.takeover(t, leader, 2*leaderTTL)
			pass(time.Minute)
			c.views[leader].cutOff(false)
		}
		c.once(t)
	})
}

func TestLeaderResigns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, 2, 100)
		defer c.end()
		pass(5 * time.Second)
		leader := c.views["scheduler-0"].actor()
		c.stop[leader]()
		c.takeover(t, leader, time.Second)
		c.once(t)
	})
}
