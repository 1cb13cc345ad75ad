package redisproc_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
)

// TestFailover kills the primary and finds what was written on the promoted replica.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := redisproc.StartWatchedForTest(t, redisproc.Options{AppendFsync: "always"})
	before := redis.NewClient(&redis.Options{Addr: w.Primary.Addr()})
	defer before.Close()
	if err := before.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := before.Wait(t.Context(), 1, 0).Result(); err != nil || n != 1 {
		t.Fatalf("%d replicas: %v", n, err)
	}
	w.Primary.Kill()
	if err := w.AwaitFailover(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := redis.NewClient(&redis.Options{Addr: w.Replica.Addr()})
	defer after.Close()
	if v, err := after.Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("%q, %v", v, err)
	}
	if err := after.Set(t.Context(), "k", "w", 0).Err(); err != nil {
		t.Error(err)
	}
}
