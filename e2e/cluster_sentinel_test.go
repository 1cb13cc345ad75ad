package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

// TestSentinelFailover kills the primary under load. A replica is behind by what has not reached it: in the first run
// that is what the machine makes of it, in the second the replica is cut off for a moment before. What was
// acknowledged in that window is gone; the merchant hands it in again, and nothing is paid twice.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	harness.NotOnCluster(t, "it has a Redis of its own, behind sentinels")
	for name, lag := range map[string]time.Duration{"replica in step": 0, "replica 400 ms behind": 400 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &failover{
				watched: redisproc.StartWatchedForTest(t, redisproc.Options{AppendFsync: "always"}),
				acked:   map[topup.ID]time.Time{},
			}
			f.stack = harness.Start(t, harness.Options{URL: f.watched.URL(), Workers: 2, Schedulers: 2, Env: askingEnv()})
			f.run(t, lag)
		})
	}
}

// failover is a merchant that hands in top-ups while the primary dies.
type failover struct {
	watched *redisproc.Watched
	stack   *harness.Stack

	mu     sync.Mutex
	orders []harness.Order
	acked  map[topup.ID]time.Time
}

func (f *failover) run(t *testing.T, lag time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*truthTimeout)
	defer cancel()
	load, stop := context.WithCancel(ctx)
	var merchants sync.WaitGroup
	for n := range 8 {
		merchants.Go(func() { f.submit(load, n) })
	}
	within(ctx, t, "load", func() bool { return f.acknowledged() >= 200 })
	killed := f.kill(ctx, t, lag)
	if err := f.watched.AwaitFailover(ctx); err != nil {
		t.Fatal(err)
	}
	before := f.acknowledged()
	within(ctx, t, "the new primary takes orders", func() bool { return f.acknowledged() >= before+50 })
	outage := f.outage(killed)
	stop()
	merchants.Wait()
	f.judge(ctx, t, lag, killed, outage)
}

// kill ends the primary after the replica has been cut off for lag, and returns when.
func (f *failover) kill(ctx context.Context, t *testing.T, lag time.Duration) time.Time {
	t.Helper()
	if lag > 0 {
		// A replica that has only stood still would read the rest from its socket. This one may not come back.
		rdb := redis.NewClient(&redis.Options{Addr: f.watched.Primary.Addr()})
		defer rdb.Close()
		err := errors.Join(rdb.Do(ctx, "ACL", "SETUSER", "default", "-psync", "-sync").Err(), rdb.Do(ctx, "CLIENT", "KILL", "TYPE", "replica").Err())
		if err != nil {
			t.Fatal(err)
		}
		harness.Pause(ctx, lag)
	}
	f.watched.Primary.Kill()
	return time.Now()
}

// submit hands in orders until the load ends; what is not taken is handed in again.
func (f *failover) submit(ctx context.Context, n int) {
	for i := 0; ctx.Err() == nil; i++ {
		o := pinlessOrder(n*100_000+i, fmt.Sprintf("failover-%d-%d", n, i))
		f.mu.Lock()
		f.orders = append(f.orders, o)
		f.mu.Unlock()
		for ctx.Err() == nil {
			status, rec, err := f.stack.Merchant.Submit(ctx, o)
			if err == nil && status/100 == 2 {
				f.mu.Lock()
				f.acked[rec.ID] = time.Now()
				f.mu.Unlock()
				break
			}
			harness.Pause(ctx, 20*time.Millisecond)
		}
	}
}

func (f *failover) acknowledged() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.acked)
}

// outage is how long nothing was acknowledged after the kill.
func (f *failover) outage(killed time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := time.Now()
	for _, at := range f.acked {
		if at.After(killed.Add(50*time.Millisecond)) && at.Before(first) {
			first = at
		}
	}
	return first.Sub(killed)
}

// judge counts what is gone, hands everything in again and demands that everything is paid, once.
func (f *failover) judge(ctx context.Context, t *testing.T, lag time.Duration, killed time.Time, outage time.Duration) {
	t.Helper()
	lost, window := 0, time.Duration(0)
	for id, at := range f.acked {
		status := 0
		within(ctx, t, "an answer about "+string(id), func() bool {
			var err error
			status, _, err = f.stack.Merchant.Get(ctx, id)
			return err == nil && (status == http.StatusOK || status == http.StatusNotFound)
		})
		if status == http.StatusNotFound {
			lost++
			window = max(window, killed.Sub(at))
		}
	}
	sent := count(f.stack, f.orders)
	submitAll(ctx, t, f.stack, f.orders)
	allInState(ctx, t, f.stack, f.orders, topup.Succeeded)
	y := count(f.stack, f.orders)
	if y.twice != 0 || y.booked != len(f.orders) {
		t.Errorf("%s of %d", y, len(f.orders))
	}
	marked := recoveryMark(t, f.stack)
	if lag > 0 && (lost == 0 || !marked) {
		t.Errorf("%d acknowledged are gone, marked as recovered: %v; want some, and the mark", lost, marked)
	}
	t.Logf("%d acknowledged, %d gone (acknowledged at most %s before the primary's end), no orders taken for %s, booked by then %d; after handing all in again: %s; marked as recovered: %v",
		len(f.acked), lost, window.Round(time.Millisecond), outage.Round(10*time.Millisecond), sent.booked, y, marked)
}
