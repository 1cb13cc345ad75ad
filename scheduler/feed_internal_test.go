package scheduler

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

// newFeedDesk is a desk whose scheduler looks after the feeds.
func newFeedDesk(t *testing.T) *desk {
	d := newDesk(t)
	d.s.cfg.Feeds = d.store
	if err := d.store.PutMerchant(t.Context(), &topup.Merchant{ID: "merx"}); err != nil {
		t.Fatal(err)
	}
	return d
}

// owing records a top-up that fails now, with its callback in a state.
func (d *desk) owing(reference string, state topup.CallbackState) topup.ID {
	d.t.Helper()
	x := &topup.Topup{
		ID: topup.NewID("merx", reference), Merchant: "merx", Reference: reference, Recipient: "+27831234567", Provider: topup.AAT,
		Amount: topup.Money{Amount: decimal.NewFromInt(2), Currency: "ZAR"}, ExpiresAt: d.now.Add(time.Hour),
	}
	if err := x.Accept(topup.ActorIntake, d.now); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.store.Create(d.t.Context(), []*topup.Topup{x}); err != nil {
		d.t.Fatal(err)
	}
	d.change(x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", d.now) })
	d.change(x.ID, func(x *topup.Topup) error { x.Callbacks[0].State = state; return nil })
	return x.ID
}

func (d *desk) change(id topup.ID, change func(*topup.Topup) error) {
	d.t.Helper()
	if _, err := d.store.Update(d.t.Context(), id, change); err != nil {
		d.t.Fatal(err)
	}
}

// callbackStates are the states of the callbacks of references.
func (d *desk) callbackStates(references []string) []string {
	d.t.Helper()
	var out []string
	for _, r := range references {
		x, err := d.store.Get(d.t.Context(), topup.NewID("merx", r))
		if err != nil {
			d.t.Fatal(err)
		}
		out = append(out, r+" "+x.Callbacks[0].State.String())
	}
	return out
}

func (d *desk) look() {
	d.t.Helper()
	if err := d.s.feed(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func TestRedeliveryOfARange(t *testing.T) {
	t.Parallel()
	d := newFeedDesk(t)
	began := d.now
	var references []string
	for i, st := range []topup.CallbackState{
		topup.CallbackFailed, topup.CallbackDelivered, topup.CallbackParked, topup.CallbackFailed, topup.CallbackSkipped, topup.CallbackFailed,
	} {
		references = append(references, fmt.Sprintf("r%d", i))
		d.owing(references[i], st)
		d.now = d.now.Add(time.Hour)
	}
	order := &topup.Redelivery{
		ID: "red1", Merchant: "merx", From: began, To: began.Add(5 * time.Hour), RunAt: d.now,
		States: []topup.CallbackState{topup.CallbackFailed, topup.CallbackParked},
	}
	if err := d.store.PutRedelivery(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	d.look()
	want := []string{"r0 waiting", "r1 delivered", "r2 waiting", "r3 waiting", "r4 skipped", "r5 failed"}
	if diff := cmp.Diff(want, d.callbackStates(references)); diff != "" {
		t.Error(diff)
	}
	done, err := d.store.GetRedelivery(t.Context(), "red1")
	if err != nil || done.DoneAt.IsZero() || done.Seen != 5 || done.Redelivered != 3 {
		t.Errorf("order %+v, %v", done, err)
	}
	due, err := d.store.DueCallbacks(t.Context(), d.now.Add(time.Minute), d.now.Add(time.Hour), 100)
	if err != nil || len(due) != 3 || !slices.Contains(due, string(topup.NewID("merx", "r2"))) {
		t.Errorf("due %v, %v", due, err)
	}
	if open, err := d.store.OpenRedeliveries(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("open %v, %v", open, err)
	}
}

// TestRedeliveryOfMany takes several looks, each after a restart.
func TestRedeliveryOfMany(t *testing.T) {
	t.Parallel()
	d := newFeedDesk(t)
	const n = redeliverPerTick + 20
	for i := range n {
		d.owing(fmt.Sprintf("r%d", i), topup.CallbackParked)
	}
	order := &topup.Redelivery{ID: "red1", Merchant: "merx", To: d.now.Add(time.Hour), RunAt: d.now.Add(time.Minute), States: []topup.CallbackState{topup.CallbackParked}}
	if err := d.store.PutRedelivery(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	d.look()
	if got, err := d.store.GetRedelivery(t.Context(), "red1"); err != nil || got.Seen != 0 {
		t.Errorf("before its time: %+v, %v", got, err)
	}
	d.now = d.now.Add(time.Minute)
	d.look()
	d.look()
	got, err := d.store.GetRedelivery(t.Context(), "red1")
	if err != nil || got.DoneAt.IsZero() || got.Redelivered != n || got.After != n {
		t.Errorf("order %+v, %v", got, err)
	}
}

func TestOldEventsAreForgotten(t *testing.T) {
	t.Parallel()
	d := newFeedDesk(t)
	d.owing("old", topup.CallbackDelivered)
	d.look()
	d.now = d.now.Add(defaultEventsKept + time.Hour)
	d.owing("new", topup.CallbackDelivered)
	d.look()
	d.now = d.now.Add(trimEvery)
	d.look()
	page, err := d.store.EventsAfter(t.Context(), "merx", 0, 10)
	if err != nil || page.First != 2 || page.Last != 2 || len(page.Events) != 1 || page.Events[0].Subject != string(topup.NewID("merx", "new")) {
		t.Errorf("feed %+v, %v", page, err)
	}
}
