package redisstore_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
	"topupq/topup/storetest"
)

func open(t *testing.T, addr string, db int) topup.Store {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, DB: db})
	t.Cleanup(func() { _ = rdb.Close() })
	s := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(s.Close)
	return s
}

func TestEmbeddedRedis(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) topup.Store { return open(t, miniredis.RunT(t).Addr(), 0) })
}

func TestRealRedis(t *testing.T) {
	t.Parallel()
	server := redisproc.StartForTest(t, redisproc.Options{AppendFsync: "always", Args: []string{"--databases", "64"}})
	dbs := make(chan int, 64)
	for i := range 64 {
		dbs <- i
	}
	storetest.Run(t, func(t *testing.T) topup.Store { return open(t, server.Addr(), <-dbs) })
}
