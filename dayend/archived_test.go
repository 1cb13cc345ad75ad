package dayend_test

import (
	"fmt"
	"io"
	"testing"

	"topupq/topup"
)

// TestBooksOfADayThatHasLeftTheLedger: its report has the same rows and sums, and its books still agree.
func TestBooksOfADayThatHasLeftTheLedger(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	for _, x := range d.aDay()[:80] {
		d.tell(x)
	}
	if err := d.Close(t.Context(), topup.Reloadly, date); err != nil {
		t.Fatal(err)
	}
	before, err := d.Report(t.Context(), topup.Reloadly, date, false, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is left to go
		d.now = d.now.AddDate(0, 0, 36)
		if _, err := d.Forget(t.Context(), topup.Reloadly, date); err != nil {
			t.Fatal(err)
		}
	}
	after, err := d.Report(t.Context(), topup.Reloadly, date, false, io.Discard)
	if err != nil || after.Rows != 85 || fmt.Sprint(after.Totals, after.Costs) != fmt.Sprint(before.Totals, before.Costs) {
		t.Errorf("%v: %+v, before %+v", err, after, before)
	}
	r, err := d.Reconcile(t.Context(), topup.Reloadly, date)
	if err != nil || !r.Clean() || r.Ours.Count != 60 {
		t.Errorf("%v: %+v", err, r)
	}
}
