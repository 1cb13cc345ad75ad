package storetest

import (
	"slices"
	"testing"
	"time"

	"topupq/topup"
)

func sends(t *testing.T, s topup.Store, p topup.ProviderName, now, again time.Time) []topup.Due {
	t.Helper()
	var all []topup.Due
	for {
		due, err := s.DueSends(t.Context(), p, now, again, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return all
		}
		all = append(all, due...)
	}
}

func checks(t *testing.T, s topup.Store, now, again time.Time) []topup.Due {
	t.Helper()
	due, err := s.DueChecks(t.Context(), topup.AAT, now, again, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return due
}

func dueSends(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	want := map[topup.ID]bool{}
	for _, r := range refs(250) {
		x := order(m, r)
		create(t, s, x)
		want[x.ID] = true
	}
	if early := sends(t, s, topup.AAT, start.Add(-time.Millisecond), start.Add(time.Hour)); len(early) != 0 {
		t.Errorf("%d due before their time", len(early))
	}
	if other := sends(t, s, topup.Reloadly, start, start.Add(time.Hour)); len(other) != 0 {
		t.Errorf("%d due at another provider", len(other))
	}
	again := start.Add(30 * time.Second)
	for _, d := range sends(t, s, topup.AAT, start, again) {
		if !want[d.ID] || d.State != topup.Accepted || d.Round != 0 {
			t.Errorf("unexpected %+v", d)
		}
		delete(want, d.ID)
	}
	if len(want) != 0 {
		t.Errorf("%d were not due", len(want))
	}
	if rest := sends(t, s, topup.AAT, again.Add(-time.Millisecond), again.Add(time.Hour)); len(rest) != 0 {
		t.Errorf("%d due again before their time", len(rest))
	}
	if n := len(sends(t, s, topup.AAT, again, again.Add(time.Hour))); n != 250 {
		t.Errorf("%d due again, want 250", n)
	}
}

func dueChecks(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	p := policy()
	x := order(m, "asked")
	create(t, s, x)
	at := start.Add(time.Second)
	x = update(t, s, x.ID, func(x *topup.Topup) error { return x.BeginSend(p, 1, at) })
	if n := len(sends(t, s, topup.AAT, start.Add(time.Hour), start.Add(2*time.Hour))); n != 0 {
		t.Errorf("a claimed top-up is still due to be sent")
	}
	rescue := x.SendDeadline.Add(p.Margin)
	if d := checks(t, s, rescue.Add(-time.Millisecond), rescue); len(d) != 0 {
		t.Errorf("rescued before its deadline: %+v", d)
	}
	x = update(t, s, x.ID, func(x *topup.Topup) error { return x.RecordSend(p, 1, topup.Outcome{Answer: topup.InProgress}, at) })
	if d := checks(t, s, x.DueAt.Add(-time.Millisecond), x.DueAt); len(d) != 0 {
		t.Errorf("asked too early: %+v", d)
	}
	for at, want := range map[time.Time]int64{x.DueAt.Add(-time.Millisecond): 0, x.DueAt: 1} {
		if n, err := s.CountDueChecks(t.Context(), topup.AAT, at); err != nil || n != want {
			t.Errorf("%d counted as due at %v, want %d: %v", n, at, want, err)
		}
	}
	due := checks(t, s, x.DueAt, x.DueAt.Add(time.Minute))
	if len(due) != 1 || due[0] != (topup.Due{ID: x.ID, State: topup.Pending}) {
		t.Fatalf("due = %+v", due)
	}
	update(t, s, x.ID, func(x *topup.Topup) error {
		return x.RecordCheck(p, topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderFailed}, x.DueAt)
	})
	if d := checks(t, s, start.Add(1000*time.Hour), start.Add(2000*time.Hour)); len(d) != 0 {
		t.Errorf("a closed top-up is still due: %+v", d)
	}
}

func dueCallbacks(t *testing.T, s topup.Store) {
	m := merchantOf(t)
	x := order(m, "owed")
	create(t, s, x)
	x = update(t, s, x.ID, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "changed mind", start) })
	owed := func(at time.Time) []string {
		t.Helper()
		ids, err := s.DueCallbacks(t.Context(), at, at.Add(time.Minute), 100)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if ids := owed(start); len(ids) != 0 {
		t.Errorf("a fresh callback is shown to others at once: %v", ids)
	}
	if ids := owed(start.Add(time.Hour)); !slices.Equal(ids, []string{string(x.ID)}) {
		t.Fatalf("owed = %v", ids)
	}
	failed := start.Add(2 * time.Hour)
	x = update(t, s, x.ID, func(x *topup.Topup) error {
		x.NextCallback().Attempted(topup.CallbackAttempt{At: failed, Status: 500}, []time.Duration{5 * time.Second}, 0)
		return nil
	})
	if ids := owed(failed.Add(4 * time.Second)); len(ids) != 0 {
		t.Errorf("owed before the retry's time: %v", ids)
	}
	if ids := owed(failed.Add(5 * time.Second)); len(ids) != 1 {
		t.Errorf("not owed at the retry's time")
	}
	update(t, s, x.ID, func(x *topup.Topup) error {
		x.NextCallback().Delivered(topup.CallbackAttempt{At: failed.Add(6 * time.Second), Status: 200})
		return nil
	})
	if ids := owed(failed.Add(100 * time.Hour)); len(ids) != 0 {
		t.Errorf("owed after delivery: %v", ids)
	}
}
