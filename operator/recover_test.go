package operator_test

import (
	"testing"

	"topupq/topup"
)

func TestRecover(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	id := o.make(t, "old", "2.00", topup.Accepted)
	if err := o.Preview().Recover(t.Context(), ann, ""); err != nil {
		t.Fatal(err)
	}
	if r, err := o.Recovery(t.Context()); err != nil || !r.Last.IsZero() || r.Backlog.Sends[topup.AAT] != 1 {
		t.Fatalf("after a preview: %+v, %v", r, err)
	}
	if err := o.Apply().Recover(t.Context(), ann, ""); err == nil {
		t.Error("done without a reason")
	}
	must(t, o.Apply().Recover(t.Context(), ann, "restored the backup"))
	if r, err := o.Recovery(t.Context()); err != nil || !r.Last.Equal(start) {
		t.Fatalf("recovered at %v: %v", r.Last, err)
	}
	report, err := o.Apply().Cancel(t.Context(), byMerchant(o, ann))
	must(t, err)
	if _, _, failed := report.Acting(); failed != 1 || o.state(t, id) != topup.Accepted {
		t.Errorf("%d refused, state %s: what a restored store may have forgotten was cancelled", failed, o.state(t, id))
	}
}
