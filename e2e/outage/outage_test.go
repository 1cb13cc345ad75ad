package outage_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

// TestReceiverDownForThreeDays has batches end, and deliveries taken back, while the merchant's endpoint is down for three
// days and the processes restart every day. Then it gets every event once per version and in order. Its feed has the same
// events without a gap, every batch proves by its hash that no row is missing, and what happened in one of the days comes
// again when the merchant asks for it.
func TestReceiverDownForThreeDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := map[topup.BatchID][]topup.ID{}
	want := map[string]bool{}
	told := func(id string, version int) { want[topup.CallbackID(id, version)] = true }
	w.shop.down.Store(true)
	for hour := range 72 {
		id, ids := w.batch(3)
		rows[id] = ids
		for i, row := range ids {
			w.ends(row, []topup.Answer{topup.Delivered, topup.Refused, topup.Delivered}[i])
			told(string(row), 3)
		}
		told(string(id), 1)
		w.pass(30 * time.Minute)
		if hour%5 == 0 {
			w.reverse(ids[2])
			told(string(ids[2]), 4)
		}
		w.pass(30 * time.Minute)
		if hour%24 == 23 {
			w.restart(hour / 24 % 2)
		}
	}
	if w.shop.tries == 0 || len(w.shop.taken()) > 0 {
		t.Fatalf("%d tries while the endpoint was down", w.shop.tries)
	}
	w.shop.down.Store(false)
	w.pass(2 * day) // the longest wait of the schedule, and then some
	took := w.shop.taken()
	judge(t, took, want)
	feed := w.feed()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), sortedIDs(feed)); diff != "" {
		t.Errorf("the feed does not have the same events (-happened +feed):\n%s", diff)
	}
	w.proves(rows, took, feed)
	w.again(feed, took)
}

// judge compares what the merchant has taken with what happened: everything once, and no version after a later one.
func judge(t *testing.T, took []delivery, want map[string]bool) {
	t.Helper()
	count, last := map[string]int{}, map[string]int{}
	for _, d := range took {
		count[d.id]++
		subject, version, _ := topup.ParseCallbackID(d.id)
		if version <= last[subject] {
			t.Errorf("version %d of %s comes after %d", version, subject, last[subject])
		}
		last[subject] = version
		if !want[d.id] {
			t.Errorf("%s never happened", d.id)
		}
	}
	for id := range want {
		if count[id] != 1 {
			t.Errorf("%s was delivered %d times", id, count[id])
		}
	}
}

// feed is the whole feed, read in parts.
func (w *world) feed() []topup.Event {
	w.t.Helper()
	var out []topup.Event
	for after := int64(0); ; {
		page, err := w.store.EventsAfter(w.t.Context(), w.merchant, after, 50)
		w.check(err)
		for _, e := range page.Events {
			if after++; e.Sequence != after {
				w.t.Fatalf("event %d follows %d", e.Sequence, after-1)
			}
			out = append(out, e)
		}
		if after == page.Last {
			return out
		}
	}
}

func sortedIDs(feed []topup.Event) []string {
	var out []string
	for _, e := range feed {
		out = append(out, e.ID())
	}
	slices.Sort(out)
	return out
}

// said is what the tests read of a callback.
type said struct {
	Type topup.EventType
	Data struct {
		ID         topup.ID
		Reference  string
		State      string
		BatchID    topup.BatchID `json:"batch_id"`
		StatesHash *string       `json:"states_hash"`
		Accepted   int64
	}
}

// proves does what a merchant does with batch.completed: it adds up the rows of which it had an event by then, and finds
// the hash that it was told.
func (w *world) proves(rows map[topup.BatchID][]topup.ID, took []delivery, feed []topup.Event) {
	w.t.Helper()
	bodies := map[string]said{}
	for _, d := range took {
		var s said
		w.check(json.Unmarshal(d.body, &s))
		bodies[d.id] = s
	}
	states, completed := map[topup.BatchID]map[topup.ID]topup.RowHash{}, 0
	for _, e := range feed {
		s := bodies[e.ID()]
		if s.Type != topup.EventBatchCompleted {
			if states[s.Data.BatchID] == nil {
				states[s.Data.BatchID] = map[topup.ID]topup.RowHash{}
			}
			st, err := topup.ParseState(s.Data.State)
			w.check(err)
			states[s.Data.BatchID][s.Data.ID] = topup.HashRow(s.Data.Reference, st)
			continue
		}
		completed++
		var sum topup.RowHash
		for _, h := range states[s.Data.BatchID] {
			sum = sum.Add(h)
		}
		if s.Data.StatesHash == nil || *s.Data.StatesHash != sum.Text() || sum.Rows != s.Data.Accepted {
			w.t.Errorf("%s: the merchant adds up %d rows to %s, and is told %+v", s.Data.BatchID, sum.Rows, sum.Text(), s.Data)
		}
	}
	if completed != len(rows) {
		w.t.Errorf("%d batches are completed, want %d", completed, len(rows))
	}
}

// again orders what happened on the second day once more: that comes, under its IDs and with its bodies, and nothing else.
func (w *world) again(feed []topup.Event, took []delivery) {
	w.t.Helper()
	from, to := begin.Add(day), begin.Add(2*day)
	order := &topup.Redelivery{
		ID: "again", Merchant: w.merchant, From: from, To: to, RunAt: w.now(), CreatedAt: w.now(), States: []topup.CallbackState{topup.CallbackDelivered},
	}
	w.check(w.store.PutRedelivery(w.t.Context(), order))
	w.pass(6 * step)
	first, second, want := map[string]string{}, map[string]string{}, map[string]string{}
	for _, d := range took {
		first[d.id] = string(d.body)
	}
	for _, e := range feed {
		if order.Covers(e) {
			want[e.ID()] = first[e.ID()]
		}
	}
	for _, d := range w.shop.taken() {
		if _, twice := second[d.id]; twice {
			w.t.Errorf("%s came twice", d.id)
		}
		second[d.id] = string(d.body)
	}
	if diff := cmp.Diff(want, second); diff != "" || len(want) == 0 {
		w.t.Errorf("%d events of the second day come again (-want +got):\n%s", len(want), diff)
	}
}
