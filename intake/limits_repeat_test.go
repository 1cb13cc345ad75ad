package intake_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/topup"
)

// TestRepeatIsNoNewUse submits the same top-up many times at once where there is room for it once: all are told that it is
// taken, one way or the other. "Not taken" would be a lie that makes the merchant pay again.
func TestRepeatIsNoNewUse(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]topup.Limits{
		"credit": {Credit: sums("ZAR", "5")}, "top-ups of a day": {TopupsPerDay: 1}, "top-ups of a number": {NumberTopupsPerDay: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := bounded(t, l)
			var wg sync.WaitGroup
			gate := make(chan struct{})
			for range 30 {
				wg.Go(func() {
					<-gate
					if r := a.do("POST", "/v1/topups", good("same")); r.status != 202 && r.status != 200 {
						t.Errorf("%d %s", r.status, r.body)
					}
				})
			}
			for range 3 {
				wg.Go(func() {
					<-gate
					if rec := a.upload(ndjson, good("same")+"\n").receipt(202); rec.Rejected != 0 {
						t.Errorf("in a batch: %+v", rec)
					}
				})
			}
			close(gate)
			wg.Wait()
		})
	}
}

// TestRepeatOfAForgottenOne repeats a top-up that has gone to the archive, with no room for another: it is still the same.
func TestRepeatOfAForgottenOne(t *testing.T) {
	t.Parallel()
	a, store := bounded(t, topup.Limits{Credit: sums("ZAR", "5")})
	id := topup.ID(a.do("POST", "/v1/topups", good("old")).want(202).text("id"))
	p := topup.Policy{Timeout: time.Second}
	for _, change := range []func(*topup.Topup) error{
		func(x *topup.Topup) error { return x.BeginSend(p, 3, start) },
		func(x *topup.Topup) error { return x.RecordSend(p, 3, topup.Outcome{Answer: topup.Delivered}, start) },
		func(x *topup.Topup) error { x.Callbacks, x.DueAt = nil, time.Time{}; return nil },
	} {
		if _, err := store.Update(t.Context(), id, change); err != nil {
			t.Fatal(err)
		}
	}
	x, err := store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := store.Forget(t.Context(), []*topup.Topup{x}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	a.do("POST", "/v1/topups", good("old")).want(200)
	a.do("POST", "/v1/topups", strings.Replace(good("old"), "5.00", "6", 1)).problem(409, "reference_conflict")
	a.do("POST", "/v1/topups", good("new")).problem(422, "credit_limit")
	if rec := a.upload(ndjson, good("old")+"\n"+good("new")+"\n").receipt(202); rec.Duplicates != 1 || rec.Rejected != 1 {
		t.Errorf("in a batch: %+v", rec)
	}
}
