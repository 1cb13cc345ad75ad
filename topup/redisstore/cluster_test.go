package redisstore_test

import (
	"context"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/topup/storetest"
)

// TestRealCluster runs the suite on three primaries. A cluster has one database, so the tests take turns.
func TestRealCluster(t *testing.T) {
	t.Parallel()
	cluster := redisproc.StartClusterForTest(t, 3, redisproc.Options{AppendFsync: "always"})
	var turn sync.Mutex
	storetest.Run(t, func(t *testing.T) topup.Store {
		turn.Lock()
		t.Cleanup(turn.Unlock)
		rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: cluster.Addrs(), IsClusterMode: true, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = rdb.Close() })
		err := rdb.(*redis.ClusterClient).ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
			return node.FlushAll(ctx).Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		s := redisstore.Open(rdb, redisstore.Options{})
		t.Cleanup(s.Close)
		return s
	})
}
