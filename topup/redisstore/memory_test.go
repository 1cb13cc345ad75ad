package redisstore_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
)

var usedMemory = regexp.MustCompile(`used_memory:(\d+)`)

func memoryUsed(t *testing.T, rdb *redis.Client) int64 {
	t.Helper()
	text, err := rdb.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(usedMemory.FindStringSubmatch(text)[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// forgettable makes closed top-ups and forgets them.
func forgettable(t *testing.T, s *redisstore.Store, from, n int) {
	t.Helper()
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	ts := make([]*topup.Topup, n)
	for i := range ts {
		reference := fmt.Sprint("order-", from+i)
		x := &topup.Topup{
			ID: topup.NewID("mer1", reference), Merchant: "mer1", Reference: reference, Provider: topup.AAT, Recipient: "+27831234567",
			Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"},
		}
		if err := x.Accept(topup.ActorIntake, at); err != nil {
			t.Fatal(err)
		}
		if err := x.Cancel(topup.ActorMerchant, "", at); err != nil {
			t.Fatal(err)
		}
		x.NextCallback().Skip()
		ts[i] = x
	}
	if _, err := s.Create(t.Context(), ts); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Forget(t.Context(), ts); err != nil || gone != n {
		t.Fatalf("%d of %d forgotten: %v", gone, n, err)
	}
}

// TestBytesPerForgottenReference measures on a real Redis what a reference costs for ever: at most 40 bytes, however many
// there are, and no script that takes long.
func TestBytesPerForgottenReference(t *testing.T) {
	t.Parallel()
	server := redisproc.StartForTest(t, redisproc.Options{})
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()
	s := redisstore.Open(rdb, redisstore.Options{})
	defer s.Close()
	// Scripts and buffers that Redis has for itself are there before it is measured.
	forgettable(t, s, 0, 4000)
	if err := rdb.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	empty := memoryUsed(t, rdb)
	if err := rdb.ConfigSet(t.Context(), "slowlog-log-slower-than", "5000").Err(); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, n := range []int{20_000, 60_000, 120_000} {
		for total < n {
			forgettable(t, s, total, 4000)
			total += 4000
			dropLists(t, rdb)
		}
		each := float64(memoryUsed(t, rdb)-empty) / float64(total)
		t.Logf("%d references remembered: %.1f bytes each", total, each)
		if each > 40 {
			t.Errorf("%.1f bytes for each of %d references, want at most 40", each, total)
		}
	}
	var taken []*topup.Topup
	for i := 0; i < total; i += 997 {
		taken = append(taken, &topup.Topup{ID: topup.NewID("mer1", fmt.Sprint("order-", i)), Merchant: "mer1", State: topup.Accepted, Provider: topup.AAT, Recipient: "+27831234567", CreatedAt: time.Now()})
	}
	res, err := s.Create(t.Context(), taken)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.Existing == nil || r.Existing.Archived == nil {
			t.Fatalf("reference %d was taken again", i*997)
		}
	}
	slow, err := rdb.SlowLogGet(t.Context(), 10).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range slow {
		t.Logf("slow: %v %s", l.Duration, l.Args[0])
	}
}

// dropLists removes what leaves with a top-up in its real life: only the memory itself is measured.
func dropLists(t *testing.T, rdb *redis.Client) {
	t.Helper()
	ctx := t.Context()
	for _, pattern := range []string{"*}m:mer1:*", "*}n:*", "*}ready:*"} {
		drop(ctx, t, rdb, pattern)
	}
}

func drop(ctx context.Context, t *testing.T, rdb *redis.Client, pattern string) {
	t.Helper()
	it := rdb.Scan(ctx, 0, pattern, 5000).Iterator()
	for it.Next(ctx) {
		if err := rdb.Del(ctx, it.Val()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
}
