package storetest

import (
	"fmt"
	"testing"
	"time"

	"topupq/topup"
)

// inLine is a top-up that waits for its merchant's turn.
func inLine(m topup.MerchantID, reference string, p topup.Priority) *topup.Topup {
	x := order(m, reference)
	x.Priority, x.InLine = p, true
	return x
}

// served takes n top-ups that wait to be sent, in small steps, and counts them by merchant.
func served(t *testing.T, s topup.Store, n, step int) map[topup.MerchantID]int {
	t.Helper()
	out := map[topup.MerchantID]int{}
	for n > 0 {
		due, err := s.DueSends(t.Context(), topup.AAT, start, start.Add(time.Hour), min(step, n))
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			t.Fatalf("%d are missing", n)
		}
		for _, d := range due {
			out[get(t, s, d.ID).Merchant]++
		}
		n -= len(due)
	}
	return out
}

// fairLine lets a newcomer through in front of a merchant that has many waiting, gives two that have many the same
// share, and the more urgent the larger one.
func fairLine(t *testing.T, s topup.Store) {
	crowd := merchantOf(t)
	other, late, urgent := crowd+"b", crowd+"c", crowd+"d"
	var ts []*topup.Topup
	for i := range 1600 {
		ts = append(ts, inLine(crowd, fmt.Sprint(i), topup.PriorityBulk))
	}
	create(t, s, ts...)
	served(t, s, 320, 64)
	ts = nil
	for i := range 320 {
		ts = append(ts, inLine(other, fmt.Sprint(i), topup.PriorityBulk))
	}
	create(t, s, ts...)
	got := served(t, s, 320, 64)
	if n := got[other]; n < 120 || n > 200 {
		t.Errorf("two that wait alike: %v", got)
	}
	create(t, s, inLine(late, "one", topup.PriorityNormal))
	if got = served(t, s, 48, 16); got[late] != 1 {
		t.Errorf("a newcomer waits behind those of others: %v", got)
	}
	ts = nil
	for i := range 320 {
		ts = append(ts, inLine(urgent, fmt.Sprint(i), topup.PriorityHigh))
	}
	create(t, s, ts...)
	if got = served(t, s, 320, 64); got[urgent] < 200 || got[urgent] == 320 || got[crowd] == 0 {
		t.Errorf("urgent ones beside others: %v", got)
	}
}

// lineAndTimes shows those whose time has come beside those who stand in line, however many there are of either.
func lineAndTimes(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var ts []*topup.Topup
	for i := range 400 {
		ts = append(ts, inLine(m, fmt.Sprint("l", i), topup.PriorityBulk), order(m+"t", fmt.Sprint("t", i)))
	}
	create(t, s, ts...)
	got := served(t, s, 320, 64)
	if got[m] < 100 || got[m+"t"] < 100 {
		t.Errorf("one of the two waits for the other: %v", got)
	}
	served(t, s, 480, 64)
	if due, err := s.DueSends(t.Context(), topup.AAT, start, start.Add(time.Hour), 100); err != nil || len(due) != 0 {
		t.Errorf("%d shown twice (%v)", len(due), err)
	}
}

// orderInLine serves one merchant's rows in the order in which they came, within each shard.
func orderInLine(t *testing.T, s topup.Store) {
	m, b := merchantOf(t), topup.NewBatchID()
	line := map[topup.ID]int{}
	var ts []*topup.Topup
	for i := range 640 {
		x := inBatch(inLine(m, fmt.Sprint(i), topup.PriorityDefault), b, i+1)
		line[x.ID] = x.Line
		ts = append(ts, x)
	}
	create(t, s, ts[:320]...)
	create(t, s, ts[320:]...)
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: b, Merchant: m, CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	for taken := 0; taken < 640; {
		due, err := s.DueSends(t.Context(), topup.AAT, start, start.Add(time.Hour), 32)
		if err != nil || len(due) == 0 {
			t.Fatalf("%d are missing (%v)", 640-taken, err)
		}
		for _, d := range due {
			if at := line[d.ID]; at < taken/3-120 || at > taken*3+160 {
				t.Fatalf("line %d after %d were taken", at, taken)
			}
		}
		taken += len(due)
	}
}
