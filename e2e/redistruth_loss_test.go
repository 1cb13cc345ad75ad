package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// TestQueueKeysDeleted throws the whole queue away, again and again, while top-ups are at work. The queue is only a
// doorbell: the scheduler rings again, and nothing is sent twice.
func TestQueueKeysDeleted(t *testing.T) {
	t.Parallel()
	const topups = 200
	s := harness.Start(t, harness.Options{Workers: 2, Env: patientEnv()})
	ctx := t.Context()
	orders := pinlessOrders(topups, "queue")
	stop, done := context.WithCancel(ctx)
	deleted := 0
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for stop.Err() == nil {
			deleted += deleteKeys(stop, s, "asynq:*")
			harness.Pause(stop, 40*time.Millisecond)
		}
	}()
	submitAll(ctx, t, s, orders)
	within(ctx, t, "half of them booked", func() bool { return count(s, orders).booked >= topups/2 })
	done()
	<-finished
	begun := time.Now()
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != topups || y.twice != 0 || y.sends != topups {
		t.Errorf("%s of %d", y, topups)
	}
	if deleted == 0 {
		t.Error("nothing of the queue was deleted")
	}
	t.Logf("%d top-ups, %d keys of the queue deleted under them; the rest settled %s after that; %s",
		topups, deleted, time.Since(begun).Round(10*time.Millisecond), y)
}

// deleteKeys deletes all keys of a pattern and returns how many there were.
func deleteKeys(ctx context.Context, s *harness.Stack, pattern string) int {
	n := 0
	_ = s.Redis.Each(func(rdb *redis.Client) error {
		keys := rdb.Scan(ctx, 0, pattern, 1000).Iterator()
		for keys.Next(ctx) {
			if rdb.Del(ctx, keys.Val()).Val() > 0 {
				n++
			}
		}
		return nil
	})
	return n
}

// TestEverythingFlushed empties Redis under running processes. The operator adds the merchant again, who hands in
// everything again: the IDs are the same, the providers refuse what they have paid, and we read back what became of it.
func TestEverythingFlushed(t *testing.T) {
	t.Parallel()
	const topups = 90
	s := harness.Start(t, harness.Options{Workers: 2, Env: askingEnv()})
	ctx := t.Context()
	orders := pinlessOrders(topups, "flush")
	m := keepMerchant(t, s)
	submitAll(ctx, t, s, orders[:topups*2/3])
	within(ctx, t, "a third of them booked", func() bool { return count(s, orders).booked >= topups/3 })
	redisDo(t, s, "FLUSHALL")
	before := count(s, orders)
	putMerchant(t, s, m)
	submitAll(ctx, t, s, orders)
	begun := time.Now()
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != topups || y.twice != 0 {
		t.Errorf("%s of %d", y, topups)
	}
	t.Logf("%d top-ups, %d booked when everything was lost; after handing all in again everything settled in %s; %s; marked as recovered: %v",
		topups, before.booked, time.Since(begun).Round(10*time.Millisecond), y, recoveryMark(t, s))
}

// keepMerchant is the stack's merchant as the store holds it; putMerchant puts it into an empty store.
func keepMerchant(t *testing.T, s *harness.Stack) *topup.Merchant {
	t.Helper()
	var m *topup.Merchant
	withStore(t, s, func(store *redisstore.Store) (err error) {
		m, err = store.GetMerchant(t.Context(), s.Merchant.ID)
		return err
	})
	return m
}

func putMerchant(t *testing.T, s *harness.Stack, m *topup.Merchant) {
	t.Helper()
	m.Rev = 0
	withStore(t, s, func(store *redisstore.Store) error { return store.PutMerchant(t.Context(), m) })
}

// recoveryMark reports whether the store has been found to have gone back in time.
func recoveryMark(t *testing.T, s *harness.Stack) bool {
	t.Helper()
	var at time.Time
	withStore(t, s, func(store *redisstore.Store) (err error) {
		at, err = store.Recovered(t.Context())
		return err
	})
	return !at.IsZero()
}

func withStore(t *testing.T, s *harness.Stack, do func(*redisstore.Store) error) {
	t.Helper()
	rdb := s.Client()
	defer rdb.Close()
	store := redisstore.Open(rdb, redisstore.Options{})
	defer store.Close()
	if err := do(store); err != nil {
		t.Fatal(err)
	}
}
