package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/reconcile"
	"topupq/topup"
)

// sell puts a delivered top-up of AAT's into the shop's ledger.
func (s *shop) sell(t *testing.T, reference string, at time.Time) topup.ID {
	t.Helper()
	rand := topup.Money{Amount: decimal.New(5, 0), Currency: "ZAR"}
	m := s.keys.ID
	x := &topup.Topup{ID: topup.NewID(m, reference), Merchant: m, Reference: reference, Provider: topup.AAT, Recipient: "+27831234567", Country: "ZA", Amount: rand}
	if err := x.Accept(topup.ActorIntake, at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	policy := topup.Policy{Plan: topup.Plan{Interval: time.Hour, Count: 3}, Timeout: time.Minute}
	_, err := s.store.Update(t.Context(), x.ID, func(t *topup.Topup) error {
		if err := t.BeginSend(policy, 1, at); err != nil {
			return err
		}
		return t.RecordSend(policy, 1, topup.Outcome{Answer: topup.Delivered, Cost: rand}, at.Add(time.Second))
	})
	if err != nil {
		t.Fatal(err)
	}
	return x.ID
}

// TestReconcileAStatement: agreeing books end with 0, others with 3 and the rows, and the day keeps what was found.
func TestReconcileAStatement(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	day := time.Now().UTC().AddDate(0, 0, -2)
	date := day.Format(time.DateOnly)
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, time.UTC)
	a, b := s.sell(t, "ord-1", noon), s.sell(t, "ord-2", noon)
	header := "Client Ref;Date;MSISDN;Amount;Status\n"
	line := func(id topup.ID, status string) string {
		return string(id) + ";" + date + " 14:00:00;0831234567;R 5.00;" + status + "\n"
	}
	good := s.write(t, "good.csv", header+line(a, "OK")+line(b, "OK"))
	if _, stderr, code := s.run(t, "reconcile", "--provider", "aat", "--date", date, good); code != exitUsage {
		t.Errorf("without credentials: exit %d, %s", code, stderr)
	}
	s.env["TOPUPQ_AAT_USERNAME"], s.env["TOPUPQ_AAT_PASSWORD"] = "shop", "secret-of-aat"
	out, stderr, code := s.run(t, "reconcile", "--provider", "aat", "--date", date, good)
	if code != 0 {
		t.Errorf("equal books: exit %d: %s%s", code, out, stderr)
	}
	holds(t, out, "ours    2       10.00 ZAR", "theirs  2       10.00 ZAR", "by statement")

	bad := s.write(t, "bad.csv", header+line(a, "OK")+line(a, "OK")+line(b, "Failed")+"x;y\n"+line(topup.NewID("m", "ghost"), "OK"))
	out, stderr, code = s.run(t, "reconcile", "--provider", "aat", "--date", date, bad)
	if code != exitDiffers {
		t.Errorf("books that differ: exit %d: %s", code, stderr)
	}
	holds(t, out, "booked_twice: 1 (5.00 ZAR)", "unknown_here: 1", "delivered_but_returned: 1", string(a), "1 lines of the statement could not be read")
	holds(t, stderr, "line 5:", "the books differ in 3 ways")
	out, _, code = s.run(t, "reconcile", "--provider", "aat", "--date", date, bad, "--json")
	var r reconcile.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDiffers || len(r.Cases) != 3 || r.Method != reconcile.ByStatement {
		t.Errorf("JSON: exit %d, %v: %+v", code, err, r)
	}
	out, stderr, code = s.run(t, "report", date, "--provider", "aat")
	holds(t, out+stderr, "aat "+date+": 2 top-ups, 0 open", "ZAR", "succeeded", "10.00", "closed", "not yet", "statement", "3 differences")
	if code != 0 {
		t.Errorf("report: exit %d", code)
	}
	out, _, _ = s.run(t, "report", date, "--provider", "aat", "--csv")
	holds(t, out, "kind,count,id,", "topup,1,"+string(a), "sha256,2,")
	for _, args := range [][]string{
		{"reconcile"}, {"reconcile", "--provider", "bank"}, {"reconcile", "--provider", "aat", "--date", "yesterday"}, {"reconcile", "--provider", "aat", good, bad},
		{"reconcile", "--provider", "aat", "/nowhere.csv"}, {"reconcile", "--provider", "aat", s.write(t, "none.csv", "a,b\n1,2\n")}, {"report", date, "--provider", "reloadly"},
	} {
		if _, stderr, code := s.run(t, args...); code != exitUsage || stderr == "" {
			t.Errorf("%v: exit %d, %q", args, code, stderr)
		}
	}
}
