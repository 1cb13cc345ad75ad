package workers

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
)

const testCanaries = 10

// brakeBench is a bench whose worker brakes.
func brakeBench(t *testing.T) (*bench, *atomic.Int64) {
	t.Helper()
	b := newBench(t, 0)
	var rung atomic.Int64
	cfg := b.submit.Config
	cfg.Brake = NewBrake(b.store, testCanaries, func(context.Context, string) { rung.Add(1) }, zap.NewNop(), b.clock)
	b.submit = NewSubmit(cfg, b.check)
	return b, &rung
}

// rows creates n rows of a batch of one operator.
func (b *bench) rows(id topup.BatchID, operator int64, n int) []topup.ID {
	b.t.Helper()
	ids := make([]topup.ID, n)
	for i := range ids {
		x := &topup.Topup{
			ID: topup.NewID("merx", fmt.Sprint(id, operator, i)), Merchant: "merx", Reference: fmt.Sprint(operator, "-", i), Batch: id, Line: i + 1,
			Recipient: topup.MSISDN(fmt.Sprintf("+2783%07d", i)), Country: "ZA", Product: topup.Product{VoucherID: operator},
			Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: b.clock().Add(24 * time.Hour),
		}
		check(b.t, x.Accept(topup.ActorIntake, b.clock()))
		_, err := b.store.Create(b.t.Context(), []*topup.Topup{x})
		check(b.t, err)
		ids[i] = x.ID
	}
	return ids
}

func (b *bench) runAll(ids []topup.ID) (waiting int) {
	b.t.Helper()
	for _, id := range ids {
		check(b.t, b.run(id))
		if b.state(id) == topup.Accepted {
			waiting++
		}
	}
	return waiting
}

// TestBrake lets the first rows of an operator go ahead; they fail, the rest of that operator waits and the merchant is
// told, another operator goes on, and a person lets the rest go.
func TestBrake(t *testing.T) {
	t.Parallel()
	b, rung := brakeBench(t)
	b.provider.submit = func(_ context.Context, o topup.Order) (topup.Outcome, error) {
		if o.Product.VoucherID == 13 {
			return topup.Outcome{Answer: topup.Refused, Code: topup.CodeOperatorUnavailable}, nil
		}
		return topup.Outcome{Answer: topup.Delivered}, nil
	}
	id := topup.NewBatchID()
	check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: "merx", CreatedAt: b.clock()}))
	bad, good := b.rows(id, 13, 40), b.rows(id, 7, 40)
	if n := b.runAll(bad); n != 30 {
		t.Errorf("%d of 40 wait, want all but the first %d", n, testCanaries)
	}
	if n := b.runAll(good); n != 0 {
		t.Errorf("%d rows of another operator wait", n)
	}
	rec, err := b.store.GetBatch(t.Context(), id)
	check(t, err)
	if p := rec.Paused; p == nil || p.Operator != "aat:13" || p.Failed != testCanaries || rec.Callback.Type != topup.EventBatchPaused || rung.Load() != 1 {
		t.Errorf("the merchant is told %+v %+v, rung %d", p, rec.Callback, rung.Load())
	}
	body, err := batchBody(topup.FormatStandard, rec)
	if err != nil || !strings.Contains(string(body), `"type":"batch.paused"`) || !strings.Contains(string(body), `"operator":"aat:13"`) {
		t.Errorf("%s %v", body, err)
	}
	// Single top-ups and other batches of the operator are left alone.
	other := topup.NewBatchID()
	check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: other, Merchant: "merx", CreatedAt: b.clock()}))
	if n := b.runAll(b.rows(other, 13, 3)); n != 0 {
		t.Errorf("%d rows of another batch wait", n)
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	scope := topup.PauseScope{Kind: topup.PauseByBrake, Name: string(id) + "/aat:13"}
	pauses, err := b.store.Pauses(t.Context())
	if err != nil || len(pauses) != 1 || pauses[0].Scope != scope {
		t.Fatalf("%+v %v", pauses, err)
	}
	check(t, b.store.EndPause(t.Context(), scope))
	b.now.Store(begin.Add(time.Minute).UnixMilli())
	if err := pollUntil(t, func() bool { return b.runAll(bad) == 0 }); err != nil {
		t.Errorf("after the release %d wait", b.runAll(bad))
	}
}

// TestBrakeCountsWhatWasCompleted counts rows whose voucher a lookup found where they stood in line, and gives the
// places of first rows that are put off to others.
func TestBrakeCountsWhatWasCompleted(t *testing.T) {
	t.Parallel()
	b, _ := brakeBench(t)
	brake, id := b.submit.Brake, topup.NewBatchID()
	var rows []*topup.Topup
	for i := range 3 * testCanaries {
		rows = append(rows, &topup.Topup{ID: topup.NewID("merx", fmt.Sprint(i)), Batch: id, Provider: topup.AAT, Country: "ZA"})
	}
	for _, x := range rows[:testCanaries] {
		if brake.wait(x) != 0 {
			t.Fatal("a first row waits")
		}
	}
	if brake.wait(rows[0]) != 0 || brake.wait(rows[testCanaries]) == 0 {
		t.Error("a first row that asks again takes another's place")
	}
	brake.putOff(rows[0])
	if brake.wait(rows[testCanaries]) != 0 || brake.wait(rows[0]) == 0 {
		t.Error("the place of a row that was put off is not given to another")
	}
	for _, x := range rows[1 : testCanaries/2+1] {
		before, after := *x, *x
		before.State, after.State, after.SentAt = topup.Submitting, topup.Succeeded, b.clock()
		after.Resolved = &topup.Product{VoucherID: 1001}
		brake.saw(t.Context(), &before, &after)
	}
	if brake.wait(rows[2*testCanaries]) != 0 {
		t.Error("rows whose voucher was found are not counted")
	}
}

// TestBrakeIsToldOnce has two worker processes see the same operator fail: one of them tells the merchant.
func TestBrakeIsToldOnce(t *testing.T) {
	t.Parallel()
	b, rung := brakeBench(t)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Refused, Code: topup.CodeOperatorUnavailable})
	id := topup.NewBatchID()
	check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: "merx", CreatedAt: b.clock()}))
	rows, one := b.rows(id, 13, 3*testCanaries), b.submit
	cfg := one.Config
	cfg.Brake = NewBrake(b.store, testCanaries, func(context.Context, string) { rung.Add(1) }, zap.NewNop(), b.clock)
	two := NewSubmit(cfg, b.check)
	for i, r := range rows[:2*testCanaries] {
		b.submit = []*Submit{one, two}[i%2]
		check(t, b.run(r))
	}
	rec, err := b.store.GetBatch(t.Context(), id)
	check(t, err)
	if rung.Load() != 1 || rec.Callback.Version != 1 || rec.Paused == nil {
		t.Errorf("rung %d times for %+v", rung.Load(), rec.Callback)
	}
}

// TestBrakeOfOperatorsThatAreFoundOut goes by what the merchant has ordered: the provider finds the operator of each row
// out when it is sent, and the rows that wait do not have one yet.
func TestBrakeOfOperatorsThatAreFoundOut(t *testing.T) {
	t.Parallel()
	for answer, want := range map[topup.Answer]int{topup.Delivered: 0, topup.Refused: 30} {
		b, rung := brakeBench(t)
		b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
			return topup.Outcome{Answer: answer, Code: topup.CodeOperatorUnavailable, Resolved: &topup.Product{VoucherID: 13}}, nil
		}
		id := topup.NewBatchID()
		check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: "merx", CreatedAt: b.clock()}))
		if n := b.runAll(b.rows(id, 0, 40)); n != want {
			t.Errorf("%s: %d wait, want %d", answer, n, want)
		}
		rec, err := b.store.GetBatch(t.Context(), id)
		check(t, err)
		if (rec.Paused != nil) != (want > 0) || (rung.Load() > 0) != (want > 0) || want > 0 && rec.Paused.Operator != "aat:ZA" {
			t.Errorf("%s: the merchant is told %+v, rung %d", answer, rec.Paused, rung.Load())
		}
	}
}

// TestBrakeHasPatience does not hold the rest of a batch up for a provider that takes its time to decide.
func TestBrakeHasPatience(t *testing.T) {
	t.Parallel()
	b, _ := brakeBench(t)
	b.provider.submit = answer(topup.Outcome{Answer: topup.InProgress})
	id := topup.NewBatchID()
	check(t, b.store.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: "merx", CreatedAt: b.clock()}))
	rows := b.rows(id, 13, 30)
	if n := b.runAll(rows); n != 20 {
		t.Errorf("%d wait for the first ones", n)
	}
	x := b.get(rows[29])
	if text := x.Explain(); !strings.Contains(text, "first rows of its operator") {
		t.Errorf("%q", text)
	}
	b.now.Store(begin.Add(canaryPatience).UnixMilli())
	var rest []topup.ID
	for _, r := range rows {
		if b.state(r) == topup.Accepted {
			rest = append(rest, r)
		}
	}
	if n := b.runAll(rest); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

// pollUntil waits until a pause that has ended is known to have: the store remembers pauses for a moment.
func pollUntil(t *testing.T, done func() bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// TestPuttingOffWhatNeverWent remembers nothing of a batch whose rows the brake has not seen.
func TestPuttingOffWhatNeverWent(t *testing.T) {
	t.Parallel()
	b, _ := brakeBench(t)
	brake := b.submit.Brake
	brake.putOff(b.get(b.rows("bat1", 1, 1)[0]))
	if len(brake.lanes) != 0 {
		t.Errorf("lanes: %v", brake.lanes)
	}
}
