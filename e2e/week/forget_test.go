package week_test

import (
	"encoding/json"
	"time"

	"topupq/topup"
)

// checkForgetting: 35 days later what is finished has left the ledger; it can be read as before, its reference stays
// taken, and the reports tell the same.
func (w *week) checkForgetting() {
	w.t.Helper()
	w.everybodyTold()
	before := w.report(monday)
	w.clock.Store(monday.AddDate(0, 0, 9+36).UnixMilli())
	w.look()
	left := map[topup.ID]bool{}
	w.each(monday, monday.AddDate(0, 0, 30), func(t *topup.Topup) {
		left[t.ID] = true
		if t.Finished() {
			w.t.Errorf("%s of %v is %s, finished, and still in the ledger", t.ID, t.CreatedAt, t.State)
		}
	})
	open := 0
	for _, o := range w.orders {
		if o.fate == stuck {
			open++
		}
	}
	if len(left) != open {
		w.t.Errorf("%d records are left, %d are stuck", len(left), open)
	}
	for i := 0; i < len(w.orders); i += len(w.orders)/50 + 1 {
		o := w.orders[i]
		var got struct{ ID, State, Amount, Explanation string }
		if err := json.Unmarshal(w.call("GET", "/v1/topups/"+string(o.id), "", ""), &got); err != nil {
			w.t.Fatal(err)
		}
		if want := o.expected(w.upstreams[o.provider].books()).String(); got.ID != string(o.id) || got.State != want {
			w.t.Errorf("read from the archive: %+v, want %s", got, want)
		}
	}
	if r := w.post(w.orders); r.Accepted != 0 || r.Duplicates != len(w.orders) {
		w.t.Errorf("the whole week handed in again: %+v", r)
	}
	if after := w.report(monday); after != before {
		w.t.Errorf("the report of Monday was %s and is %s", before, after)
	}
	w.t.Logf("36 days later %d of %d records have left the ledger", len(w.orders)-len(left), len(w.orders))
}

// everybodyTold ends what is owed to the merchant, whose endpoint is not part of this world.
func (w *week) everybodyTold() {
	w.t.Helper()
	for _, o := range w.orders {
		_, err := w.store.Update(w.t.Context(), o.id, func(t *topup.Topup) error {
			for i := range t.Callbacks {
				t.Callbacks[i].Skip()
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// report is the sums of a merchant's day.
func (w *week) report(day time.Time) string {
	w.t.Helper()
	var r map[string]json.RawMessage
	if err := json.Unmarshal(w.call("GET", "/v1/reports/"+day.Format(time.DateOnly), "", ""), &r); err != nil {
		w.t.Fatal(err)
	}
	return string(r["rows"]) + string(r["totals"]) + string(r["costs"]) + string(r["open_by_age"])
}
