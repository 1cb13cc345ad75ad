package redisstore_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

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

// TestStoreThatWentBack restores an old copy under a running store: the next write must notice.
func TestStoreThatWentBack(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := open(t, m.Addr(), 0)
	var ids []topup.ID
	for i := range 40 {
		x := &topup.Topup{ID: topup.NewID("mer", strconv.Itoa(i)), Merchant: "mer", Reference: strconv.Itoa(i), Provider: topup.AAT, Recipient: "+27831234567"}
		if err := x.Accept(topup.ActorIntake, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), []*topup.Topup{x}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	touch := func(id topup.ID) error {
		_, err := s.Update(t.Context(), id, func(x *topup.Topup) error { x.Tries++; return nil })
		return err
	}
	old := map[string]string{}
	for _, key := range m.Keys() {
		if value, err := m.Get(key); err == nil {
			old[key] = value
		}
	}
	for _, id := range ids {
		if err := touch(id); err != nil {
			t.Fatal(err)
		}
	}
	if mark, err := s.Recovered(t.Context()); err != nil || !mark.IsZero() {
		t.Fatalf("recovered at %v without a reason: %v", mark, err)
	}
	for _, key := range m.Keys() {
		if _, err := m.Get(key); err == nil {
			m.Del(key)
		}
	}
	for key, value := range old {
		if err := m.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := touch(ids[0]); !errors.Is(err, topup.ErrUnavailable) {
		t.Fatalf("the write did not notice: %v", err)
	}
	if mark, err := s.Recovered(t.Context()); err != nil || mark.IsZero() {
		t.Errorf("no recovery mark: %v", err)
	}
	for _, id := range ids {
		if err := touch(id); err != nil {
			t.Errorf("after the mark: %v", err)
		}
	}
}
