package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

func operations(t *testing.T, s topup.Store) topup.Operations {
	t.Helper()
	o, ok := s.(topup.Operations)
	if !ok {
		t.Fatalf("%T is no topup.Operations", s)
	}
	return o
}

// standing sends orders into states that stand open, and out of them again.
func standing(t *testing.T, s topup.Store) {
	o, m, ctx := operations(t, s), merchantOf(t), t.Context()
	for i, ref := range refs(40) {
		x := orderAt(m, ref, start.Add(time.Duration(i)*time.Minute))
		create(t, s, x)
		update(t, s, x.ID, func(x *topup.Topup) error { return x.BeginSend(policy(), 7, start) })
		update(t, s, x.ID, func(x *topup.Topup) error {
			if i%4 == 0 {
				return x.RecordSend(policy(), 7, topup.Outcome{Answer: topup.Delivered}, start)
			}
			return x.RecordSend(policy(), 7, topup.Outcome{Answer: topup.InProgress}, start)
		})
	}
	var ids []topup.ID
	cursor := ""
	for {
		part, next, err := o.Standing(ctx, topup.Pending, topup.AAT, cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, part...)
		if cursor = next; next == "" {
			break
		}
	}
	if len(ids) != 30 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != 30 {
		t.Fatalf("%d pending are listed, want 30 different ones", len(ids))
	}
	stocks, err := o.Stocks(ctx, start.Add(40*time.Minute), []time.Duration{10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if len(stocks) != 1 || stocks[0].Count != 30 || stocks[0].Sums[0].String() != "60.00 ZAR" ||
		!stocks[0].Oldest.Equal(start.Add(time.Minute)) || stocks[0].Older[0] != 23 {
		t.Errorf("stocks: %+v", stocks)
	}
	for _, id := range ids {
		update(t, s, id, func(x *topup.Topup) error {
			return x.RecordCheck(policy(), topup.Outcome{Answer: topup.Delivered}, start.Add(time.Hour))
		})
	}
	if stocks, err = o.Stocks(ctx, start, nil); err != nil || len(stocks) != 0 {
		t.Errorf("after all were closed: %+v, %v", stocks, err)
	}
}

func scopedPauses(t *testing.T, s topup.Store) {
	o, ctx := operations(t, s), t.Context()
	p := topup.Pause{Reason: "operator", Actor: topup.ActorOperator("ann"), Since: start}
	scopes := []topup.PauseScope{
		{Kind: topup.PauseByBatch, Name: "bat1"}, {Kind: topup.PauseByMerchant, Name: "mer1"},
		{Kind: topup.PauseByOperator, Name: "reloadly:173"}, {Kind: topup.PauseByProvider, Name: "aat"},
	}
	var want []topup.ScopedPause
	for _, scope := range scopes {
		if err := o.SetPause(ctx, scope, p); err != nil {
			t.Fatal(err)
		}
		want = append(want, topup.ScopedPause{Scope: scope, Pause: p})
	}
	got, err := o.Pauses(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("pauses (-want +got):\n%s", d)
	}
	for _, scope := range scopes {
		if err := o.EndPause(ctx, scope); err != nil {
			t.Fatal(err)
		}
	}
	if got, err = o.Pauses(ctx); err != nil || len(got) != 0 {
		t.Errorf("after the end: %v, %v", got, err)
	}
}

// auditLog appends from many sides at once: the chain must hold, and break where anything is changed.
func auditLog(t *testing.T, s topup.Store) {
	o, ctx := operations(t, s), t.Context()
	const writers, each = 4, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := o.AppendAudit(ctx, topup.AuditEntry{At: start, Actor: "ann" + strconv.Itoa(w), Act: "replay", Phase: "before", Target: strconv.Itoa(i)})
				if err != nil && !errors.Is(err, topup.ErrContention) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, last, err := o.AuditLog(ctx, 1, 1000)
	if err != nil || last != int64(len(all)) || len(all) < each {
		t.Fatalf("%d entries, last is %d: %v", len(all), last, err)
	}
	if seq, _, err := topup.VerifyAudit(0, "", all); err != nil || seq != last {
		t.Errorf("verified up to %d: %v", seq, err)
	}
	part, _, err := o.AuditLog(ctx, 3, 2)
	if err != nil || len(part) != 2 || part[0].Seq != 3 {
		t.Errorf("from 3: %+v, %v", part, err)
	}
	changed := slices.Clone(all)
	changed[4].Reason = "another"
	removed := slices.Delete(slices.Clone(all), 4, 5)
	var broken *topup.AuditError
	for name, entries := range map[string][]topup.AuditEntry{"changed": changed, "removed": removed} {
		if _, _, err := topup.VerifyAudit(0, "", entries); !errors.As(err, &broken) {
			t.Errorf("%s entry is not noticed: %v", name, err)
		}
	}
}

func proposals(t *testing.T, s topup.Store) {
	o, ctx := operations(t, s), t.Context()
	want := topup.Proposal{Topup: "a", To: "failed", Reason: "r", Evidence: "e", By: "ann", At: start}
	if err := o.PutProposal(ctx, want); err != nil {
		t.Fatal(err)
	}
	got, err := o.Proposals(ctx)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
	if err := o.DropProposal(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if got, err = o.Proposals(ctx); err != nil || len(got) != 0 {
		t.Errorf("after the drop: %v, %v", got, err)
	}
}

func pulse(t *testing.T, s topup.Store) {
	o, ctx := operations(t, s), t.Context()
	for range 2 {
		if err := o.AddPulse(ctx, start, map[string]int64{"accepted:aat": 3}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := o.ReadPulse(ctx, start.Add(-time.Minute), start.Add(time.Minute))
	want := []topup.Pulse{{Minute: start.Add(-time.Minute), Counts: map[string]int64{}}, {Minute: start, Counts: map[string]int64{"accepted:aat": 6}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("pulse: %v (-want +got):\n%s", err, d)
	}
}

// pauseOnce keeps a pause that stands from being replaced.
func pauseOnce(t *testing.T, s topup.Store) {
	ops, scope := operations(t, s), topup.PauseScope{Kind: topup.PauseByBrake, Name: string(topup.NewBatchID()) + "/aat:7"}
	first := topup.Pause{Reason: topup.CodeBrake, Actor: topup.ActorWorker, Since: start, Seen: topup.Failures{All: 9, Failed: 8}}
	for i, want := range []bool{true, false} {
		p := first
		p.Since = start.Add(time.Duration(i) * time.Minute)
		if added, err := ops.AddPause(t.Context(), scope, p); added != want || err != nil {
			t.Errorf("%d: %v %v", i, added, err)
		}
	}
	all, err := ops.Pauses(t.Context())
	if err != nil || !slices.Contains(all, topup.ScopedPause{Scope: scope, Pause: first}) {
		t.Errorf("%+v %v", all, err)
	}
	if err := ops.ForgetPause(t.Context(), scope); err != nil {
		t.Error(err)
	}
	if added, err := ops.AddPause(t.Context(), scope, first); !added || err != nil {
		t.Errorf("after it was forgotten: %v %v", added, err)
	}
	if err := ops.EndPause(t.Context(), scope); err != nil {
		t.Error(err)
	}
}

// resumeWakes makes due what a pause has put off, as soon as it ends; what expires or is put off for longer stays.
func resumeWakes(t *testing.T, s topup.Store) {
	ops := s.(topup.Operations)
	m, now := merchantOf(t), time.Now().UTC().Truncate(time.Millisecond)
	for _, scope := range []topup.PauseScope{{Kind: topup.PauseByMerchant, Name: string(m)}, {Kind: topup.PauseByProvider, Name: string(topup.AAT)}} {
		if err := ops.SetPause(t.Context(), scope, topup.Pause{Reason: "operator", Actor: topup.ActorOperator("ann"), Since: now}); err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			x := orderAt(m, fmt.Sprint(scope.Kind, i), now)
			create(t, s, x)
			wait := topup.PauseLookMost
			if i == 7 {
				wait = time.Hour
			}
			update(t, s, x.ID, func(x *topup.Topup) error { return x.Defer(now.Add(wait), topup.CodePaused) })
		}
		soon := now.Add(time.Minute)
		if n := len(sends(t, s, topup.AAT, soon, now.Add(3*time.Hour))); n != 0 {
			t.Errorf("%s: %d due while it is paused", scope, n)
		}
		if err := ops.EndPause(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
		if n := len(sends(t, s, topup.AAT, soon, now.Add(3*time.Hour))); n != 299 {
			t.Errorf("%s: %d due after its end, want 299", scope, n)
		}
	}
}
