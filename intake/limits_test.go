package intake_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/intake"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// bounded is an intake on the ledger in Redis whose merchant has limits.
func bounded(t *testing.T, l topup.Limits) (*api, *redisstore.Store) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	store := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(func() {
		store.Close()
		rdb.Close()
	})
	a := newAPI(t, func(c *intake.Config) { c.Store, c.ChunkRows = store, 3 })
	m := &topup.Merchant{ID: a.merchant.ID, Name: "one", CreatedAt: start, Keys: a.merchant.Keys, Limits: l}
	if err := store.PutMerchant(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return a, store
}

func sums(pairs ...string) topup.Sums {
	out := topup.Sums{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = decimal.RequireFromString(pairs[i+1])
	}
	return out
}

// TestLimitsOfOne refuses the first top-up above each limit, takes nothing of it, and still answers repeats.
func TestLimitsOfOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits topup.Limits
		status int
		code   string
	}{
		"top-ups of a day":      {topup.Limits{TopupsPerDay: 2}, 429, "day_limit"},
		"amount of a day":       {topup.Limits{AmountPerDay: sums("ZAR", "14.99")}, 429, "day_limit"},
		"top-ups of a number":   {topup.Limits{NumberTopupsPerDay: 2}, 429, "number_limit"},
		"amount of a number":    {topup.Limits{NumberAmountPerDay: sums("ZAR", "14.99")}, 429, "number_limit"},
		"credit":                {topup.Limits{Credit: sums("ZAR", "14.99")}, 422, "credit_limit"},
		"credit, some was paid": {topup.Limits{Credit: sums("ZAR", "4.99"), Paid: sums("ZAR", "10")}, 422, "credit_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, store := bounded(t, c.limits)
			a.do("POST", "/v1/topups", good("a")).want(202)
			a.do("POST", "/v1/topups", good("b")).want(202)
			r := a.do("POST", "/v1/topups", good("c"))
			r.problem(c.status, c.code)
			if wait := r.header.Get("Retry-After"); (c.status == 429) != (wait == "50400") {
				t.Errorf("Retry-After %q", wait)
			}
			a.do("POST", "/v1/topups", good("a")).want(200)
			a.do("POST", "/v1/topups", strings.Replace(good("b"), "5.00", "6", 1)).problem(409, "reference_conflict")
			if _, err := store.Get(t.Context(), topup.NewID(a.merchant.ID, "c")); err == nil {
				t.Error("a refused top-up was recorded")
			}
			rec := a.upload(ndjson, good("a")+"\n"+good("d")+"\n"+good("b")+"\n").receipt(202)
			if d := cmp.Diff([]string{"2 " + c.code + " " + map[bool]string{true: "recipient", false: "amount"}[c.code == "number_limit"]}, rec.lines()); d != "" || rec.Duplicates != 2 {
				t.Errorf("in a batch: %s\n%+v", d, rec)
			}
			a.clock.add(24 * time.Hour)
			if next := a.do("POST", "/v1/topups", good("c")); (next.status == 202) != (c.status == 429) {
				t.Errorf("the next day: %d", next.status)
			}
		})
	}
}

// TestLimitsOfABatch takes the first rows of a file that there is room for.
func TestLimitsOfABatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits topup.Limits
		code   string
	}{
		"rows": {topup.Limits{BatchTopups: 7}, "batch_limit"}, "amount": {topup.Limits{BatchAmount: sums("ZAR", "37")}, "batch_limit"},
		"rows of a day": {topup.Limits{TopupsPerDay: 7}, "day_limit"}, "credit": {topup.Limits{Credit: sums("ZAR", "37.5")}, "credit_limit"},
		"number": {topup.Limits{NumberTopupsPerDay: 7}, "number_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := bounded(t, c.limits)
			rec := a.upload(ndjson, rowsOf(10)+good("f9")+"\n").receipt(202)
			if rec.Accepted != 7 || rec.Rejected != 4 || rec.Errors[0].Line != 8 || rec.Errors[3].Code != c.code {
				t.Errorf("%+v", rec)
			}
			again := a.upload(ndjson, rowsOf(10)).receipt(202)
			more := int64(0)
			if c.code == "batch_limit" {
				more = 3 // it is another batch
			}
			if again.Duplicates != 7 || again.Accepted != more {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// TestValidationForeseesLimits tells which rows of a file would be above a limit, and they are. Telling so uses nothing up.
func TestValidationForeseesLimits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits topup.Limits
		code   string
	}{
		"rows": {topup.Limits{BatchTopups: 7}, "batch_limit"}, "amount": {topup.Limits{BatchAmount: sums("ZAR", "37")}, "batch_limit"},
		"rows of a day": {topup.Limits{TopupsPerDay: 8}, "day_limit"}, "amount of a day": {topup.Limits{AmountPerDay: sums("ZAR", "42")}, "day_limit"},
		"credit": {topup.Limits{Credit: sums("ZAR", "32.5"), Paid: sums("ZAR", "10")}, "credit_limit"},
		"number": {topup.Limits{NumberTopupsPerDay: 8}, "number_limit"}, "amount of a number": {topup.Limits{NumberAmountPerDay: sums("ZAR", "44")}, "number_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, store := bounded(t, c.limits)
			a.do("POST", "/v1/topups", good("before")).want(202)
			file := good("before") + "\n" + rowsOf(10) + good("f9") + "\n"
			for range 2 {
				var got struct {
					Accepted, Rejected int64
					Plan               struct {
						Providers []struct{ Rows int64 }
						OverLimit struct {
							Rows      int64
							FirstLine int `json:"first_line"`
							Codes     map[string]int64
						} `json:"over_limit"`
					}
				}
				r := a.do("POST", "/v1/batches?validate_only=true", file, "Content-Type", ndjson).want(200)
				if err := json.Unmarshal(r.body, &got); err != nil {
					t.Fatal(err)
				}
				over := got.Plan.OverLimit
				if got.Accepted != 7 || over.FirstLine != 9 || over.Codes[c.code] != over.Rows || got.Rejected != over.Rows || got.Plan.Providers[0].Rows != 7 {
					t.Errorf("%s", r.body)
				}
			}
			used, err := store.Used(t.Context(), a.merchant.ID, start)
			reserved, err2 := store.Earlier(t.Context(), a.merchant.ID, math.MaxInt64, start)
			if err != nil || err2 != nil || reserved.Topups != 0 || used.Topups != 1 {
				t.Errorf("used %+v, reserved %+v, %v %v", used, reserved, err, err2)
			}
			if rec := a.upload(ndjson, file).receipt(202); rec.Accepted != 7 || rec.Errors[0].Line != 9 || rec.Errors[0].Code != c.code {
				t.Errorf("handed in: %+v", rec)
			}
		})
	}
}

// TestCreditComesBack gives a failed top-up's amount back, and takes it again for one that had been delivered after all.
func TestCreditComesBack(t *testing.T) {
	t.Parallel()
	a, store := bounded(t, topup.Limits{Credit: sums("ZAR", "5")})
	first := a.do("POST", "/v1/topups", good("a")).want(202).text("id")
	a.do("POST", "/v1/topups", good("b")).problem(422, "credit_limit")
	a.do("POST", "/v1/topups/"+first+"/cancel", "").want(200)
	second := a.do("POST", "/v1/topups", good("b")).want(202).text("id")
	a.do("POST", "/v1/topups", good("c")).problem(422, "credit_limit")
	used, err := store.Used(t.Context(), a.merchant.ID, start)
	if err != nil || !used.Credit["ZAR"].Equal(decimal.New(5, 0)) || used.Topups != 2 || !used.Amounts["ZAR"].Equal(decimal.New(10, 0)) {
		t.Errorf("%+v %v", used, err)
	}
	p := topup.Policy{Timeout: time.Second}
	_, err = store.Update(t.Context(), topup.ID(second), func(x *topup.Topup) error { return x.BeginSend(p, 3, start) })
	if err == nil {
		_, err = store.Update(t.Context(), topup.ID(second), func(x *topup.Topup) error {
			return x.RecordSend(p, 3, topup.Outcome{Answer: topup.Delivered}, start)
		})
	}
	if used, _ = store.Used(t.Context(), a.merchant.ID, start); err != nil || !used.Credit["ZAR"].Equal(decimal.New(5, 0)) {
		t.Errorf("after a delivery: %+v %v", used, err)
	}
}

// TestCreditUnderLoad hands in many times more at once than there is credit for: exactly as much is taken.
func TestCreditUnderLoad(t *testing.T) {
	t.Parallel()
	const room, asked = 20, 80
	a, store := bounded(t, topup.Limits{Credit: sums("ZAR", fmt.Sprint(room*5)), TopupsPerDay: 1000})
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range asked {
		wg.Go(func() {
			<-gate
			switch r := a.do("POST", "/v1/topups", good(fmt.Sprint("l", i))); r.status {
			case 202:
				taken.Add(1)
			case 422:
				refused.Add(1)
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	close(gate)
	wg.Wait()
	used, err := store.Used(t.Context(), a.merchant.ID, start)
	if err != nil || taken.Load() != room || refused.Load() != asked-room || !used.Credit["ZAR"].Equal(decimal.New(room*5, 0)) {
		t.Errorf("taken %d, refused %d, used %+v %v", taken.Load(), refused.Load(), used, err)
	}
}

// TestLostReservation leaves a reservation behind, as a process does that dies before it records anything: it counts
// until it ends, and then no more.
func TestLostReservation(t *testing.T) {
	t.Parallel()
	a, store := bounded(t, topup.Limits{Credit: sums("ZAR", "5")})
	if _, err := store.Reserve(t.Context(), a.merchant.ID, topup.Use{Topups: 1, Amounts: sums("ZAR", "5")}, time.Minute, start); err != nil {
		t.Fatal(err)
	}
	a.do("POST", "/v1/topups", good("a")).problem(422, "credit_limit")
	a.clock.add(2 * time.Minute)
	a.do("POST", "/v1/topups", good("a")).want(202)
}

// TestRequestsPerSecond bounds one merchant's requests by its own limit.
func TestRequestsPerSecond(t *testing.T) {
	t.Parallel()
	a, _ := bounded(t, topup.Limits{RequestsPerSecond: 2})
	a.do("GET", "/v1/topups", "").want(200)
	a.do("GET", "/v1/topups", "").want(200)
	r := a.do("GET", "/v1/topups", "")
	r.problem(429, "too_many_requests")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	a.clock.add(time.Second)
	a.do("GET", "/v1/topups", "").want(200)
}
