package workers

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

// TestSubmittedAgainAfterALoss has a merchant submit again what the store has lost: the provider refuses the repeat for
// another reason than that it is one, while it holds the booking of the first.
func TestSubmittedAgainAfterALoss(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]topup.Outcome{
		"refused": {Answer: topup.Refused, Code: topup.CodeOperatorUnavailable},
		"blocked": {Answer: topup.Blocked, Code: topup.CodeFloatEmpty},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			if err := b.store.MarkRecovered(t.Context(), b.clock()); err != nil {
				t.Fatal(err)
			}
			b.pass(time.Minute)
			b.provider.submit = answer(refusal)
			b.provider.check = read(topup.Outcome{Answer: topup.Delivered})
			id := b.create("again")
			if err := b.run(id); err != nil || b.state(id) != topup.Unknown {
				t.Fatalf("%v, state %s, want unknown", err, b.state(id))
			}
			if err := b.ask(id); err != nil || b.state(id) != topup.Succeeded {
				t.Errorf("%v, state %s, want succeeded", err, b.state(id))
			}
			b.pass(25 * time.Hour)
			id = b.create("long after")
			_ = b.run(id) // held ones are archived, which is an error to asynq
			if s := b.state(id); s != topup.Failed && s != topup.Held {
				t.Errorf("a day later a refusal is believed again, but state is %s", s)
			}
		})
	}
}

// TestRecoveryIsAskedAboutOnce has the clock of the process that noticed run ahead.
func TestRecoveryIsAskedAboutOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	id := b.create("old")
	if err := b.store.MarkRecovered(t.Context(), b.clock().Add(3*time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	b.provider.check = read(topup.Outcome{Answer: topup.Absent})
	if err := b.run(id); err != nil || b.state(id) != topup.Unknown {
		t.Fatalf("%v, state %s, want unknown", err, b.state(id))
	}
	if x := b.get(id); x.Predates(b.clock().Add(3 * time.Minute)) {
		t.Errorf("asked about at %v, and still in doubt", x.RecoveredAt)
	}
}

// TestPauseByAPersonOutlivesAProbe has a person pause the provider while the probe of a worker's pause is away.
func TestPauseByAPersonOutlivesAProbe(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	worker := topup.Pause{Reason: topup.CodeFloatEmpty, Actor: topup.ActorWorker, Since: b.clock(), Until: b.clock().Add(time.Second)}
	if err := b.store.PauseProvider(t.Context(), topup.AAT, worker); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute)
	b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		person := topup.Pause{Reason: topup.CodePaused, Actor: topup.ActorOperator("ann"), Since: b.clock()}
		return topup.Outcome{Answer: topup.Delivered}, b.store.PauseProvider(t.Context(), topup.AAT, person)
	}
	id := b.create("probe")
	if err := b.run(id); err != nil || b.state(id) != topup.Succeeded {
		t.Fatalf("%v, state %s", err, b.state(id))
	}
	if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || p.Actor != topup.ActorOperator("ann") {
		t.Errorf("pause %+v, %v", p, err)
	}
}

// TestTimesAreThoseOfTheLedger compares the record that the callback is made from with the one that is read later.
func TestTimesAreThoseOfTheLedger(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	cfg := b.submit.Config
	seen := &lastNotified{}
	cfg.Notifier = seen
	cfg.Now = func() time.Time { return b.clock().Add(123456789).In(time.FixedZone("east", 3600)) }
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	id := b.create("r")
	if err := NewSubmit(cfg, b.check).ProcessTask(t.Context(), asynq.NewTask("submit", []byte(id))); err != nil {
		t.Fatal(err)
	}
	x := b.get(id)
	if !seen.t.ClosedAt.Equal(x.ClosedAt) || !seen.t.UpdatedAt.Equal(x.UpdatedAt) || !seen.t.Callbacks[0].NextAt.Equal(x.Callbacks[0].NextAt) {
		t.Errorf("told %v, kept %v", seen.t.ClosedAt, x.ClosedAt)
	}
}

type lastNotified struct{ t *topup.Topup }

func (l *lastNotified) Notify(t *topup.Topup) { l.t = t }
