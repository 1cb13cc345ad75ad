package redisstore

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

// failed records top-ups that failed, so that their merchant is owed one event each.
func failed(t *testing.T, s *Store, m topup.MerchantID, references ...string) {
	t.Helper()
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for _, r := range references {
		x := &topup.Topup{
			ID: topup.NewID(m, r), Merchant: m, Reference: r, Recipient: "+27831234567", Provider: topup.AAT,
			Amount: topup.Money{Amount: decimal.NewFromInt(2), Currency: "ZAR"}, ExpiresAt: at.Add(time.Hour),
		}
		if err := x.Accept(topup.ActorIntake, at); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), []*topup.Topup{x}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", at) }); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFeed(t *testing.T, s *Store, m topup.MerchantID, references ...string) {
	t.Helper()
	for range 3 {
		if _, err := s.PublishEvents(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.EventsAfter(t.Context(), m, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range page.Events {
		seen[e.Subject]++
	}
	if len(page.Events) != len(references) || page.Last != int64(len(references)) {
		t.Fatalf("%d events up to %d, want %d", len(page.Events), page.Last, len(references))
	}
	for _, r := range references {
		if n := seen[string(topup.NewID(m, r))]; n != 1 {
			t.Errorf("%s is told %d times", r, n)
		}
	}
}

// TestPublisherDiesAnywhere stops a publisher between each two of its steps; another one takes over, and the first one's
// delayed append arrives in the end.
func TestPublisherDiesAnywhere(t *testing.T) {
	t.Parallel()
	for _, takesOut := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("taken out %v, late append %v", takesOut, late), func(t *testing.T) {
				t.Parallel()
				rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
				t.Cleanup(func() { _ = rdb.Close() })
				one, two := Open(rdb, Options{}), Open(rdb, Options{})
				t.Cleanup(one.Close)
				t.Cleanup(two.Close)
				const m = topup.MerchantID("mershop")
				failed(t, one, m, "a", "b")
				wantFeed(t, one, m, "a", "b")

				failed(t, one, m, "c", "d", "e")
				owed, _, err := one.owed(t.Context(), eventsKey)
				if err != nil || len(owed) != 3 {
					t.Fatal(len(owed), err)
				}
				token := one.feeds.tokens[m]
				if !late {
					if n, err := one.appendTo(t.Context(), m, false, owed); err != nil || n != 3 {
						t.Fatal(n, err)
					}
					if takesOut {
						if err := one.settleOwed(t.Context(), eventsKey, owed[:2]); err != nil {
							t.Fatal(err)
						}
					}
				}
				failed(t, two, m, "f")
				wantFeed(t, two, m, "a", "b", "c", "d", "e", "f")
				one.feeds.tokens[m] = token
				if n, err := one.appendTo(t.Context(), m, false, owed); err != nil || n != -1 {
					t.Errorf("an append that was held up was taken: %d, %v", n, err)
				}
				failed(t, one, m, "g")
				wantFeed(t, one, m, "a", "b", "c", "d", "e", "f", "g")
			})
		}
	}
}

// TestFeedEntries writes and reads every type of event, and one that this version does not know.
func TestFeedEntries(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 8, 0, 0, 5e6, time.UTC)
	for i, typ := range append(slices.Clone(topup.EventTypes), "batch.renamed") {
		want := topup.Event{Subject: "batabc2", Version: 9 + i, Type: typ, At: at}
		got, err := parseFeedEntry(feedEntry("batabc2", &topup.Callback{Version: 9 + i, Type: typ}, at))
		if err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	for _, text := range []string{"", "a b", "a 1 x", "a 1q 5", "a s 5", "a 1s !", "a 1s 5 6"} {
		if e, err := parseFeedEntry(text); err == nil {
			t.Errorf("%q was read as %+v", text, e)
		}
	}
}

// TestBatchTellsTwice owes a batch two events, of which the later one stands behind the other.
func TestBatchTellsTwice(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	s := Open(rdb, Options{})
	t.Cleanup(s.Close)
	at, id := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), topup.NewBatchID()
	if err := s.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: "mershop", CreatedAt: at}); err != nil {
		t.Fatal(err)
	}
	for version := 1; version <= 12; version++ {
		_, err := s.UpdateBatch(t.Context(), id, func(b *topup.Batch) error {
			b.Callback = &topup.Callback{Version: version, Type: "batch.renamed", State: topup.CallbackWaiting, NextAt: at}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := s.PublishEvents(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.EventsAfter(t.Context(), "mershop", 0, 100)
	if err != nil || len(page.Events) != 12 {
		t.Fatalf("%+v, %v", page, err)
	}
	for i, e := range page.Events {
		if e.Version != i+1 {
			t.Errorf("event %d is version %d", i+1, e.Version)
		}
	}
}

// TestPublisherDiesAtABatch stops a publisher after it has appended the event of a batch and before it has taken that out
// of the shard's set. Events of top-ups come in before the next one takes over: the batch is told of once all the same.
func TestPublisherDiesAtABatch(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	one, two := Open(rdb, Options{}), Open(rdb, Options{})
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	const m = topup.MerchantID("mershop")
	failed(t, one, m, "a")
	wantFeed(t, one, m, "a")
	at, id := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), topup.NewBatchID()
	if err := one.CreateBatch(t.Context(), &topup.Batch{ID: id, Merchant: m, CreatedAt: at}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.UpdateBatch(t.Context(), id, func(b *topup.Batch) error {
		b.Callback = &topup.Callback{Version: 1, Type: topup.EventBatchCompleted, State: topup.CallbackWaiting, NextAt: at}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	owed, _, err := one.owed(t.Context(), batchEventsKey)
	if err != nil || len(owed) != 1 {
		t.Fatal(len(owed), err)
	}
	if n, err := one.appendTo(t.Context(), m, true, owed); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	failed(t, two, m, "b", "c")
	for range 3 {
		if _, err := two.PublishEvents(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
	}
	page, err := two.EventsAfter(t.Context(), m, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range page.Events {
		if e.Subject == string(id) {
			told++
		}
	}
	if told != 1 || len(page.Events) != 4 || page.Last != 4 {
		t.Errorf("the batch is told of %d times in %d events up to %d", told, len(page.Events), page.Last)
	}
}
