package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

// truthTimeout bounds the waits of these tests; none of them is about speed.
const truthTimeout = 60 * time.Second

// patientEnv are provider timeouts so long that nothing is asked about because a test takes its time.
func patientEnv() map[string]string {
	env := map[string]string{"TOPUPQ_CHECK_EARLY": "30s", "TOPUPQ_CHECK_INTERVAL": "1h"}
	for _, p := range []string{"RELOADLY", "AAT", "RECHARGEKIT"} {
		env["TOPUPQ_"+p+"_TIMEOUT"] = "30s"
	}
	return env
}

// askingEnv are short times, for tests in which questions have to be asked: absence is proved soon.
func askingEnv() map[string]string {
	return map[string]string{"TOPUPQ_CHECK_EARLY": "500ms,1s,2s,5s", "TOPUPQ_CHECK_INTERVAL": "1h"}
}

// voucherOrder asks for a PIN, pinlessOrder for airtime; both cost one call at the provider and settle at once.
func voucherOrder(reference string) harness.Order {
	return harness.Order{
		Reference: reference, Recipient: "+27821234567", Amount: "5.00", Currency: "ZAR", Provider: "aat",
		Product: map[string]any{"recharge": "pinned", "voucher_id": 1003},
	}
}

func pinlessOrder(n int, reference string) harness.Order {
	return harness.Order{
		Reference: reference, Recipient: "+2782" + fmt.Sprintf("%07d", 1000000+n), Amount: "7.50", Currency: "ZAR", Provider: "aat",
		Product: map[string]any{"recharge": "pinless", "voucher_id": 1001},
	}
}

// orders are n pinless ones.
func pinlessOrders(n int, stem string) []harness.Order {
	out := make([]harness.Order, n)
	for i := range out {
		out[i] = pinlessOrder(i, stem+"-"+strconv.Itoa(i))
	}
	return out
}

// within polls until done or fails the test with what.
func within(ctx context.Context, t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, truthTimeout)
	defer cancel()
	if err := harness.Poll(ctx, 20*time.Millisecond, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// inState waits until a top-up is in a state.
func inState(ctx context.Context, t *testing.T, s *harness.Stack, id topup.ID, state topup.State) harness.Record {
	t.Helper()
	var rec harness.Record
	within(ctx, t, string(id)+" in state "+state.String(), func() bool {
		var err error
		_, rec, err = s.Merchant.Get(ctx, id)
		return err == nil && rec.State == state.String()
	})
	return rec
}

// allInState waits until all top-ups are in a state.
func allInState(ctx context.Context, t *testing.T, s *harness.Stack, orders []harness.Order, state topup.State) {
	t.Helper()
	for _, o := range orders {
		inState(ctx, t, s, topup.NewID(s.Merchant.ID, o.Reference), state)
	}
}

// submitAll hands in all orders, some at a time, until each was answered with 2xx.
func submitAll(ctx context.Context, t *testing.T, s *harness.Stack, orders []harness.Order) {
	t.Helper()
	var wg sync.WaitGroup
	turns := make(chan harness.Order)
	for range 8 {
		wg.Go(func() {
			for o := range turns {
				within(ctx, t, "submit "+o.Reference, func() bool {
					status, _, err := s.Merchant.Submit(ctx, o)
					return err == nil && status/100 == 2
				})
			}
		})
	}
	for _, o := range orders {
		turns <- o
	}
	close(turns)
	wg.Wait()
}

// tally counts, for a set of orders, what the providers' books and request logs say.
type tally struct{ booked, twice, sends, questions int }

func (y tally) String() string {
	return fmt.Sprintf("%d booked, %d booked twice, %d paying calls, %d questions", y.booked, y.twice, y.sends, y.questions)
}

func count(s *harness.Stack, orders []harness.Order) tally {
	var y tally
	books, asks := s.Sims.Books(), s.Sims.Asks()
	for _, o := range orders {
		id := topup.NewID(s.Merchant.ID, o.Reference)
		if n := books[id].Count; n > 0 {
			y.booked++
			if n > 1 {
				y.twice++
			}
		}
		for _, a := range asks[id] {
			if a.Pays {
				y.sends++
			} else {
				y.questions++
			}
		}
	}
	return y
}

// spooled are the answers in the spool of the worker processes.
func spooled(t *testing.T, s *harness.Stack) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.Dir(), "topupq-spool", "*.answer"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
