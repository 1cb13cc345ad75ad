package e2e

import (
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

// TestClusterFailover kills one primary of three under load for good. Its replica takes over; what had not reached it is
// gone, the merchant hands everything in again, and nothing is paid twice.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cluster := redisproc.StartClusterForTest(t, 3, redisproc.Options{AppendFsync: "always"})
	replica, err := cluster.AddReplica(ctx, cluster.Nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	s := harness.Start(t, harness.Options{URL: cluster.URL(), Workers: 2, Schedulers: 2, Env: askingEnv()})
	orders := pinlessOrders(300, "failover")
	submitted := make(chan struct{})
	go func() { defer close(submitted); submitAll(ctx, t, s, orders) }()
	within(ctx, t, "some of them booked", func() bool { return count(s, orders).booked >= 20 })
	cluster.Nodes[0].Kill()
	killed := time.Now()
	if err := replica.AwaitPrimary(ctx); err != nil {
		t.Fatal(err)
	}
	took := time.Since(killed)
	<-submitted
	taken := time.Since(killed)
	if taken > 3*took {
		t.Errorf("the replica took over after %s, the processes found it after %s", took, taken)
	}
	submitAll(ctx, t, s, orders)
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != len(orders) || y.twice != 0 {
		t.Errorf("%s of %d", y, len(orders))
	}
	t.Logf("%d top-ups; the replica took over after %s, all were acknowledged %s after the kill; %s; marked as recovered: %v",
		len(orders), took.Round(10*time.Millisecond), taken.Round(10*time.Millisecond), y, recoveryMark(t, s))
}
