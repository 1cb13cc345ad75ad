package intake_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"topupq/intake"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// newRedisAPI is an intake on the ledger in Redis instead of the fake one.
func newRedisAPI(t *testing.T, change ...func(*intake.Config)) (*api, *miniredis.Miniredis) {
	t.Helper()
	return newRedisAPIOf(t, 50, change...)
}

// newRedisAPIOf is newRedisAPI with chunks of a size.
func newRedisAPIOf(t *testing.T, chunk int, change ...func(*intake.Config)) (*api, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	store := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(func() {
		store.Close()
		rdb.Close()
	})
	a := newAPI(t, append(change, func(c *intake.Config) { c.Store, c.ChunkRows = store, chunk })...)
	if err := store.PutMerchant(t.Context(), &topup.Merchant{ID: a.merchant.ID, Name: "one", CreatedAt: start, Keys: a.merchant.Keys}); err != nil {
		t.Fatal(err)
	}
	return a, server
}

func TestOnRedis(t *testing.T) {
	t.Parallel()
	a, _ := newRedisAPI(t)
	first := a.do("POST", "/v1/topups", with(`"metadata":{"till":"7"},"product":{"recharge":"pinned","voucher_id":121}`)).want(202)
	again := a.do("POST", "/v1/topups", with(`"metadata":{"till":"7"},"product":{"recharge":"pinned","voucher_id":121}`)).want(200)
	if d := cmp.Diff(first.json(), again.json()); d != "" {
		t.Error(d)
	}
	a.do("POST", "/v1/topups", with(`"amount":"6"`)).problem(409, "reference_conflict")
	id := first.text("id")
	if d := cmp.Diff(first.json(), a.do("GET", "/v1/topups/"+id, "").want(200).json()); d != "" {
		t.Error(d)
	}
	if got := a.do("POST", "/v1/topups/"+id+"/cancel", `{"reason":"typo"}`).want(200).text("state"); got != "failed" {
		t.Errorf("state %s", got)
	}
	if n := len(a.do("GET", "/v1/topups/"+id+"/history", "").want(200).json()["data"].([]any)); n != 2 {
		t.Errorf("%d moves", n)
	}
	if n := len(a.do("GET", "/v1/callbacks?state=waiting", "").want(200).json()["data"].([]any)); n != 1 {
		t.Errorf("%d callbacks", n)
	}
	a.do("POST", "/v1/callbacks/msg_"+id+"_2/redeliver", "").want(202)
	if d := cmp.Diff([]string{"v"}, a.do("GET", "/v1/topups?state=failed&recipient=%2B27831234567", "").references()); d != "" {
		t.Error(d)
	}
	a.do("GET", "/v1/topups?cursor=garbage", "").problem(400, "malformed")
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200)
	a.do("POST", "/v1/webhook/rotate", "").want(200)
	if got := a.do("GET", "/v1/webhook", "").want(200).text("state"); got != "active" {
		t.Errorf("webhook %s", got)
	}
	lookup := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork","params":{"n":1}}`).want(202).text("id")
	a.do("GET", "/v1/lookups/"+lookup, "").want(200)
	a.do("GET", "/readyz", "").want(200)
}

func TestBatchOnRedis(t *testing.T) {
	t.Parallel()
	a, _ := newRedisAPI(t)
	rows := rowsOf(420) + good("f7") + "\n" + strings.Replace(good("f9"), "5.00", "6", 1) + "\nbad\n"
	for round := range 2 {
		rec := a.upload(ndjson, rows).receipt(202)
		want := map[int][3]int64{0: {420, 1, 2}, 1: {0, 421, 2}}[round]
		if rec.Accepted != want[0] || rec.Duplicates != want[1] || rec.Rejected != want[2] {
			t.Fatalf("round %d: %+v", round, rec)
		}
		got := a.do("GET", "/v1/batches/"+*rec.BatchID, "").receipt(200)
		if got.Rows != 423 || got.States["accepted"] != want[0] {
			t.Errorf("round %d: %+v", round, got)
		}
		if round == 1 {
			continue
		}
		if got.Totals["ZAR"].Requested != "2100.00" {
			t.Errorf("totals %v", got.Totals)
		}
		r := a.do("GET", "/v1/batches/"+*rec.BatchID+"/topups", "", "Accept", "text/csv").want(200)
		lines := strings.Split(strings.TrimSpace(string(r.body)), "\n")
		if len(lines) != 421 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines[1:] {
			if !strings.Contains(line, fmt.Sprintf(",f%d,", i)) {
				t.Fatalf("line %d is %s", i, line)
			}
		}
	}
	if n := a.do("GET", "/v1/reports/2026-11-20", "").want(200).json()["rows"]; n != num("420") {
		t.Errorf("%v rows in the report", n)
	}
}

// The same references from many sides at once: one record each.
func TestParallelRepeatsOnRedis(t *testing.T) {
	t.Parallel()
	a, _ := newRedisAPI(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for i := range 300 {
		wg.Go(func() {
			r := a.do("POST", "/v1/topups", good(fmt.Sprint("p", i%20)))
			mu.Lock()
			defer mu.Unlock()
			seen[r.status]++
		})
	}
	wg.Wait()
	if seen[202] != 20 || seen[200] != 280 {
		t.Errorf("statuses %v", seen)
	}
}

// Redis away: 503 and Retry-After; back again: the same request succeeds.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	a, server := newRedisAPI(t)
	a.do("GET", "/v1/topups", "").want(200)
	server.SetError("OOM command not allowed when used memory > 'maxmemory'.")
	for _, r := range []answer{
		a.do("POST", "/v1/topups", good("x")), a.upload(ndjson, good("y")), a.do("GET", "/v1/topups", ""), a.do("GET", "/readyz", ""),
	} {
		r.problem(503, "unavailable")
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	server.SetError("")
	a.do("POST", "/v1/topups", good("x")).want(202)
	a.upload(ndjson, good("y")).receipt(202)
}
