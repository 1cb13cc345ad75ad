package operator_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"

	"topupq/operator"
	"topupq/topup"
	"topupq/topup/redisstore"
)

var (
	start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	ann   = operator.Person{Name: "ann", Role: "operator", Remote: "127.0.0.1", Proven: true}
	bob   = operator.Person{Name: "bob", Role: "operator", Remote: "127.0.0.1", Proven: true}
)

// bell notes what was rung.
type bell struct {
	mu            sync.Mutex
	sends, checks []topup.ID
}

func (b *bell) SendsAgain(_ context.Context, _ topup.ProviderName, due []topup.Due) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range due {
		b.sends = append(b.sends, d.ID)
	}
	return nil
}

func (b *bell) Checks(_ context.Context, _ topup.ProviderName, due []topup.Due) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range due {
		b.checks = append(b.checks, d.ID)
	}
	return nil
}

func (b *bell) Callback(context.Context, string) error { return nil }

// office is a desk over a store of its own.
type office struct {
	*operator.Desk
	store *redisstore.Store
	bell  *bell
	m     topup.MerchantID
}

func open(t *testing.T, limits string) *office {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	store := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(func() { store.Close(); _ = rdb.Close() })
	l, err := operator.ParseLimits(limits)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{store: store, bell: &bell{}, m: topup.NewMerchantID()}
	o.Desk, err = operator.New(operator.Config{
		Store: store, Bell: o.bell, Providers: []topup.ProviderName{topup.AAT}, TwoPeopleAbove: l,
		Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutMerchant(t.Context(), &topup.Merchant{ID: o.m, Name: "shop", CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	return o
}

// policy has a last check long past, so that one check makes an open top-up unresolved.
var policy = topup.Policy{
	Plan:   topup.Plan{Early: []time.Duration{time.Second}, Interval: time.Minute, Count: 1, EndOfDay: topup.TimeOfDay(7 * time.Hour)},
	Traits: topup.Traits{RefusesRepeat: true, AbsenceByAnswer: true}, Timeout: time.Minute, Margin: time.Second,
}

// make brings a top-up into a state.
func (o *office) make(t *testing.T, ref, amount string, state topup.State) topup.ID {
	t.Helper()
	x := &topup.Topup{
		ID: topup.NewID(o.m, ref), Merchant: o.m, Reference: ref, Recipient: "+27831234567", Country: "ZA", Provider: topup.AAT,
		Amount: topup.Money{Amount: decimal.RequireFromString(amount), Currency: "ZAR"}, ExpiresAt: start.Add(time.Hour),
	}
	then := start.Add(-30 * time.Second)
	if state == topup.Unresolved {
		then = start.Add(-48 * time.Hour)
		x.ExpiresAt = time.Time{}
	}
	must(t, x.Accept(topup.ActorIntake, then))
	if _, err := o.store.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	if state == topup.Accepted {
		return x.ID
	}
	_, err := o.store.Update(t.Context(), x.ID, func(x *topup.Topup) error {
		if err := x.BeginSend(policy, 1, then); err != nil || state == topup.Submitting {
			return err
		}
		answer := map[topup.State]topup.Outcome{
			topup.Held: {Answer: topup.Blocked, Code: topup.CodeFloatEmpty}, topup.Pending: {Answer: topup.InProgress},
			topup.Unknown: {}, topup.Unresolved: {}, topup.Succeeded: {Answer: topup.Delivered},
			topup.Failed: {Answer: topup.Refused, Code: topup.CodeInvalidRecipient},
		}[state]
		if err := x.RecordSend(policy, 1, answer, then); err != nil || state != topup.Unresolved {
			return err
		}
		return x.RecordCheck(policy, topup.Outcome{}, start)
	})
	must(t, err)
	if got := o.state(t, x.ID); got != state {
		t.Fatalf("made %s, wanted %s", got, state)
	}
	return x.ID
}

func (o *office) state(t *testing.T, id topup.ID) topup.State {
	t.Helper()
	x, err := o.store.Get(t.Context(), id)
	must(t, err)
	return x.State
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func byMerchant(o *office, by operator.Person) operator.Order {
	return operator.Order{By: by, Reason: "float was filled", Filter: operator.Filter{Merchant: o.m}}
}

func verdicts(r *operator.Report) map[topup.State]operator.Verdict {
	out := map[topup.State]operator.Verdict{}
	for _, row := range r.Rows {
		out[row.State] = row.Verdict
	}
	return out
}

func TestReplayOfEveryState(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	ids := map[topup.State]topup.ID{}
	for _, s := range topup.States {
		if s != topup.Reversed {
			ids[s] = o.make(t, "r-"+s.String(), "2.00", s)
		}
	}
	want := map[topup.State]operator.Verdict{
		topup.Accepted: operator.WillNothing, topup.Submitting: operator.WillNothing, topup.Pending: operator.WillAsk,
		topup.Unknown: operator.WillAsk, topup.Held: operator.WillSend, topup.Succeeded: operator.WillNothing,
		topup.Failed: operator.WillNothing, topup.Unresolved: operator.WillAsk,
	}
	preview, err := o.Preview().Replay(t.Context(), byMerchant(o, ann))
	must(t, err)
	for s, v := range verdicts(preview) {
		if v != want[s] {
			t.Errorf("preview of %s: %s, want %s", s, v, want[s])
		}
	}
	if o.state(t, ids[topup.Held]) != topup.Held || len(o.bell.sends)+len(o.bell.checks) > 0 {
		t.Error("the preview has acted")
	}
	if _, last, _ := o.store.AuditLog(t.Context(), 1, 10); last != 0 {
		t.Error("the preview is in the audit log")
	}
	if got := preview.Summary(); got != "1 will send (2.00 ZAR), 3 will ask (6.00 ZAR), 4 will do nothing (8.00 ZAR)" {
		t.Errorf("summary: %s", got)
	}
	done, err := o.Apply().Replay(t.Context(), byMerchant(o, ann))
	must(t, err)
	if acting, n, failed := done.Acting(); acting != 4 || n != 4 || failed != 0 {
		t.Errorf("%d acting, %d done, %d failed", acting, n, failed)
	}
	if o.state(t, ids[topup.Held]) != topup.Accepted || len(o.bell.sends) != 1 || len(o.bell.checks) != 3 {
		t.Errorf("held is %s, %d sends and %d checks rung", o.state(t, ids[topup.Held]), len(o.bell.sends), len(o.bell.checks))
	}
	x, err := o.store.Get(t.Context(), ids[topup.Held])
	must(t, err)
	if last := x.History[len(x.History)-1]; last.Actor != "operator:ann" || last.Note != "float was filled" {
		t.Errorf("history: %+v", last)
	}
	assertAudit(t, o, "replay", 2)
}

func assertAudit(t *testing.T, o *office, act string, n int64) {
	t.Helper()
	entries, last, err := o.store.AuditLog(t.Context(), 1, 100)
	must(t, err)
	if last != n || entries[0].Phase != "before" || entries[len(entries)-1].Phase != "after" || !strings.HasPrefix(entries[len(entries)-1].Act, act) {
		t.Errorf("audit log: %+v", entries)
	}
	if _, _, err := topup.VerifyAudit(0, "", entries); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	o.make(t, "a", "2.00", topup.Held)
	var refused *operator.Refusal
	if _, err := o.Apply().Replay(t.Context(), operator.Order{By: ann, Filter: operator.Filter{Merchant: o.m}}); !errors.As(err, &refused) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := o.Apply().Replay(t.Context(), operator.Order{By: ann, Reason: "x"}); !errors.As(err, &refused) {
		t.Errorf("without a filter: %v", err)
	}
	if _, err := o.Apply().Resolve(t.Context(), byMerchant(o, ann), operator.Resolution{To: topup.Failed}); !errors.As(err, &refused) {
		t.Errorf("without evidence: %v", err)
	}
	if err := o.Apply().Pause(t.Context(), ann, "x", topup.PauseScope{Kind: topup.PauseByMerchant, Name: "mernobody"}); !errors.As(err, &refused) {
		t.Errorf("pause of nobody: %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	held, sent := o.make(t, "a", "2.00", topup.Held), o.make(t, "b", "2.00", topup.Unknown)
	r, err := o.Apply().Cancel(t.Context(), byMerchant(o, ann))
	must(t, err)
	if o.state(t, held) != topup.Failed || o.state(t, sent) != topup.Unknown {
		t.Errorf("held is %s, unknown is %s", o.state(t, held), o.state(t, sent))
	}
	if v := verdicts(r); v[topup.Unknown] != operator.Cannot {
		t.Errorf("unknown: %s", v[topup.Unknown])
	}
}

func TestResolveNeedsTwoPeopleAboveTheLimit(t *testing.T) {
	t.Parallel()
	o := open(t, "100 ZAR")
	small, large := o.make(t, "small", "100.00", topup.Unresolved), o.make(t, "large", "100.01", topup.Unresolved)
	closed := operator.Resolution{To: topup.Failed, Evidence: "ticket 77"}
	resolve := func(p operator.Person, r operator.Resolution) {
		t.Helper()
		_, err := o.Apply().Resolve(t.Context(), byMerchant(o, p), r)
		must(t, err)
	}
	resolve(operator.Person{Name: "os:root"}, closed)
	if o.state(t, small) != topup.Failed || o.state(t, large) != topup.Unresolved {
		t.Fatalf("after somebody unproven: %s, %s", o.state(t, small), o.state(t, large))
	}
	if p, err := o.store.Proposals(t.Context()); err != nil || len(p) != 0 {
		t.Fatalf("somebody unproven has proposed: %v, %v", p, err)
	}
	resolve(ann, closed)
	resolve(ann, closed)
	resolve(bob, operator.Resolution{To: topup.Succeeded, Evidence: "statement"})
	if o.state(t, large) != topup.Unresolved {
		t.Fatal("closed by one person, or by two who disagree")
	}
	resolve(bob, closed)
	if o.state(t, large) != topup.Failed {
		t.Fatal("not closed by two people")
	}
	x, err := o.store.Get(t.Context(), large)
	must(t, err)
	last := x.History[len(x.History)-1]
	if last.Actor != "operator:bob" || !strings.Contains(last.Note, "proposed by ann") || !strings.Contains(last.Note, "ticket 77") {
		t.Errorf("history: %+v", last)
	}
	if p, err := o.store.Proposals(t.Context()); err != nil || len(p) != 0 {
		t.Errorf("proposals left: %v, %v", p, err)
	}
}

// TestTwoPeopleAtOnce lets two people resolve one case differently at the same time: one of them is first.
func TestTwoPeopleAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	for i := range 20 {
		id := o.make(t, "case-"+string(rune('a'+i)), "5.00", topup.Unresolved)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for p, to := range map[operator.Person]topup.State{ann: topup.Failed, bob: topup.Succeeded} {
			wg.Go(func() {
				order := operator.Order{By: p, Reason: "settled", Filter: operator.Filter{IDs: []topup.ID{id}}}
				r, err := o.Apply().Resolve(t.Context(), order, operator.Resolution{To: to, Evidence: "e"})
				if err != nil {
					t.Error(err)
					return
				}
				_, n, _ := r.Acting()
				mu.Lock()
				done += n
				mu.Unlock()
			})
		}
		wg.Wait()
		x, err := o.store.Get(t.Context(), id)
		must(t, err)
		if done != 1 || !x.State.Closed() || x.Version() != 5 {
			t.Fatalf("%d of two took effect, state %s, version %d", done, x.State, x.Version())
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	want := o.make(t, "ord-1001", "2.00", topup.Held)
	for _, ref := range []string{"ord-1002", "ord-1003"} {
		o.make(t, ref, "2.00", topup.Succeeded)
	}
	_, err := o.store.Update(t.Context(), want, func(x *topup.Topup) error { x.ProviderTransactionID = "987"; return nil })
	must(t, err)
	for name, f := range map[string]operator.Filter{
		"id": {IDs: []topup.ID{want}}, "reference": {Reference: "ord-1001"}, "state": {States: []topup.State{topup.Held}},
		"provider id": {ProviderID: "987", From: start.Add(-time.Hour), To: start.Add(time.Hour)}, "code": {Code: topup.CodeFloatEmpty, From: start.Add(-time.Hour), To: start.Add(time.Hour)},
		"number and state": {Recipient: "+27831234567", States: []topup.State{topup.Held}, From: start.Add(-time.Hour), To: start.Add(time.Hour)},
	} {
		found, err := o.Select(t.Context(), f, 10)
		if err != nil || len(found.Topups) != 1 || found.Topups[0].ID != want {
			t.Errorf("by %s: %d found, %v", name, len(found.Topups), err)
		}
	}
	found, err := o.Select(t.Context(), operator.Filter{Merchant: o.m, From: start.Add(-time.Hour), To: start.Add(time.Hour)}, 2)
	if err != nil || len(found.Topups) != 2 || !found.More {
		t.Errorf("with a limit: %d, more %v, %v", len(found.Topups), found.More, err)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	o := open(t, "")
	scope, err := operator.ParseScope("merchant:" + string(o.m))
	must(t, err)
	must(t, o.Preview().Pause(t.Context(), ann, "", scope))
	if p, err := o.store.Pauses(t.Context()); err != nil || len(p) != 0 {
		t.Fatalf("the preview has paused: %v, %v", p, err)
	}
	must(t, o.Apply().Pause(t.Context(), ann, "fraud case 12", scope))
	p, err := o.store.Pauses(t.Context())
	if err != nil || len(p) != 1 || p[0].Scope != scope || p[0].Pause.Note != "fraud case 12" {
		t.Fatalf("pauses: %+v, %v", p, err)
	}
	must(t, o.Apply().Resume(t.Context(), bob, "settled", scope))
	var refused *operator.Refusal
	if err := o.Apply().Resume(t.Context(), bob, "again", scope); !errors.As(err, &refused) {
		t.Errorf("resumed twice: %v", err)
	}
	assertAudit(t, o, "resume", 4)
	for _, bad := range []string{"", "aat", "provider:nobody", "operator:reloadly", "queue:x"} {
		if _, err := operator.ParseScope(bad); !errors.As(err, &refused) {
			t.Errorf("%q is taken as a scope: %v", bad, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l, err := operator.ParseLimits("1000 ZAR, 50 usd, 7")
	must(t, err)
	for text, want := range map[string]bool{"1000 ZAR": false, "1000.01 ZAR": true, "50.01 USD": true, "7 INR": false, "8 INR": true} {
		amount, currency, _ := strings.Cut(text, " ")
		if got := l.Exceeded(topup.Money{Amount: decimal.RequireFromString(amount), Currency: currency}); got != want {
			t.Errorf("%s exceeds: %v, want %v", text, got, want)
		}
	}
	for _, bad := range []string{"ZAR 1000", "-1", "1 2 3", "1 ZAR, 2 ZAR", "5 RAND"} {
		if _, err := operator.ParseLimits(bad); err == nil {
			t.Errorf("%q is taken as limits", bad)
		}
	}
}
