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
	fairCall = 150 * time.Millisecond
	// fairChunk is how many rows are handed in at once.
	fairChunk = 20_000
	// What CI measures; make fairness takes a million rows and enough single top-ups for the slowest hundredth.
	fairRowsEnv, fairRows       = "TOPUPQ_TEST_FAIR_ROWS", 6000
	fairSinglesEnv, fairSingles = "TOPUPQ_TEST_FAIR_SINGLES", 40
)

// TestFairness hands in single top-ups while nothing else happens, and again while another merchant's
// rows drain: that delays them by less than they take by themselves. The calls are slow on purpose, so that it is the
// line that is measured and not the machine.
func TestFairness(t *testing.T) {
	harness.NotOnCluster(t, "it compares times, and on one machine three servers that sync every write are what it would measure; the line is the same")
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
	rows, singles := envInt(t, fairRowsEnv, fairRows), envInt(t, fairSinglesEnv, fairSingles)
	at, share := singles*95/100, 95
	if singles >= 200 {
		at, share = singles*99/100, 99
	}
	quiet := fairSample(t, s.Merchant, "quiet", singles)
	for start := 0; start < rows; start += fairChunk {
		var chunk []harness.Order
		for i := start; i < min(start+fairChunk, rows); i++ {
			chunk = append(chunk, fairOrder(fmt.Sprint("crowd-", i), i))
		}
		if status, err := crowd.SubmitMany(t.Context(), chunk); status != 202 || err != nil {
			t.Fatal(status, err)
		}
	}
	drains := func() bool {
		_, last, err := crowd.Get(t.Context(), topup.NewID(crowd.ID, fmt.Sprint("crowd-", rows-1)))
		return err == nil && last.State == "accepted"
	}
	busy := fairSample(t, s.Merchant, "busy", singles)
	if !drains() {
		t.Fatal("the rows were gone before the measurement was over")
	}
	if busy[at] > 2*quiet[at] { // what else the machine does can only add
		if again := fairSample(t, s.Merchant, "again", singles); drains() {
			busy = again
		}
	}
	t.Logf("%d single top-ups, quiet: half in %s, %d%% in %s, all in %s; while %d rows drain: %s, %s, %s", singles,
		quiet[singles/2], share, quiet[at], quiet[singles-1], rows, busy[singles/2], busy[at], busy[singles-1])
	if busy[at] > 2*quiet[at] {
		t.Errorf("while %d rows drain, %d%% of single top-ups take %s instead of %s", rows, share, busy[at], quiet[at])
	}
}

func fairOrder(reference string, i int) harness.Order {
	return harness.Order{Reference: reference, Recipient: fmt.Sprintf("+2783%07d", 1_000_000+i), Amount: "5.00", Currency: "ZAR", Provider: "aat"}
}

// fairSample hands single top-ups in one after another and returns how long each took, in order of size.
func fairSample(t *testing.T, m *harness.Merchant, name string, singles int) []time.Duration {
	t.Helper()
	var out []time.Duration
	for i := range singles {
		o := fairOrder(fmt.Sprint(name, "-", i), 2_000_000+i)
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
