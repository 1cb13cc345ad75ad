package topup_test

import (
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"topupq/topup"
)

// world is a provider as it may honestly behave, and the workers around one top-up: sends get lost before or after
// booking, arrive late, answers are lost, workers die. The real transitions decide what happens next.
type world struct {
	policy topup.Policy
	now    time.Time
	t      *topup.Topup
	booked int
	// inFlight are sends that have left us and may still book until their time.
	inFlight []time.Time
	token    uint64
	// frozen are answers whose workers have not come round to recording them.
	frozen []frozen
}

type frozen struct {
	token uint64
	o     topup.Outcome
}

func newWorld(byAnswer bool) *world {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	w := &world{
		now: start,
		policy: topup.Policy{
			Plan:    topup.Plan{Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23 * time.Hour), Confirm: topup.ConfirmHourly},
			Traits:  topup.Traits{RefusesRepeat: true, AbsenceByAnswer: byAnswer, Hold: time.Minute},
			Timeout: 30 * time.Second, Margin: 5 * time.Second,
		},
	}
	w.t = &topup.Topup{ID: topup.NewID("m", "r"), Merchant: "m", Reference: "r", Recipient: "+27831234567", Provider: topup.AAT, Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, ExpiresAt: start.Add(24 * time.Hour)}
	if err := w.t.Accept(topup.ActorIntake, start); err != nil {
		panic(err) // a new record can always be accepted
	}
	return w
}

// book is the provider taking an order; a repeated reference is refused.
func (w *world) book() bool {
	if w.booked > 0 {
		return false
	}
	w.booked++
	return true
}

// pass lets time go by; a send in flight books at any moment until its time.
func (w *world) pass(rt *rapid.T, d time.Duration) {
	w.now = w.now.Add(d)
	rest := w.inFlight[:0]
	for _, until := range w.inFlight {
		switch {
		case rapid.Bool().Draw(rt, "arrives"):
			w.book()
		case w.now.Before(until):
			rest = append(rest, until)
		}
	}
	w.inFlight = rest
}

// send is a worker's whole life on one wake-up.
func (w *world) send(rt *rapid.T) {
	w.token++
	if err := w.t.BeginSend(w.policy, w.token, w.now); err != nil {
		_ = w.t.Expire(w.now)
		return
	}
	fate := rapid.SampledFrom([]string{"ok", "answer lost", "lost", "late", "refused", "busy", "blocked", "worker dies", "worker dies after booking", "worker freezes", "worker freezes on a refusal"}).Draw(rt, "fate")
	var o topup.Outcome
	switch fate {
	case "ok":
		if w.book() {
			o = topup.Outcome{Answer: topup.Delivered}
		} else {
			o = topup.Outcome{Answer: topup.Duplicate}
		}
	case "answer lost":
		w.book()
	case "lost":
	case "late":
		w.inFlight = append(w.inFlight, w.t.SendDeadline.Add(w.policy.Traits.Hold))
	case "refused":
		o = topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}
	case "busy":
		o = topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeRateLimited}
	case "blocked":
		o = topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty}
	case "worker dies":
		return
	case "worker dies after booking":
		w.book()
		return
	case "worker freezes":
		if w.book() {
			o = topup.Outcome{Answer: topup.Delivered}
		} else {
			o = topup.Outcome{Answer: topup.Duplicate}
		}
		w.frozen = append(w.frozen, frozen{w.token, o})
		return
	case "worker freezes on a refusal":
		w.frozen = append(w.frozen, frozen{w.token, topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}})
		return
	}
	w.pass(rt, time.Duration(rapid.IntRange(0, 20).Draw(rt, "call seconds"))*time.Second)
	if err := w.t.RecordSend(w.policy, w.token, o, w.now); err != nil {
		rt.Fatalf("record %s: %v", fate, err)
	}
	if err := w.t.RecordSend(w.policy, w.token, o, w.now); !errors.Is(err, topup.ErrUnchanged) {
		rt.Fatalf("record %s again: %v, want no change\n%s", fate, err, history(w.t))
	}
}

// check asks the provider, which answers honestly or not at all.
func (w *world) check(rt *rapid.T) {
	var o topup.Outcome
	switch {
	case rapid.IntRange(0, 3).Draw(rt, "no answer") == 0:
	case w.booked > 0:
		o = topup.Outcome{Answer: topup.Delivered}
	default:
		o = topup.Outcome{Answer: topup.Absent}
	}
	_ = w.t.RecordCheck(w.policy, o, w.now) // not allowed while a send runs: then nothing was asked
}

// thaw lets a frozen worker record its answer at last.
func (w *world) thaw(rt *rapid.T) {
	if len(w.frozen) == 0 {
		return
	}
	f := w.frozen[0]
	w.frozen = w.frozen[1:]
	if err := w.t.RecordSend(w.policy, f.token, f.o, w.now); err != nil && !errors.Is(err, topup.ErrUnchanged) {
		rt.Fatalf("late answer: %v", err)
	}
}

// settled checks the promises that hold in every state.
func (w *world) settled(rt *rapid.T) {
	if w.booked > 1 {
		rt.Fatalf("booked %d times", w.booked)
	}
	mayStillBook := false
	for _, until := range w.inFlight {
		mayStillBook = mayStillBook || w.now.Before(until)
	}
	if (w.t.State == topup.Failed || w.t.RefundSafe()) && (w.booked > 0 || mayStillBook) {
		rt.Fatalf("%s and refund safe %v, but the provider has or may yet have it\n%s", w.t.State, w.t.RefundSafe(), history(w.t))
	}
	if w.t.State == topup.Succeeded && w.booked == 0 {
		rt.Fatalf("succeeded without a booking\n%s", history(w.t))
	}
}

func history(t *topup.Topup) (out string) {
	for _, m := range t.History {
		out += m.At.Format("15:04:05") + " " + m.From.String() + " > " + m.To.String() + " " + string(m.Reason) + "\n"
	}
	return out
}

// TestNeverFailsWhatIsBooked plays random lives of one top-up. A provider whose answers prove absence, and one where
// only a resend can tell.
func TestNeverFailsWhatIsBooked(t *testing.T) {
	t.Parallel()
	for name, byAnswer := range map[string]bool{"absence by answer": true, "absence by resend": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				w := newWorld(byAnswer)
				for range rapid.IntRange(1, 40).Draw(rt, "steps") {
					switch rapid.SampledFrom([]string{"send", "check", "wait", "long wait", "replay", "cancel", "expire", "thaw"}).Draw(rt, "step") {
					case "send":
						w.send(rt)
					case "check":
						w.check(rt)
					case "wait":
						w.pass(rt, time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds"))*time.Second)
					case "long wait":
						w.pass(rt, time.Duration(rapid.IntRange(1, 600).Draw(rt, "minutes"))*time.Minute)
					case "replay":
						_ = w.t.Replay("operator:a", "again", w.now)
					case "cancel":
						_ = w.t.Cancel(topup.ActorMerchant, "", w.now)
					case "expire":
						_ = w.t.Expire(w.now)
					case "thaw":
						w.thaw(rt)
					}
					w.settled(rt)
				}
			})
		})
	}
}
