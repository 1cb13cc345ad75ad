package storetest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

func merchants(t *testing.T, s topup.Store) {
	ctx := t.Context()
	m := &topup.Merchant{ID: topup.NewMerchantID(), Name: "Acme", CreatedAt: start, Keys: []topup.APIKey{{Hash: "h1" + t.Name(), Scopes: topup.DefaultScopes}}}
	if err := s.PutMerchant(ctx, m); err != nil {
		t.Fatal(err)
	}
	got, err := s.MerchantByKey(ctx, "h1"+t.Name())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	stale := *got
	got.Keys = []topup.APIKey{{Hash: "h2" + t.Name()}}
	if err := s.PutMerchant(ctx, got); err != nil {
		t.Fatal(err)
	}
	if err := s.PutMerchant(ctx, &stale); !errors.Is(err, topup.ErrContention) {
		t.Errorf("a stale write went through: %v", err)
	}
	if _, err := s.MerchantByKey(ctx, "h1"+t.Name()); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("the old key still works: %v", err)
	}
	if _, err := s.MerchantByKey(ctx, "h2"+t.Name()); err != nil {
		t.Errorf("the new key does not work: %v", err)
	}
	all, err := s.ListMerchants(ctx)
	if err != nil || len(all) == 0 {
		t.Errorf("listed %d: %v", len(all), err)
	}
	if _, err := s.GetMerchant(ctx, "mernobody"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("unknown merchant: %v", err)
	}
}

func lookups(t *testing.T, s topup.Store) {
	l := &topup.Lookup{ID: topup.NewLookupID(), Merchant: "m", Provider: topup.AAT, Action: "GetNetwork", Params: map[string]any{"msisdn": "27"}, State: topup.LookupDone, Result: json.RawMessage(`{"Id":2}`), CreatedAt: start}
	if err := s.PutLookup(t.Context(), l, time.Hour); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetLookup(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if _, err := s.GetLookup(t.Context(), "lkpnone"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("unknown lookup: %v", err)
	}
}

func numberLane(t *testing.T, s topup.Store) {
	const spacing = 2 * time.Minute
	number := topup.MSISDN("+27" + "831" + "000111")
	turn := func(id string, at time.Time) time.Time {
		t.Helper()
		got, err := s.ReserveNumber(t.Context(), topup.Reloadly, number, topup.ID(id), spacing, at)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !turn("first", start).IsZero() {
		t.Error("the first has to wait")
	}
	if !turn("first", start.Add(time.Second)).IsZero() {
		t.Error("the same top-up has to wait for itself")
	}
	second, third := turn("second", start.Add(time.Second)), turn("third", start.Add(time.Second))
	if !second.Equal(start.Add(time.Second+spacing)) || // it may only now be sent: the pause begins anew
		!third.Equal(start.Add(2*spacing)) {
		t.Errorf("second at %v, third at %v", second, third)
	}
	if got := turn("third", start.Add(spacing)); !got.Equal(third) {
		t.Errorf("the third pushed in: %v", got)
	}
	late := second.Add(90 * time.Second)
	if !turn("second", late).IsZero() {
		t.Error("the second has to wait at its turn")
	}
	if got := turn("third", third); !got.Equal(late.Add(spacing)) {
		t.Errorf("the third goes %v, want a whole spacing after the late second", got)
	}
}

func rate(t *testing.T, s topup.Store) {
	var allowed int
	var waited time.Duration
	for range 200 {
		wait, err := s.AllowSend(t.Context(), topup.AAT, 10)
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			allowed++
		} else {
			waited = wait
		}
	}
	if allowed == 0 || allowed > 100 || waited <= 0 || waited > time.Second {
		t.Errorf("%d of 200 at once at 10 a second, wait %v", allowed, waited)
	}
	if wait, err := s.AllowSend(t.Context(), topup.AAT, 0); err != nil || wait != 0 {
		t.Errorf("no limit waits %v: %v", wait, err)
	}
}

func pause(t *testing.T, s topup.Store) {
	ctx := t.Context()
	if p, err := s.Paused(ctx, topup.RechargeKit); err != nil || p != nil {
		t.Fatalf("paused at first: %+v %v", p, err)
	}
	want := topup.Pause{Reason: topup.CodeFloatEmpty, Actor: topup.ActorWorker, Since: start, Until: start.Add(time.Minute), Strikes: 2}
	if err := s.PauseProvider(ctx, topup.RechargeKit, want); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Paused(ctx, topup.RechargeKit); err != nil || p == nil || *p != want {
		t.Errorf("paused = %+v %v", p, err)
	}
	next := want
	next.Until = next.Until.Add(time.Minute)
	for i, won := range []bool{true, false} {
		if ok, err := s.SwapPause(ctx, topup.RechargeKit, want, next); err != nil || ok != won {
			t.Errorf("swap %d: %v %v", i, ok, err)
		}
		if p, err := s.Paused(ctx, topup.RechargeKit); err != nil || p == nil || *p != next {
			t.Errorf("swapped to %+v %v", p, err)
		}
	}
	if err := s.ResumeProvider(ctx, topup.RechargeKit); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.SwapPause(ctx, topup.RechargeKit, next, want); err != nil || ok {
		t.Errorf("swapped a pause that is over: %v %v", ok, err)
	}
	if p, err := s.Paused(ctx, topup.RechargeKit); err != nil || p != nil {
		t.Errorf("still paused: %+v %v", p, err)
	}
}

func leader(t *testing.T, s topup.Store) {
	lead := func(holder string) bool {
		t.Helper()
		ok, err := s.Lead(t.Context(), holder, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !lead("a") || lead("b") || !lead("a") {
		t.Error("the lease is not held by exactly one")
	}
	if err := s.Resign(t.Context(), "b"); err != nil || lead("b") {
		t.Errorf("somebody else ended the lease: %v", err)
	}
	if err := s.Resign(t.Context(), "a"); err != nil || !lead("b") {
		t.Errorf("a resigned lease cannot be taken: %v", err)
	}
}

func callbackLease(t *testing.T, s topup.Store) {
	first, err := s.LeaseCallback(t.Context(), "x"+t.Name(), time.Minute)
	if err != nil || !first {
		t.Fatalf("first: %v %v", first, err)
	}
	if second, err := s.LeaseCallback(t.Context(), "x"+t.Name(), time.Minute); err != nil || second {
		t.Errorf("leased twice: %v", err)
	}
	if err := s.ReleaseCallback(t.Context(), "x"+t.Name()); err != nil {
		t.Fatal(err)
	}
	if again, err := s.LeaseCallback(t.Context(), "x"+t.Name(), time.Minute); err != nil || !again {
		t.Errorf("not free after release: %v", err)
	}
}

func statusBudget(t *testing.T, s topup.Store) {
	var allowed int
	for range 10 {
		ok, err := s.SpendCall(t.Context(), topup.AAT, "20261123", 4)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			allowed++
		}
	}
	if allowed != 4 {
		t.Errorf("%d calls of a budget of 4", allowed)
	}
	if n, err := s.SpentCalls(t.Context(), topup.AAT, "20261123"); err != nil || n != 4 {
		t.Errorf("%d calls counted, 4 were made: %v", n, err)
	}
	if ok, err := s.SpendCall(t.Context(), topup.AAT, "20261124", 1); err != nil || !ok {
		t.Errorf("the next day has a budget of its own: %v", err)
	}
	if ok, err := s.SpendCall(t.Context(), topup.AAT, "20261123", 0); err != nil || !ok {
		t.Errorf("no budget is a limit: %v", err)
	}
}

func settled(t *testing.T, s topup.Store) {
	var add, want topup.SettleTimes
	add.Add(0, 9*time.Second)
	add.Add(10*time.Second, time.Minute)
	for range 3 {
		if err := s.AddSettled(t.Context(), "aat:7", add); err != nil {
			t.Fatal(err)
		}
		want.Add(0, 9*time.Second)
		want.Add(10*time.Second, time.Minute)
	}
	if err := s.AddSettled(t.Context(), "aat:8", topup.SettleTimes{}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Settled(t.Context(), "aat:7"); err != nil || got != want {
		t.Errorf("read back %v, want %v: %v", got, want, err)
	}
	if got, err := s.Settled(t.Context(), "aat:8"); err != nil || got != (topup.SettleTimes{}) {
		t.Errorf("another operator has %v: %v", got, err)
	}
	for range 5000 {
		if err := s.AddSettled(t.Context(), "aat:9", want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Settled(t.Context(), "aat:9")
	if err != nil {
		t.Fatal(err)
	}
	if n := got.Settled[topup.SettleStep(9*time.Second)]; n < 2000 || n > 10000 {
		t.Errorf("15,000 observations at one step weigh %d: old ones are to be forgotten slowly", n)
	}
}
