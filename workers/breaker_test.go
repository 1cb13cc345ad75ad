package workers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// TestBreakerWait: while a provider is away a top-up looks again every 5 s at first and every minute in the end, and
// knows since when it is away however often it was tried.
func TestBreakerWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(topup.AAT)
		try := func(err error) {
			t.Helper()
			done, denied := b.Allow()
			if denied != nil {
				t.Fatal(denied)
			}
			done(err)
		}
		away := errors.New("away")
		for range breakerFailures - 1 {
			try(away)
		}
		if w := b.wait(time.Now()); !w.until.IsZero() {
			t.Errorf("waits until %v before the breaker is open", w.until)
		}
		try(away)
		since := time.Now()
		for _, step := range []struct{ at, want time.Duration }{
			{0, breakerPause}, {40 * time.Second, 10 * time.Second}, {time.Hour, awayMost},
		} {
			if step.at > 0 {
				<-time.After(time.Until(since.Add(step.at)))
				if w := b.wait(time.Now()); !w.until.IsZero() {
					t.Error("nobody may try whether it is back")
				}
				try(away)
			}
			w := b.wait(time.Now())
			if time.Until(w.until) != step.want || w.code != topup.CodeProviderUnreachable || !w.refused.Equal(since) {
				t.Errorf("after %v: waits %v for %s, away since %v", step.at, time.Until(w.until), w.code, w.refused)
			}
		}
		<-time.After(breakerPause + time.Millisecond)
		try(nil)
		if w := b.wait(time.Now()); !w.until.IsZero() || b.since.Load() != 0 {
			t.Errorf("still away after an answer: %+v", w)
		}
	})
}

// TestAwayWritesNothing: a provider that cannot be reached is tried by few, and a top-up that is not sent gets no line
// in its history for it.
func TestAwayWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = notReached
	for i := range breakerFailures {
		check(t, b.run(b.create(string(rune('a'+i)))))
	}
	id := b.create("waits")
	for range 100 {
		check(t, b.run(id))
		b.pass(time.Minute)
	}
	x := b.get(id)
	if b.provider.sent() != breakerFailures || x.Attempts != 0 || len(x.History) != 1 {
		t.Errorf("%d sends, %d attempts, %d lines", b.provider.sent(), x.Attempts, len(x.History))
	}
	if x.State != topup.Accepted || x.Waiting != topup.CodeProviderUnreachable || x.DueAt.IsZero() {
		t.Errorf("%s, waits for %q until %v", x.State, x.Waiting, x.DueAt)
	}
}

// TestAwayIsRerouted: what waits for a provider that is away goes to the next one without having been sent.
func TestAwayIsRerouted(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.submit.FailoverAfter = time.Nanosecond
	c.provider.submit = notReached
	for i := range breakerFailures {
		check(t, c.run(c.bench.create(string(rune('a'+i)))))
	}
	id := c.create("r")
	check(t, c.run(id))
	x := c.want(id, topup.Reloadly, topup.Accepted, breakerFailures, 0)
	if x.Attempts != 0 || x.History[1].Reason != topup.CodeProviderUnreachable {
		t.Errorf("%d attempts, history %+v", x.Attempts, x.History)
	}
	check(t, c.run(id))
	c.want(id, topup.Reloadly, topup.Succeeded, breakerFailures, 1)
}

// TestAwayAndPausedByAPersonStays: a person's pause keeps what waits, whether the provider can be reached or not.
func TestAwayAndPausedByAPersonStays(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.submit.FailoverAfter = time.Nanosecond
	c.provider.submit = notReached
	for i := range breakerFailures {
		check(t, c.run(c.bench.create(string(rune('a'+i)))))
	}
	person := topup.Pause{Reason: topup.CodePaused, Actor: topup.ActorOperator("ann"), Since: c.clock()}
	check(t, c.store.PauseProvider(t.Context(), topup.AAT, person))
	id := c.create("r")
	check(t, c.run(id))
	if x := c.want(id, topup.AAT, topup.Accepted, breakerFailures, 0); x.Waiting != topup.CodeProviderPaused || len(c.second.quoted) != 0 {
		t.Errorf("waits for %q, other provider asked %d times", x.Waiting, len(c.second.quoted))
	}
}

// TestOtherProviderAwayIsNotWaitedFor: another provider that does not answer costs a backlog a few calls, not one each.
func TestOtherProviderAwayIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.provider.submit = answer(floatEmpty)
	c.second.quote = func(topup.Order) (topup.Quote, error) {
		return topup.Quote{}, &topup.NotSentError{Code: topup.CodeProviderUnreachable, Err: context.DeadlineExceeded}
	}
	for i := range 20 {
		id := c.create(string(rune('a' + i)))
		check(t, c.run(id))
		c.pass(time.Hour)
		check(t, c.run(id))
		check(t, c.run(id))
	}
	if n := len(c.second.quoted); n != breakerFailures {
		t.Errorf("asked %d times", n)
	}
	if c.second.sent() != 0 {
		t.Error("sent without having been asked")
	}
}

// TestPanickingProbeFreesTheBreaker: a probe that panics is an end like any other, or nobody would ever probe again.
func TestPanickingProbeFreesTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		routes := NewRoutes(map[topup.ProviderName]Route{topup.AAT: {Provider: clumsy{}}})
		r := routes[topup.AAT]
		for range breakerFailures {
			done, err := r.breaker.Allow()
			if err != nil {
				t.Fatal(err)
			}
			done(errors.New("away"))
		}
		if _, away := routes.Away()[topup.AAT]; !away {
			t.Error("an open breaker is not told")
		}
		<-time.After(breakerPause + time.Millisecond)
		if out := r.submit(t.Context(), topup.Order{}, zap.NewNop()); out.Answer != topup.Unclear {
			t.Errorf("a panic concludes %s", out.Answer)
		}
		if _, err := r.breaker.Allow(); err != nil || len(routes.Away()) != 0 {
			t.Errorf("after the probe that panicked: %v, away %v", err, routes.Away())
		}
	})
}

// clumsy panics with every send.
type clumsy struct{ topup.Provider }

func (clumsy) Submit(context.Context, topup.Order) (topup.Outcome, error) {
	panic("no answer")
}
