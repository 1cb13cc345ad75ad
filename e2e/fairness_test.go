package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/topup"
)

const (
	fairCall    = 150 * time.Millisecond
	fairRows    = 6000
	fairSingles = 40
)

// TestFairness hands in single top-ups while nothing else happens, and again while another merchant's
// batch drains: that delays them by less than they take by themselves. The calls are slow on purpose, so that it is the
// line that is measured and not the machine.
func TestFairness(t *testing.T) {
	s := harness.Start(t, harness.Options{Env: map[string]string{"TOPUPQ_AAT_CONCURRENCY": "16", "TOPUPQ_AAT_TIMEOUT": "20s"}})
	s.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
		if stage == harness.Arrived {
			harness.Pause(t.Context(), fairCall)
		}
	})
	crowd, err := s.AddMerchant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	quiet := fairSample(t, s.Merchant, "quiet")
	var rows []harness.Order
	for i := range fairRows {
		rows = append(rows, fairOrder(fmt.Sprint("crowd-", i), i))
	}
	if status, err := crowd.SubmitMany(t.Context(), rows); status != 202 || err != nil {
		t.Fatal(status, err)
	}
	drains := func() bool {
		_, last, err := crowd.Get(t.Context(), topup.NewID(crowd.ID, rows[fairRows-1].Reference))
		return err == nil && last.State == "accepted"
	}
	at := len(quiet) * 95 / 100
	busy := fairSample(t, s.Merchant, "busy")
	if !drains() {
		t.Fatal("the batch was gone before the measurement was over")
	}
	if busy[at] > 2*quiet[at] { // what else the machine does can only add
		if again := fairSample(t, s.Merchant, "again"); drains() {
			busy = again
		}
	}
	t.Logf("quiet: half in %s, 95%% in %s, all in %s; busy: %s, %s, %s", quiet[len(quiet)/2], quiet[at], quiet[len(quiet)-1], busy[len(busy)/2], busy[at], busy[len(busy)-1])
	if busy[at] > 2*quiet[at] {
		t.Errorf("while a batch drains, 95%% of single top-ups take %s instead of %s", busy[at], quiet[at])
	}
}

func fairOrder(reference string, i int) harness.Order {
	return harness.Order{Reference: reference, Recipient: fmt.Sprintf("+2783%07d", 1_000_000+i), Amount: "5.00", Currency: "ZAR", Provider: "aat"}
}

// fairSample hands single top-ups in one after another and returns how long each took, in order of size.
func fairSample(t *testing.T, m *harness.Merchant, name string) []time.Duration {
	t.Helper()
	var out []time.Duration
	for i := range fairSingles {
		o := fairOrder(fmt.Sprint(name, "-", i), 100_000+i)
		begun := time.Now()
		status, rec, err := m.Submit(t.Context(), o)
		if status/100 != 2 || err != nil {
			t.Fatal(status, err)
		}
		err = harness.Poll(t.Context(), 3*time.Millisecond, func() bool {
			_, now, err := m.Get(t.Context(), rec.ID)
			return err == nil && now.State == "succeeded"
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, time.Since(begun))
	}
	slices.Sort(out)
	return out
}
