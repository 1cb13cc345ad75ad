package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"topupq/topup"
)

// feedHasAll lets many top-ups end, be reversed and corrected at once while three publishers and a trimmer work, and
// checks that the feed has every event once, without a gap, in each top-up's order.
func feedHasAll(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	var ts []*topup.Topup
	for _, r := range refs(150) {
		ts = append(ts, order(m, r))
	}
	create(t, s, ts...)
	stop := make(chan struct{})
	var publishers, movers sync.WaitGroup
	for range 3 {
		publishers.Go(func() { publishUntil(t, s, stop) })
	}
	for part := range 6 {
		movers.Go(func() {
			for i := part; i < len(ts); i += 6 {
				endTwice(t, s, ts[i].ID)
			}
		})
	}
	movers.Wait()
	close(stop)
	publishers.Wait()
	publish(t, s)
	owed := 0
	for _, x := range ts {
		owed += len(get(t, s, x.ID).Callbacks)
	}
	checkFeed(t, readFeed(t, s, m), 1, owed)
	if page, err := s.EventsAfter(t.Context(), m, int64(owed)-1, 10); err != nil || len(page.Events) != 1 || page.First != 1 || page.Last != int64(owed) {
		t.Errorf("end of the feed: %+v, %v", page, err)
	}
	if page, err := s.EventsAfter(t.Context(), "mernobody", 0, 10); err != nil || len(page.Events) != 0 || page.Last != 0 || page.First != 1 {
		t.Errorf("feed of nobody: %+v, %v", page, err)
	}
}

// endTwice delivers a top-up and then takes it back: two events.
func endTwice(t *testing.T, s topup.Store, id topup.ID) {
	deliver(t, s, id)
	takeBack(t, s, id)
}

func deliver(t *testing.T, s topup.Store, id topup.ID) {
	for _, change := range []func(*topup.Topup) error{
		func(x *topup.Topup) error { return x.BeginSend(policy(), 1, start) },
		func(x *topup.Topup) error {
			return x.RecordSend(policy(), 1, topup.Outcome{Answer: topup.Delivered}, start.Add(time.Second))
		},
	} {
		if _, err := s.Update(t.Context(), id, change); err != nil {
			t.Error(err)
		}
	}
}

// takeBack lets the provider say of a success that it is none, as often as it takes.
func takeBack(t *testing.T, s topup.Store, id topup.ID) {
	for try := range 4 {
		at := start.Add(time.Duration(try+1) * time.Hour)
		x, err := s.Update(t.Context(), id, func(x *topup.Topup) error {
			return x.RecordCheck(policy(), topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderRefunded}, at)
		})
		if err != nil || x.State == topup.Reversed {
			break
		}
	}
	if x, err := s.Get(t.Context(), id); err != nil || x.State != topup.Reversed {
		t.Errorf("not taken back: %v %+v", err, x)
	}
}

func publishUntil(t *testing.T, s topup.Store, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
			if _, err := s.PublishEvents(t.Context(), 64); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// publish moves everything that is owed.
func publish(t *testing.T, s topup.Store) {
	t.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = s.PublishEvents(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
}

// readFeed reads a whole feed in small pages.
func readFeed(t *testing.T, s topup.Store, m topup.MerchantID) []topup.Event {
	t.Helper()
	var all []topup.Event
	for after := int64(0); ; {
		page, err := s.EventsAfter(t.Context(), m, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) == 0 {
			return all
		}
		all = append(all, page.Events...)
		after = page.Events[len(page.Events)-1].Sequence
	}
}

func checkFeed(t *testing.T, events []topup.Event, first int64, want int) {
	t.Helper()
	if len(events) != want {
		t.Errorf("%d events, want %d", len(events), want)
	}
	version, seen := map[string]int{}, map[string]bool{}
	for i, e := range events {
		if e.Sequence != first+int64(i) {
			t.Fatalf("event %d has sequence %d", i, e.Sequence)
		}
		if seen[e.ID()] || e.Version <= version[e.Subject] {
			t.Errorf("%s is repeated, or comes too late", e.ID())
		}
		version[e.Subject], seen[e.ID()] = e.Version, true
	}
}

// feedEndsBatch checks that a batch is completed after all of its rows' events, and that its hash covers them.
func feedEndsBatch(t *testing.T, s topup.Store) {
	m, id := merchantOf(t), topup.NewBatchID()
	b := &topup.Batch{ID: id, Merchant: m, CreatedAt: start, Rows: 40, Accepted: 40, Sealed: true}
	if err := s.CreateBatch(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var ts []*topup.Topup
	for i, r := range refs(40) {
		ts = append(ts, inBatch(order(m, r), id, i+1))
	}
	create(t, s, ts...)
	var want topup.RowHash
	for _, x := range ts {
		deliver(t, s, x.ID)
		want = want.Add(topup.HashRow(x.Reference, topup.Succeeded))
	}
	b, err := s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error { return b.Close(start.Add(time.Hour)) })
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s)
	events := readFeed(t, s, m)
	checkFeed(t, events, 1, 41)
	if last := events[len(events)-1]; last.Type != topup.EventBatchCompleted || last.Subject != string(id) || !last.At.Equal(start.Add(time.Hour)) {
		t.Errorf("the last event is %+v", last)
	}
	for _, b := range []*topup.Batch{b, b.AsClosed(), reread(t, s, id), reread(t, s, id).AsClosed()} {
		if b.Hash != want {
			t.Errorf("hash %v of %d rows, want %v", b.Hash.Text(), b.Hash.Rows, want.Text())
		}
	}
	takeBack(t, s, ts[0].ID)
	now := reread(t, s, id)
	if now.Hash == want || now.AsClosed().Hash != want || now.Hash.Rows != 40 {
		t.Errorf("after a reversal: %+v", now.Hash)
	}
}

func reread(t *testing.T, s topup.Store, id topup.BatchID) *topup.Batch {
	t.Helper()
	b, err := s.GetBatch(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// feedIsTrimmed checks that old events go, numbers stay, and what was forgotten does not come back.
func feedIsTrimmed(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	if err := s.PutMerchant(t.Context(), &topup.Merchant{ID: m, Name: "trimmed"}); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		x := orderAt(m, fmt.Sprintf("r-%d", i), start)
		create(t, s, x)
		update(t, s, x.ID, func(x *topup.Topup) error {
			return x.Cancel(topup.ActorMerchant, "", start.Add(time.Duration(i)*time.Hour))
		})
		publish(t, s)
	}
	if err := errors.Join(s.TrimEvents(t.Context(), start.Add(3*time.Hour)), s.TrimEvents(t.Context(), start)); err != nil {
		t.Fatal(err)
	}
	page, err := s.EventsAfter(t.Context(), m, 0, 100)
	if err != nil || page.First != 4 || page.Last != 6 {
		t.Fatalf("page %+v, %v", page, err)
	}
	checkFeed(t, page.Events, 4, 3)
	if err := s.TrimEvents(t.Context(), start.Add(100*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if page, err := s.EventsAfter(t.Context(), m, 0, 100); err != nil || page.Last != 6 || len(page.Events) > 1 {
		t.Errorf("page %+v, %v", page, err)
	}
}
