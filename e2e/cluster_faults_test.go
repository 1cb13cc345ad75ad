package e2e

import (
	"context"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

// TestClusterNodeRestored brings one of three primaries back from an old copy while everything runs. What that node
// held is asked about before it may be sent, and nothing is sent twice.
func TestClusterNodeRestored(t *testing.T) {
	t.Parallel()
	s, orders, old := sentAfterTheCopy(t, harness.Options{Cluster: true})
	restore(t, s, old, s.Redis.Nodes[1])
	within(t.Context(), t, "the loss noticed", func() bool { return recoveryMark(t, s) })
	allInState(t.Context(), t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.sends != len(orders) || y.booked != len(orders) || y.twice != 0 || y.questions == 0 {
		t.Errorf("%s of %d: want one paying call each, and questions about what went back", y, len(orders))
	}
	t.Logf("%d top-ups, one primary of three restored from before they were sent; %s", len(orders), y)
}

// longAway is how long a primary stays away: longer than its node timeout, so that the others refuse as well.
const longAway = 8 * time.Second

// TestClusterNodeLongAway kills one of three primaries under load for so long that the whole cluster refuses to serve.
// When it is back, everything is paid once.
func TestClusterNodeLongAway(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{Cluster: true, Workers: 2, Schedulers: 2, Env: askingEnv()})
	ctx := t.Context()
	orders := pinlessOrders(120, "away")
	submitted := make(chan struct{})
	go func() { defer close(submitted); submitAll(ctx, t, s, orders) }()
	within(ctx, t, "some of them booked", func() bool { return count(s, orders).booked >= 5 })
	s.Redis.Nodes[2].Kill()
	within(ctx, t, "the others to refuse", func() bool { return refuses(ctx, s.Redis.Nodes[0]) })
	harness.Pause(ctx, longAway-redisproc.NodeTimeout)
	before := count(s, orders)
	if err := s.Redis.Run(ctx); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	<-submitted
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != len(orders) || y.twice != 0 {
		t.Errorf("%s of %d", y, len(orders))
	}
	t.Logf("%d top-ups, %d booked when the primary came back, all settled %s later; %s", len(orders), before.booked, time.Since(begun).Round(10*time.Millisecond), y)
}

// refuses reports whether a node takes its cluster for broken.
func refuses(ctx context.Context, node *redisproc.Server) bool {
	rdb := redis.NewClient(&redis.Options{Addr: node.Addr()})
	defer rdb.Close()
	_, err := rdb.Get(ctx, "{18}").Result()
	return redis.HasErrorPrefix(err, "CLUSTERDOWN")
}

// TestClusterMovesSlots moves every slot that holds a key from one primary to the next and back, as a cluster that gets
// more nodes or fewer does, again and again while top-ups come in. No promise is broken meanwhile.
func TestClusterMovesSlots(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{
		Cluster: true, Workers: 2, Schedulers: 2, CallBacks: true, Sims: harness.SimOptions{Processing: 200 * time.Millisecond},
	})
	ctx := t.Context()
	subjects := harness.NewSubjects(s.Merchant.ID, "slots", 600, newRand(51))
	submitted := make(chan struct{})
	go func() { defer close(submitted); submitSubjects(ctx, t, s, subjects) }()
	within(ctx, t, "some of them booked", func() bool { return count(s, ordersOf(subjects)).booked >= 5 })
	m := newMover(ctx, t, s.Redis.Nodes)
	slots, keys, from, to := 0, 0, 0, 1
	for done := false; !done; from, to = to, from {
		for _, slot := range m.used(ctx, t, from) {
			keys += m.move(ctx, t, slot, from, to)
			slots++
		}
		select {
		case <-submitted:
			done = true
		default:
		}
	}
	judged(ctx, t, s, subjects)
	if y := count(s, ordersOf(subjects)); keys == 0 || y.booked != len(subjects) || y.twice != 0 {
		t.Errorf("%d keys moved, %s of %d", keys, y, len(subjects))
	}
	t.Logf("%d top-ups, %d moves of a slot with %d keys under them; %s", len(subjects), slots, keys, count(s, ordersOf(subjects)))
}

// mover moves slots from one node to another.
type mover struct {
	nodes      []*redis.Client
	addrs, ids []string
}

func newMover(ctx context.Context, t *testing.T, nodes []*redisproc.Server) *mover {
	t.Helper()
	m := &mover{}
	for _, node := range nodes {
		rdb := redis.NewClient(&redis.Options{Addr: node.Addr()})
		t.Cleanup(func() { _ = rdb.Close() })
		id, err := rdb.Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			t.Fatal(err)
		}
		m.nodes, m.addrs, m.ids = append(m.nodes, rdb), append(m.addrs, node.Addr()), append(m.ids, id)
	}
	return m
}

// used are the slots of a node that hold keys.
func (m *mover) used(ctx context.Context, t *testing.T, node int) []int64 {
	t.Helper()
	seen := map[int64]bool{}
	keys := m.nodes[node].Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		seen[m.nodes[node].ClusterKeySlot(ctx, keys.Val()).Val()] = true
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(seen))
}

// move hands one slot over, a few keys at a time, and returns how many there were.
func (m *mover) move(ctx context.Context, t *testing.T, slot int64, from, to int) int {
	t.Helper()
	m.do(ctx, t, to, "CLUSTER", "SETSLOT", slot, "IMPORTING", m.ids[from])
	m.do(ctx, t, from, "CLUSTER", "SETSLOT", slot, "MIGRATING", m.ids[to])
	host, port, err := net.SplitHostPort(m.addrs[to])
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		keys, err := m.nodes[from].ClusterGetKeysInSlot(ctx, int(slot), 5).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		words := []any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}
		for _, key := range keys {
			words = append(words, key)
		}
		m.do(ctx, t, from, words...)
		n += len(keys)
		harness.Pause(ctx, 2*time.Millisecond)
	}
	// Whoever has it first, then whoever had it, then everybody else.
	for _, node := range []int{to, from, 3 - from - to} {
		m.do(ctx, t, node, "CLUSTER", "SETSLOT", slot, "NODE", m.ids[to])
	}
	return n
}

func (m *mover) do(ctx context.Context, t *testing.T, node int, words ...any) {
	t.Helper()
	if err := m.nodes[node].Do(ctx, words...).Err(); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
}
