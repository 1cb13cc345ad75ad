package clients_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"topupq/clients"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// reloadlyDay sends n orders over a day, every so many of them with a fault, and returns what to ask with.
func reloadlyDay(t *testing.T, b reloadlyBench, clock *time.Time, n int, gap time.Duration, fault func(i int) reloadlysim.Rule) []topup.Ref {
	t.Helper()
	refs := make([]topup.Ref, 0, n)
	for i := range n {
		o := reloadlyOrder(fmt.Sprint("day", clock.UnixNano(), i), func(o *topup.Order) { o.Product.OperatorID = 341 })
		if rule := fault(i); rule.Fault != "" {
			rule.Match.Reference = string(o.Reference)
			b.sim.Script(rule)
		}
		out, err := b.Submit(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ref := reloadlyRefOf(o, out)
		ref.SentAt = *clock
		refs = append(refs, ref)
		*clock = clock.Add(gap)
	}
	return refs
}

func noFault(int) reloadlysim.Rule { return reloadlysim.Rule{} }

// TestReloadlyCheckManyFindsItsPages asks in groups in the order of sending, as the sweep does, among three days of other
// orders: a group takes the pages that it stands on, once these are known, and one call for each failure.
func TestReloadlyCheckManyFindsItsPages(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	b := newReloadlyBench(t, reloadlysim.Options{Now: func() time.Time { return clock }}, clients.ReloadlyConfig{})
	reloadlyDay(t, b, &clock, 3000, 40*time.Second, noFault)
	refs := reloadlyDay(t, b, &clock, 5000, 10*time.Second, func(i int) reloadlysim.Rule {
		if i%1000 == 7 {
			return reloadlysim.Rule{Fault: "fail"}
		}
		return reloadlysim.Rule{}
	})
	reloadlyDay(t, b, &clock, 1500, 20*time.Second, noFault)
	before, failures := len(b.sim.Requests()), 0
	const group = 2000
	for start := 0; start < len(refs); start += group {
		part := refs[start:min(start+group, len(refs))]
		got, err := b.CheckMany(t.Context(), part)
		if err != nil || len(got) != len(part) {
			t.Fatalf("group at %d: %d outcomes: %v", start, len(got), err)
		}
		for i, ref := range part {
			want := topup.Delivered
			if (start+i)%1000 == 7 {
				want = topup.Refused
				failures++
			}
			if got[ref.Reference].Answer != want {
				t.Fatalf("%d: %v, want %v", start+i, got[ref.Reference].Answer, want)
			}
		}
	}
	calls := len(b.sim.Requests()) - before
	t.Logf("%d calls for %d orders, %d of them failed", calls, len(refs), failures)
	if calls-failures > len(refs)/200 {
		t.Errorf("%d calls beside those about failures, want at most one for 200 orders", calls-failures)
	}
}

// TestReloadlyCheckManyAfterAFullPage: when every page that is remembered is full, new orders stand on one that nobody has
// seen yet; they are not asked about singly for that.
func TestReloadlyCheckManyAfterAFullPage(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	b := newReloadlyBench(t, reloadlysim.Options{Now: func() time.Time { return clock }}, clients.ReloadlyConfig{})
	if got, err := b.CheckMany(t.Context(), reloadlyDay(t, b, &clock, 1000, time.Second, noFault)); err != nil || len(got) != 1000 {
		t.Fatalf("%d found of two full pages: %v", len(got), err)
	}
	for range 5 {
		refs := reloadlyDay(t, b, &clock, 30, time.Second, noFault)
		before := len(b.sim.Requests())
		if got, err := b.CheckMany(t.Context(), refs); err != nil || len(got) != len(refs) {
			t.Fatalf("%d of %d found: %v", len(got), len(refs), err)
		}
		if calls := len(b.sim.Requests()) - before; calls != 1 {
			t.Errorf("%d calls for orders that stand on one page", calls)
		}
	}
}

// TestReloadlyCheckManyByTime finds orders whose answers were lost, so that only the time of sending is known.
func TestReloadlyCheckManyByTime(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	b := newReloadlyBench(t, reloadlysim.Options{Now: func() time.Time { return clock }}, clients.ReloadlyConfig{})
	reloadlyDay(t, b, &clock, 2500, 20*time.Second, noFault)
	refs := reloadlyDay(t, b, &clock, 300, time.Second, noFault)
	reloadlyDay(t, b, &clock, 900, 20*time.Second, noFault)
	for i := range refs {
		refs[i].TransactionID = ""
	}
	before := len(b.sim.Requests())
	got, err := b.CheckMany(t.Context(), refs)
	if err != nil || len(got) != len(refs) {
		t.Fatalf("%d of %d found: %v", len(got), len(refs), err)
	}
	if calls := len(b.sim.Requests()) - before; calls > 8 {
		t.Errorf("%d calls for %d orders", calls, len(refs))
	}
}

// TestReloadlyCheckManyStops where the orders lie so far apart that asking singly is as good, and where no more calls
// are allowed.
func TestReloadlyCheckManyStops(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	b := newReloadlyBench(t, reloadlysim.Options{Now: func() time.Time { return clock }}, clients.ReloadlyConfig{})
	all := reloadlyDay(t, b, &clock, 6000, 10*time.Second, noFault)
	var apart []topup.Ref
	for i := 0; i < len(all); i += 600 {
		apart = append(apart, all[i])
	}
	before := len(b.sim.Requests())
	if _, err := b.CheckMany(t.Context(), apart); err != nil {
		t.Fatal(err)
	}
	if calls := len(b.sim.Requests()) - before; calls > 5 {
		t.Errorf("%d pages read for %d orders that lie far apart", calls, len(apart))
	}
	left := 2
	ctx := topup.WithSpend(t.Context(), func(context.Context) error {
		if left--; left < 0 {
			return topup.ErrSpent
		}
		return nil
	})
	before = len(b.sim.Requests())
	got, err := b.CheckMany(ctx, all)
	if !errors.Is(err, topup.ErrSpent) || len(got) == 0 || len(got) > 1000 {
		t.Errorf("with two calls allowed: %d outcomes, %v", len(got), err)
	}
	if calls := len(b.sim.Requests()) - before; calls != 2 {
		t.Errorf("%d calls made, 2 allowed", calls)
	}
}
