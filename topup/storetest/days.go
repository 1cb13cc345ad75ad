package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// daysOf is the store's part for reports and the archive.
func daysOf(t *testing.T, s topup.Store) topup.Days {
	t.Helper()
	d, ok := s.(topup.Days)
	if !ok {
		t.Fatal("the store does not implement topup.Days")
	}
	return d
}

// known makes a merchant of the test, so that all merchants together include it.
func known(t *testing.T, s topup.Store) topup.MerchantID {
	t.Helper()
	m := &topup.Merchant{ID: merchantOf(t), Name: "days", CreatedAt: start}
	if err := s.PutMerchant(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func createdOnADay(t *testing.T, s topup.Store) {
	d, m := daysOf(t, s), known(t, s)
	want := map[topup.ID]bool{}
	for i := range 700 {
		at := start.Add(time.Duration(i) * 5 * time.Minute)
		x := orderAt(m, fmt.Sprint("day", i), at)
		create(t, s, x)
		if !at.Before(start.Add(20*time.Hour)) && at.Before(start.Add(44*time.Hour)) {
			want[x.ID] = true
		}
	}
	for _, merchant := range []topup.MerchantID{m, ""} {
		var first []topup.ID
		for range 2 {
			var got []topup.ID
			err := d.EachCreated(t.Context(), merchant, start.Add(20*time.Hour), start.Add(44*time.Hour), func(x *topup.Topup) error {
				got = append(got, x.ID)
				return nil
			})
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d of %d: %v", len(got), len(want), err)
			}
			for _, id := range got {
				if !want[id] {
					t.Fatalf("%s is not of that day", id)
				}
			}
			if first != nil && !slices.Equal(first, got) {
				t.Error("the order differs from time to time")
			}
			first = got
		}
	}
	stop := errors.New("enough")
	if err := d.EachCreated(t.Context(), m, start, start.Add(time.Hour), func(*topup.Topup) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error does not end it: %v", err)
	}
}

func lateMoves(t *testing.T, s topup.Store) {
	d, m := daysOf(t, s), known(t, s)
	late := func(from, to time.Time) (got []topup.ID) {
		t.Helper()
		err := d.EachLate(t.Context(), m, from, to, func(x *topup.Topup) error {
			got = append(got, x.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	move := func(reference string, after time.Duration) topup.ID {
		x := order(m, reference)
		x.ExpiresAt = time.Time{}
		create(t, s, x)
		update(t, s, x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start.Add(after)) })
		return x.ID
	}
	move("soon", 23*time.Hour)
	id := move("late", 50*time.Hour)
	if got := late(start, start.Add(40*time.Hour)); len(got) != 0 {
		t.Errorf("late before anything was: %v", got)
	}
	if got := late(start.Add(40*time.Hour), start.Add(60*time.Hour)); !slices.Equal(got, []topup.ID{id}) {
		t.Errorf("late: %v, want %v", got, id)
	}
}

func dayDocuments(t *testing.T, s topup.Store) {
	d := daysOf(t, s)
	if _, err := d.GetDay(t.Context(), topup.AAT, "2026-11-23", "x"+t.Name()); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("no document: %v", err)
	}
	doc := json.RawMessage(`{"a":1}`)
	if err := d.PutDay(t.Context(), topup.AAT, "2026-11-23", "x"+t.Name(), doc); err != nil {
		t.Fatal(err)
	}
	if got, err := d.GetDay(t.Context(), topup.AAT, "2026-11-23", "x"+t.Name()); err != nil || string(got) != string(doc) {
		t.Errorf("read back %s: %v", got, err)
	}
}

func balances(t *testing.T, s topup.Store) {
	d := daysOf(t, s)
	for i, amount := range []string{"100.5", "90.25", "200"} {
		m := topup.Money{Amount: decimal.RequireFromString(amount), Currency: "USD"}
		if err := d.AddBalance(t.Context(), topup.Reloadly, start.Add(time.Duration(i)*time.Hour), m); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Balances(t.Context(), topup.Reloadly, start.Add(time.Hour), start.Add(2*time.Hour))
	if err != nil || len(got) != 2 || got[0].Amount.String() != "90.25 USD" || !got[1].At.Equal(start.Add(2*time.Hour)) {
		t.Errorf("%v: %v", got, err)
	}
}

// finished makes a top-up that is closed and told of.
func finished(t *testing.T, s topup.Store, m topup.MerchantID, reference string, batch topup.BatchID, line int) *topup.Topup {
	t.Helper()
	x := inBatch(order(m, reference), batch, line)
	create(t, s, x)
	return update(t, s, x.ID, func(x *topup.Topup) error {
		if err := x.Cancel(topup.ActorMerchant, "", start.Add(time.Minute)); err != nil {
			return err
		}
		x.NextCallback().Delivered(topup.CallbackAttempt{At: start.Add(time.Minute), Status: 200})
		return nil
	})
}

// forgottenStayTaken forgets many top-ups: their records and lists go, their references stay taken for ever.
func forgottenStayTaken(t *testing.T, s topup.Store) {
	const n = 1500
	d, m := daysOf(t, s), known(t, s)
	batch := &topup.Batch{ID: topup.NewBatchID(), Merchant: m, CreatedAt: start, Sealed: true, ClosedAt: start}
	if err := s.CreateBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var old []*topup.Topup
	for i := range n {
		old = append(old, finished(t, s, m, fmt.Sprint("old", i), batch.ID, i+1))
	}
	open := order(m, "open")
	create(t, s, open)
	stale := *old[0]
	stale.Rev--
	if gone, err := d.Forget(t.Context(), []*topup.Topup{open, &stale}); err != nil || gone != 0 {
		t.Fatalf("%d forgotten that are open or have changed: %v", gone, err)
	}
	if gone, err := d.Forget(t.Context(), old); err != nil || gone != n {
		t.Fatalf("%d of %d forgotten: %v", gone, n, err)
	}
	for i, x := range old {
		if _, err := s.Get(t.Context(), x.ID); !errors.Is(err, topup.ErrNotFound) {
			t.Fatalf("%s is still there: %v", x.Reference, err)
		}
		left, err := d.Remembered(t.Context(), x.ID)
		if err != nil || left.Archived == nil || left.State != topup.Failed || left.Provider != x.Provider || !left.Archived.Day.Equal(start.Truncate(24*time.Hour)) {
			t.Fatalf("row %d: remembered as %+v: %v", i, left, err)
		}
	}
	same, other := order(m, "old7"), order(m, "old8")
	other.Amount.Amount = other.Amount.Amount.Add(decimal.New(1, 0))
	fresh := order(m, "fresh")
	res, err := s.Create(t.Context(), []*topup.Topup{same, fresh, other})
	if err != nil {
		t.Fatal(err)
	}
	if left := res[0].Existing; left == nil || left.Reference != "old7" || !left.SameContent(same) {
		t.Errorf("the same again: %+v", left)
	}
	if left := res[2].Existing; left == nil || left.SameContent(other) {
		t.Errorf("something else under the same reference: %+v", left)
	}
	if res[1].Existing != nil {
		t.Errorf("a new reference counts as taken: %+v", res[1].Existing)
	}
	if _, err := d.Remembered(t.Context(), topup.NewID(m, "never")); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("what never was is remembered: %v", err)
	}
	listsAreShortened(t, s, d, m, batch.ID)
}

func listsAreShortened(t *testing.T, s topup.Store, d topup.Days, m topup.MerchantID, batch topup.BatchID) {
	t.Helper()
	if err := d.ForgetLists(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), topup.Query{Merchant: m, From: start.Add(-time.Hour), To: start.Add(time.Hour)})
	if err != nil || len(page.Topups) != 2 {
		t.Errorf("%d listed of the two that are left: %v", len(page.Topups), err)
	}
	if page, err := s.List(t.Context(), topup.Query{Batch: batch}); err != nil || len(page.Topups) != 0 {
		t.Errorf("%d listed of a batch that is forgotten: %v", len(page.Topups), err)
	}
	if b, err := s.GetBatch(t.Context(), batch); err != nil || b.States[topup.Failed] != 1500 {
		t.Errorf("the batch itself stays with its counts: %+v: %v", b, err)
	}
}

func hours(t *testing.T, s topup.Store) {
	d := daysOf(t, s)
	add := topup.HourFigures{Succeeded: 2, Failed: 1, Spent: map[string]int64{"USD": 150}}
	for range 2 {
		if err := d.AddHour(t.Context(), topup.RechargeKit, start, add); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Hours(t.Context(), topup.RechargeKit, start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil || len(got) != 2 || got[0].Succeeded != 0 || got[1].Succeeded != 4 || got[1].Failed != 2 || got[1].Spent["USD"] != 300 {
		t.Errorf("%+v: %v", got, err)
	}
}
