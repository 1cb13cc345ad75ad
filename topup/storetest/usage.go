package storetest

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// used counts what was accepted against its merchant's day and credit, and takes what failed off the credit alone.
func used(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var ts []*topup.Topup
	for _, r := range refs(40) {
		ts = append(ts, order(m, r))
	}
	create(t, s, ts...)
	if _, err := s.Create(t.Context(), ts); err != nil { // a repeat counts nothing
		t.Fatal(err)
	}
	old := order(m, "old")
	old.Counted = false // written by a version that did not count
	create(t, s, old)
	isUsed(t, s, m, start, 41, 82, 82)
	isUsed(t, s, m, start.Add(24*time.Hour), 0, 0, 82)
	for _, x := range ts[:10] {
		update(t, s, x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start) })
	}
	update(t, s, old.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start) })
	p := policy()
	update(t, s, ts[20].ID, func(x *topup.Topup) error { return x.BeginSend(p, 5, start) })
	update(t, s, ts[20].ID, func(x *topup.Topup) error {
		return x.RecordSend(p, 5, topup.Outcome{Answer: topup.Delivered}, start)
	})
	isUsed(t, s, m, start, 41, 82, 62)
}

func isUsed(t *testing.T, s topup.Store, m topup.MerchantID, day time.Time, rows, amount, credit int64) {
	t.Helper()
	u, err := s.Used(t.Context(), m, day)
	if err != nil || u.Topups != rows || !u.Amounts["ZAR"].Equal(decimal.New(amount, 0)) || !u.Credit["ZAR"].Equal(decimal.New(credit, 0)) {
		t.Errorf("used %+v (%v), want %d rows, %d, credit %d", u, err, rows, amount, credit)
	}
}

// reservations have an order, count for those after them, and end by themselves.
func reservations(t *testing.T, s topup.Store) {
	ctx, m := t.Context(), merchantOf(t)
	five := topup.Use{Topups: 2, Amounts: topup.Sums{"ZAR": decimal.New(5, 0)}}
	reserve := func() int64 {
		t.Helper()
		n, err := s.Reserve(ctx, m, five, time.Minute, start)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := func(n int64, at time.Time, rows int64) {
		t.Helper()
		u, err := s.Earlier(ctx, m, n, at)
		if err != nil || u.Topups != rows || !u.Amounts["ZAR"].Equal(decimal.New(rows*5/2, 0)) {
			t.Errorf("before %d: %+v %v, want %d", n, u, err, rows)
		}
	}
	a, b, c := reserve(), reserve(), reserve()
	before(a, start, 0)
	before(b, start, 2)
	before(c, start, 4)
	if err := s.EndReserve(ctx, m, a); err != nil {
		t.Fatal(err)
	}
	before(c, start, 2)
	before(c, start.Add(2*time.Minute), 0)
	taken := func(want bool, l topup.Limits, references ...string) {
		t.Helper()
		for _, r := range references {
			got, err := s.TakeNumbers(ctx, m, start, []*topup.Topup{order(m, r)}, l)
			if err != nil || got[0] != want {
				t.Errorf("%s: %v %v, want %v", r, got, err, want)
			}
		}
	}
	taken(true, topup.Limits{NumberTopupsPerDay: 2}, "a", "b", "a", "b")
	taken(false, topup.Limits{NumberTopupsPerDay: 2}, "c")
	taken(false, topup.Limits{NumberAmountPerDay: topup.Sums{"ZAR": decimal.New(5, 0)}}, "c")
	taken(true, topup.Limits{NumberAmountPerDay: topup.Sums{"ZAR": decimal.New(6, 0)}}, "c")
	one := order(m, "a").Recipient
	uses, err := s.NumbersUsed(ctx, m, start, []topup.MSISDN{"+27830000009", one})
	if err != nil || uses[0].Topups != 0 || uses[1].Topups != 3 || !uses[1].Amounts["ZAR"].Equal(decimal.New(6, 0)) {
		t.Errorf("used by number: %+v %v", uses, err)
	}
	if uses, err = s.NumbersUsed(ctx, m, start.Add(24*time.Hour), []topup.MSISDN{one}); err != nil || uses[0].Topups != 0 {
		t.Errorf("used by number on the next day: %+v %v", uses, err)
	}
}
