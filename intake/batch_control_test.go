package intake_test

import (
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

const threeRows = "reference,recipient,amount,currency\n" +
	"a,+27831234567,5.00,ZAR\nb,+27831234568,7.5,ZAR\nc,+27831234569,1.25,ZAR\n"

// TestControlTotalsMatch releases a batch whose file is the one that was meant; until then its rows are withheld.
func TestControlTotalsMatch(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"count": "expect_count=3", "total": "expect_total=ZAR:13.75", "both": "expect_count=3&expect_total=ZAR:13.750",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			r := a.do("POST", "/v1/batches?"+query, threeRows, "Content-Type", csvType)
			rec := r.receipt(202)
			b := a.store.batches[topup.BatchID(*rec.BatchID)]
			if rec.Accepted != 3 || b.Hold != nil || b.ReleasedAt.IsZero() || !b.Wake {
				t.Errorf("%+v\n%+v", rec, b)
			}
			row := a.store.topups[topup.NewID(a.merchant.ID, "a")]
			if !row.Withheld || !row.DueAt.Equal(row.ExpiresAt) || a.ring.rung() != 0 {
				t.Errorf("rung %d for rows that wait for the end of the file: %+v", a.ring.rung(), row)
			}
		})
	}
}

// TestControlTotalsMismatch records the rows and sends none of them.
func TestControlTotalsMismatch(t *testing.T) {
	t.Parallel()
	for query, fields := range map[string]string{
		"expect_count=4": "expect_count", "expect_total=ZAR:13.76": "expect_total", "expect_total=ZAR:13.75,USD:1": "expect_total",
		"expect_total=USD:1": "expect_total expect_total", "expect_count=2&expect_total=ZAR:1": "expect_count expect_total",
	} {
		a := newAPI(t)
		r := a.do("POST", "/v1/batches?"+query, threeRows, "Content-Type", csvType)
		if got := strings.Join(r.problem(422, "control_mismatch"), " "); got != fields {
			t.Errorf("%s: wrong are %q", query, got)
		}
		id := r.text("batch_id")
		held := a.do("GET", "/v1/batches/"+id, "").want(200).json()["hold"].(map[string]any)
		if held["reason"] != "control_totals" || a.ring.rung() != 0 || a.store.count() != 3 {
			t.Errorf("%s: %v, rung %d, rows %d", query, held, a.ring.rung(), a.store.count())
		}
		a.do("POST", "/v1/batches/"+id+"/release", "").want(200)
		if b := a.store.batches[topup.BatchID(id)]; b.Hold != nil || b.ReleasedAt.IsZero() || !b.Wake {
			t.Errorf("not released: %+v", b)
		}
	}
	a := newAPI(t)
	a.do("POST", "/v1/batches?validate_only=true&expect_count=4", threeRows, "Content-Type", csvType).problem(422, "control_mismatch")
	for _, bad := range []string{"expect_count=x", "expect_count=-1", "expect_total=5", "expect_total=ZAR:", "expect_total=zar:5", "expect_total=ZAR:1&expect_total=ZAR:2"} {
		a.do("POST", "/v1/batches?"+bad, threeRows, "Content-Type", csvType).problem(400, "malformed")
	}
	if a.store.count() != 0 {
		t.Error("something was written")
	}
}

// TestControlTotalsOfRefusedRows counts rows that cannot be taken: the file is the one that was meant.
func TestControlTotalsOfRefusedRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	rows := threeRows + "d,not a number,1,ZAR\n"
	rec := a.do("POST", "/v1/batches?expect_count=4&expect_total=ZAR:14.75", rows, "Content-Type", csvType).receipt(202)
	if rec.Accepted != 3 || rec.Rejected != 1 {
		t.Errorf("%+v", rec)
	}
}

// TestCutUploadIsFinished sends a file whose upload broke off again: nothing is taken twice, and what the first one
// had left waiting goes its way.
func TestCutUploadIsFinished(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	cut := `{"topups":[` + good("a") + `,` + good("b") + `,{"refer`
	r := a.do("POST", "/v1/batches?expect_count=3", cut)
	r.problem(422, "control_mismatch")
	first := topup.BatchID(r.text("batch_id"))
	if a.store.count() != 2 || a.store.batches[first].Hold == nil {
		t.Fatalf("%d rows, %+v", a.store.count(), a.store.batches[first])
	}
	whole := `{"topups":[` + good("a") + `,` + good("b") + `,` + good("c") + `]}`
	rec := a.do("POST", "/v1/batches?expect_count=3", whole).receipt(202)
	if rec.Accepted != 1 || rec.Duplicates != 2 || a.store.count() != 3 {
		t.Errorf("%+v", rec)
	}
	if b := a.store.batches[first]; b.Hold != nil || !b.Wake {
		t.Errorf("the first part still waits: %+v", b)
	}
	if again := a.do("POST", "/v1/batches?expect_count=3", whole).receipt(202); again.Accepted != 0 || again.Duplicates != 3 {
		t.Errorf("again: %+v", again)
	}
}

// TestCutUploadNotCovered leaves a held batch alone when the later file does not have all of its rows.
func TestCutUploadNotCovered(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do("POST", "/v1/batches?expect_count=9", threeRows, "Content-Type", csvType)
	first := topup.BatchID(r.text("batch_id"))
	a.do("POST", "/v1/batches?expect_count=1", "reference,recipient,amount,currency\na,+27831234567,5.00,ZAR\n", "Content-Type", csvType).receipt(202)
	if a.store.batches[first].Hold == nil {
		t.Error("a batch was released by a file that has one of its three rows")
	}
}

// TestHoldReleaseCancel steers a batch whose rows were not sent.
func TestHoldReleaseCancel(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := *a.upload(csvType, threeRows).receipt(202).BatchID
	path := "/v1/batches/" + id
	if got := a.do("POST", path+"/hold", "").want(200).json()["hold"].(map[string]any)["reason"]; got != "batch_held" {
		t.Errorf("held for %v", got)
	}
	a.do("POST", path+"/hold", "").want(200)
	if _, ok := a.store.pauses["hold:"+id]; !ok {
		t.Error("workers are not told")
	}
	if got := a.do("POST", path+"/release", "").want(200).json()["hold"]; got != nil || len(a.store.pauses) != 0 {
		t.Errorf("hold %v, pauses %v", got, a.store.pauses)
	}
	_, other := a.addMerchant("two")
	for _, act := range []string{"hold", "release", "cancel"} {
		a.as(other).do("POST", path+"/"+act, "").problem(404, "not_found")
	}
	sent := a.store.topups[topup.NewID(a.merchant.ID, "b")]
	if err := sent.BeginSend(topup.Policy{Timeout: time.Second}, 7, start); err != nil {
		t.Fatal(err)
	}
	done := a.do("POST", path+"/cancel", `{"reason":"wrong file"}`).want(200).json()
	if done["cancelled"].(interface{ String() string }).String() != "2" || done["done"] != true || done["hold"] != nil {
		t.Errorf("%v", done)
	}
	if b := a.store.topups[topup.NewID(a.merchant.ID, "b")]; b.State != topup.Submitting || !b.Expired(a.clock.Now()) {
		t.Errorf("a sent row is %s, and is sent again until %s should it prove absent", b.State, b.ExpiresAt)
	}
	if st := a.store.topups[topup.NewID(a.merchant.ID, "a")].State; st != topup.Failed {
		t.Errorf("a row that was not sent is %s", st)
	}
	a.store.batches[topup.BatchID(id)].ClosedAt = start
	a.do("POST", path+"/hold", "").problem(409, "batch_closed")
	a.do("POST", path+"/cancel", "").problem(409, "batch_closed")
}
