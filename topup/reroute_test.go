package topup_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"topupq/topup"
)

// twoProviders is one top-up that either of two providers may send; each knows its own bookings only.
type twoProviders struct {
	now    time.Time
	policy topup.Policy
	t      *topup.Topup
	booked map[topup.ProviderName]int
	token  uint64
}

func newTwoProviders() *twoProviders {
	w := newWorld(true)
	w.t.Provider, w.t.Alternates = topup.AAT, []topup.ProviderName{topup.Reloadly}
	return &twoProviders{now: w.now, policy: w.policy, t: w.t, booked: map[topup.ProviderName]int{}}
}

func (w *twoProviders) book() bool {
	if w.booked[w.t.Provider] > 0 {
		return false
	}
	w.booked[w.t.Provider]++
	return true
}

func (w *twoProviders) send(rt *rapid.T) {
	w.token++
	if w.t.BeginSend(w.policy, w.token, w.now) != nil {
		_ = w.t.Expire(w.now)
		return
	}
	var o topup.Outcome
	switch rapid.SampledFrom([]string{"ok", "answer lost", "refused", "away", "float empty", "worker dies", "worker dies after booking"}).Draw(rt, "fate") {
	case "ok":
		o = topup.Outcome{Answer: topup.Delivered}
		if !w.book() {
			o = topup.Outcome{Answer: topup.Duplicate}
		}
	case "answer lost":
		w.book()
	case "refused":
		o = topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}
	case "away":
		o = topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeProviderUnreachable}
	case "float empty":
		o = topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty}
	case "worker dies":
		return
	case "worker dies after booking":
		w.book()
		return
	}
	if err := w.t.RecordSend(w.policy, w.token, o, w.now); err != nil {
		rt.Fatalf("record: %v\n%s", err, history(w.t))
	}
}

func (w *twoProviders) check() {
	o := topup.Outcome{Answer: topup.Absent}
	if w.booked[w.t.Provider] > 0 {
		o = topup.Outcome{Answer: topup.Delivered}
	}
	_ = w.t.RecordCheck(w.policy, o, w.now) // not allowed before a send
}

// TestRerouteNeverPaysTwice plays random lives of a top-up that two providers may send. Together they book it once.
func TestRerouteNeverPaysTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newTwoProviders()
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"send", "check", "wait", "reroute", "replay", "cancel"}).Draw(rt, "step") {
			case "send":
				w.send(rt)
			case "check":
				w.check()
			case "wait":
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 3600).Draw(rt, "seconds")) * time.Second)
			case "reroute":
				sent := w.booked[topup.AAT]
				if w.t.Reroute(topup.Reloadly, topup.Product{OperatorID: 1}, topup.CodeProviderPaused, w.now) == nil && sent > 0 {
					rt.Fatalf("rerouted after a booking\n%s", history(w.t))
				}
			case "replay":
				_ = w.t.Replay("operator:a", "again", w.now)
			case "cancel":
				_ = w.t.Cancel(topup.ActorMerchant, "", w.now)
			}
			if n := w.booked[topup.AAT] + w.booked[topup.Reloadly]; n > 1 || n == 1 && w.t.RefundSafe() {
				rt.Fatalf("booked %v, refund safe %v\n%s", w.booked, w.t.RefundSafe(), history(w.t))
			}
		}
	})
}

func TestReroute(t *testing.T) {
	t.Parallel()
	w := newTwoProviders()
	w.t.Alternates = []topup.ProviderName{topup.RechargeKit, topup.Reloadly}
	send := func(o topup.Outcome) {
		t.Helper()
		w.token++
		if err := errors.Join(w.t.BeginSend(w.policy, w.token, w.now), w.t.RecordSend(w.policy, w.token, o, w.now)); err != nil {
			t.Fatal(err)
		}
	}
	if w.t.WantsReroute(time.Minute, w.now) {
		t.Error("wants another provider before its own was tried")
	}
	send(topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeProviderUnreachable, Predicted: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Network: "MTN"})
	if w.t.WantsReroute(time.Minute, w.now.Add(59*time.Second)) || !w.t.WantsReroute(time.Minute, w.now.Add(time.Minute)) {
		t.Error("patience with a provider that is away is not a minute")
	}
	send(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty, ProviderCode: "insufficient credit"})
	if w.t.State != topup.Accepted || !w.t.WantsReroute(time.Hour, w.now) || !w.t.DueAt.Equal(w.now) {
		t.Fatalf("%s, due %v: a refusal of us is not handed on at once", w.t.State, w.t.DueAt)
	}
	product := topup.Product{OperatorID: 1, UseLocalAmount: true}
	if err := w.t.Reroute(topup.Reloadly, product, w.t.Waiting, w.now); err != nil {
		t.Fatal(err)
	}
	want := []any{topup.Accepted, topup.Reloadly, product, 0, 2, topup.Code(""), topup.Money{}, ""}
	got := []any{w.t.State, w.t.Provider, w.t.Ordered(), w.t.Tries, w.t.Attempts, w.t.Waiting, w.t.Predicted, w.t.Network}
	if d := cmp.Diff(want, got); d != "" || len(w.t.Alternates) != 0 {
		t.Errorf("alternates %v, %s", w.t.Alternates, d)
	}
	last := w.t.History[len(w.t.History)-2:]
	if last[0].To != topup.Held || last[0].Reason != topup.CodeFloatEmpty || last[1].Reason != topup.CodeRerouted || last[1].Note != "aat to reloadly" {
		t.Errorf("history ends with %+v", last)
	}
	send(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty})
	if w.t.State != topup.Held {
		t.Errorf("%s: nobody is left, so a person has to help", w.t.State)
	}
}

// TestRerouteIsRefused: where anything may have been sent, and where no other provider was named.
func TestRerouteIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*topup.Topup){
		"exposed":       func(x *topup.Topup) { x.Exposed = true },
		"unproved":      func(x *topup.Topup) { x.Unproved = true },
		"refused once":  func(x *topup.Topup) { x.Refusal = &topup.Failure{} },
		"restored":      func(x *topup.Topup) { x.RecoveredAt = x.CreatedAt },
		"no alternates": func(x *topup.Topup) { x.Alternates = nil },
		"submitting":    func(x *topup.Topup) { x.State = topup.Submitting },
		"pending":       func(x *topup.Topup) { x.State = topup.Pending },
		"unknown":       func(x *topup.Topup) { x.State = topup.Unknown },
		"unresolved":    func(x *topup.Topup) { x.State = topup.Unresolved },
		"failed":        func(x *topup.Topup) { x.State = topup.Failed },
	} {
		w := newTwoProviders()
		w.t.Waiting = topup.CodeFloatEmpty
		change(w.t)
		if err := w.t.Reroute(topup.Reloadly, topup.Product{}, topup.CodeFloatEmpty, w.now); !errors.Is(err, topup.ErrNotAllowed) || w.t.WantsReroute(0, w.now) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newTwoProviders()
	if err := w.t.Reroute(topup.RechargeKit, topup.Product{}, topup.CodeFloatEmpty, w.now); !errors.Is(err, topup.ErrNotAllowed) {
		t.Errorf("to a provider that was not named: %v", err)
	}
	if err := w.t.StayRouted(); err != nil || w.t.MayReroute() {
		t.Errorf("alternates given up: %v, %v", err, w.t.Alternates)
	}
	if err := w.t.StayRouted(); !errors.Is(err, topup.ErrNotAllowed) {
		t.Errorf("given up twice: %v", err)
	}
}

// TestFoundElsewhere: after a recovery of the store a top-up with alternates is not sent before they were asked; one that
// may be there is asked about there.
func TestFoundElsewhere(t *testing.T) {
	t.Parallel()
	w := newTwoProviders()
	made := w.t.CreatedAt
	for name, k := range map[string]struct {
		change    func(*topup.Topup)
		recovered time.Time
		want      bool
	}{
		"never recovered":     {func(*topup.Topup) {}, time.Time{}, false},
		"made soon after":     {func(*topup.Topup) {}, made.Add(-time.Hour), true},
		"made before":         {func(*topup.Topup) {}, made.Add(time.Hour), true},
		"made long after":     {func(*topup.Topup) {}, made.Add(-25 * time.Hour), false},
		"in doubt since long": {func(x *topup.Topup) { x.RecoveredAt = made }, made.Add(-25 * time.Hour), true},
		"one provider":        {func(x *topup.Topup) { x.Alternates = nil }, made, false},
		"not to be sent":      {func(x *topup.Topup) { x.State = topup.Pending }, made, false},
	} {
		x := *newTwoProviders().t
		k.change(&x)
		if got := x.MayBeElsewhere(k.recovered); got != k.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if err := w.t.FoundElsewhere(topup.Reloadly, w.now); err != nil {
		t.Fatal(err)
	}
	if w.t.State != topup.Unknown || w.t.Provider != topup.Reloadly || !w.t.Exposed || !w.t.DueAt.Equal(w.now) || w.t.MayReroute() {
		t.Errorf("%s at %s, due %v", w.t.State, w.t.Provider, w.t.DueAt)
	}
	if err := w.t.FoundElsewhere(topup.AAT, w.now); !errors.Is(err, topup.ErrNotAllowed) {
		t.Errorf("found while unknown: %v", err)
	}
}

// TestFailureTellsWhatWasTried: a failure before anything was sent has the adapter's words, any other the code's.
func TestFailureTellsWhatWasTried(t *testing.T) {
	t.Parallel()
	for _, code := range []topup.Code{topup.CodeNotResolved, topup.CodeProviderFailed} {
		w := newTwoProviders()
		err := errors.Join(w.t.BeginSend(w.policy, 1, w.now), w.t.RecordSend(w.policy, 1, topup.Outcome{Answer: topup.Refused, Code: code, Message: "Asked A and B."}, w.now))
		if err != nil {
			t.Fatal(err)
		}
		want := topup.FailureText(code)
		if slices.Contains([]topup.Code{topup.CodeNotResolved}, code) {
			want = "Asked A and B. Nobody was charged."
		}
		if w.t.Failure.Message != want || w.t.Explain() != want {
			t.Errorf("%s: %q, explained %q", code, w.t.Failure.Message, w.t.Explain())
		}
	}
}

// TestWithdrawnIsNotSentAgain: what cannot be cancelled because it may have been sent, but should not go on either, is failed
// once it is proved absent, and succeeds where it is not.
func TestWithdrawnIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for answer, want := range map[topup.Answer]topup.State{topup.Absent: topup.Failed, topup.Delivered: topup.Succeeded} {
		w := newTwoProviders()
		if err := errors.Join(w.t.BeginSend(w.policy, 1, w.now), w.t.Withdraw(w.now), w.t.RecordSend(w.policy, 1, topup.Outcome{}, w.now)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			w.now = w.now.Add(5 * time.Minute)
			if err := w.t.RecordCheck(w.policy, topup.Outcome{Answer: answer}, w.now); err != nil {
				t.Fatal(err)
			}
		}
		if w.t.State != want {
			t.Errorf("answered %v: %s, want %s", answer, w.t.State, want)
		}
	}
}
