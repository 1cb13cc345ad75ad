package storetest

import (
	"fmt"
	"testing"
	"time"

	"topupq/topup"
)

func listAll(t *testing.T, s topup.Store, q topup.Query) []string {
	t.Helper()
	var out []string
	for pages := 0; ; pages++ {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.Topups {
			out = append(out, x.Reference)
		}
		if page.Next == "" {
			return out
		}
		if pages > 1000 {
			t.Fatal("the listing does not end")
		}
		q.Cursor = page.Next
	}
}

func listNewestFirst(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var want []string
	for i, r := range refs(230) {
		at := start.Add(time.Duration(i) * 17 * time.Minute) // over three days
		create(t, s, orderAt(m, r, at))
		want = append([]string{r}, want...)
	}
	create(t, s, order("merotherother", "foreign"))
	q := topup.Query{Merchant: m, From: start.Add(-time.Hour), To: start.Add(100 * time.Hour), Limit: 37}
	if got := listAll(t, s, q); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listed %d in the wrong order or number: %v", len(got), got)
	}
}

func listFilters(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	for i, r := range refs(60) {
		x := orderAt(m, r, start.Add(time.Duration(i)*time.Minute))
		create(t, s, x)
		if i%3 == 0 {
			update(t, s, x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", start) })
		}
	}
	whole := topup.Query{Merchant: m, From: start, To: start.Add(time.Hour), Limit: 7}
	failed := whole
	failed.States = []topup.State{topup.Failed}
	if got := listAll(t, s, failed); len(got) != 20 {
		t.Errorf("%d failed, want 20", len(got))
	}
	some := whole
	some.From, some.To = start.Add(10*time.Minute), start.Add(20*time.Minute)
	if got := listAll(t, s, some); len(got) != 10 || got[0] != "r-0019" || got[9] != "r-0010" {
		t.Errorf("time window: %v", got)
	}
	odd := whole
	odd.Match = func(x *topup.Topup) bool { return x.Reference == "r-0005" }
	if got := listAll(t, s, odd); len(got) != 1 {
		t.Errorf("match: %v", got)
	}
}

func listBatch(t *testing.T, s topup.Store) {
	m, id := merchantOf(t), topup.NewBatchID()
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: m, CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	want := refs(500)
	for i := 0; i < len(want); i += 50 {
		var ts []*topup.Topup
		for j := i; j < i+50; j++ {
			ts = append(ts, inBatch(order(m, want[j]), id, j+1))
		}
		create(t, s, ts...)
	}
	if got := listAll(t, s, topup.Query{Merchant: m, Batch: id, Limit: 64}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("listed %d in the wrong order or number", len(got))
	}
	if got := listAll(t, s, topup.Query{Merchant: "merotherother", Batch: id}); len(got) != 0 {
		t.Errorf("another merchant sees %d rows", len(got))
	}
}

func listByNumber(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	for i, r := range refs(30) {
		x := orderAt(m, r, start.Add(time.Duration(i)*time.Second))
		if i%10 == 0 {
			x.Recipient = "+27820000001"
		}
		create(t, s, x)
	}
	q := topup.Query{Merchant: m, Recipient: "+27820000001", From: start.Add(-time.Hour), To: start.Add(time.Hour), Limit: 2}
	if got := listAll(t, s, q); fmt.Sprint(got) != "[r-0020 r-0010 r-0000]" {
		t.Errorf("by number: %v", got)
	}
}

func oddCursors(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	create(t, s, order(m, "a"))
	for _, q := range []topup.Query{{Merchant: m}, {Merchant: m, Batch: "batabc"}, {Merchant: m, Recipient: "+27831234567"}} {
		q.Cursor = "!!"
		if _, err := s.List(t.Context(), q); err == nil {
			t.Errorf("%+v: an odd cursor is not refused", q)
		}
	}
}
