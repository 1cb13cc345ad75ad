package e2e

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

// fullPolicyEnv replaces maxmemory-policy noeviction by another one, which must make the test fail.
const fullPolicyEnv = "TOPUPQ_TEST_FULL_POLICY"

const (
	// fullRoom is how much Redis may grow, in bytes; fullMost is how many top-ups are handed in at most.
	fullRoom = 3 << 20
	fullMost = 6000
)

// TestFullRedisForgetsNothing hands in top-ups until Redis has no room. What was acknowledged is all there, what was
// refused can be handed in again, and everything is paid once.
func TestFullRedisForgetsNothing(t *testing.T) {
	t.Parallel()
	policy, durability := os.Getenv(fullPolicyEnv), "unchecked"
	if policy == "" {
		policy, durability = "noeviction", "always"
	}
	env := patientEnv()
	env["TOPUPQ_REDIS_DURABILITY"] = durability
	s := harness.Start(t, harness.Options{Env: env, Redis: redisproc.Options{AppendFsync: "always", Args: []string{"--maxmemory-policy", policy}}})
	ctx := t.Context()
	s.Workers[0].Kill()
	s.Schedulers[0].Kill()
	leaveRoom(t, s, fullRoom)

	var mu sync.Mutex
	var acknowledged, refused []harness.Order
	var next, refusals atomic.Int64
	var wg sync.WaitGroup
	for range cutWriters {
		wg.Go(func() {
			for refusals.Load() < 2*cutWriters && next.Load() < fullMost && ctx.Err() == nil {
				n := int(next.Add(1))
				o := pinlessOrder(n, "room-"+strconv.Itoa(n))
				status, _, err := s.Merchant.Submit(ctx, o)
				mu.Lock()
				switch {
				case err == nil && status == http.StatusAccepted:
					acknowledged = append(acknowledged, o)
				case err == nil && status == http.StatusServiceUnavailable:
					refused = append(refused, o)
					refusals.Add(1)
				default:
					t.Errorf("%s: status %d, %v", o.Reference, status, err)
					refusals.Add(1)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	lost := 0
	for _, o := range acknowledged {
		if !found(ctx, t, s.Merchant, topup.NewID(s.Merchant.ID, o.Reference)) {
			lost++
		}
	}
	t.Logf("maxmemory-policy %s: %d acknowledged, %d refused with 503, %d of the acknowledged gone", policy, len(acknowledged), len(refused), lost)
	if lost > 0 || len(acknowledged) == 0 {
		t.Fatalf("%d of %d acknowledged top-ups are gone", lost, len(acknowledged))
	}
	if len(refused) == 0 {
		t.Fatal("Redis never was full")
	}
	redisDo(t, s, "CONFIG", "SET", "maxmemory", "0")
	for _, p := range []*harness.Process{s.Workers[0], s.Schedulers[0]} {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	all := append(acknowledged, refused...)
	submitAll(ctx, t, s, refused)
	allInState(ctx, t, s, all, topup.Succeeded)
	if y := count(s, all); y.booked != len(all) || y.twice != 0 {
		t.Errorf("%s of %d", y, len(all))
	}
}

// leaveRoom lets Redis grow by so many bytes. Each of three nodes gets half of that: more than its share, since its
// connections and scripts take room as well.
func leaveRoom(t *testing.T, s *harness.Stack, room int) {
	t.Helper()
	err := s.Redis.Each(func(rdb *redis.Client) error {
		used, err := usedMemory(t.Context(), rdb)
		if err != nil {
			return err
		}
		return rdb.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(used+room/((1+len(s.Redis.Nodes))/2))).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// usedMemory is what a node uses now, in bytes.
func usedMemory(ctx context.Context, rdb *redis.Client) (int, error) {
	info, err := rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r")
	return strconv.Atoi(text)
}
