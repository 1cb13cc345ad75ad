package workers

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"topupq/topup"
)

// interrupted quotes what it is told, without a lock around it.
type interrupted struct {
	*scripted
	quote func(topup.Order) (topup.Quote, error)
}

func (q *interrupted) Quote(_ context.Context, o topup.Order) (topup.Quote, error) { return q.quote(o) }

// TestRerouteUnderAnotherJob: two jobs of one top-up run at once. The first waits for the quote of the other provider and
// does not get it; meanwhile the second gets one and hands the top-up over. The first then goes on with a record that has
// moved, and must not pay the provider that it began with: the record would tell of the other one.
func TestRerouteUnderAnotherJob(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	second := &interrupted{scripted: c.second.scripted}
	c.submit.Routes[topup.Reloadly].Provider = second
	c.provider.submit = notReached
	id := c.create("r")
	check(t, c.run(id))
	c.pass(31 * time.Second)

	booked := 0
	c.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		booked++
		return topup.Outcome{}, errors.New("answer lost")
	}
	second.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		booked++
		return topup.Outcome{Answer: topup.Delivered}, nil
	}
	var quotes atomic.Int64
	second.quote = func(o topup.Order) (topup.Quote, error) {
		if quotes.Add(1) == 1 {
			check(t, c.run(id))
			return topup.Quote{}, errors.New("no answer")
		}
		return topup.Quote{Product: o.Product}, nil
	}
	_ = c.run(id)
	for range 10 {
		c.pass(5 * time.Minute)
		_ = c.run(id)
	}
	x := c.get(id)
	if booked != 1 || x.State != topup.Succeeded || x.Provider != topup.Reloadly {
		t.Errorf("paid %d times, %d at the first provider; %s at %s", booked, c.provider.sent()-1, x.State, x.Provider)
	}
}

// heldBack is a ledger whose batch, operator or merchant is paused as soon as somebody asks for a quote.
type heldBack struct {
	Ledger
	held *atomic.Bool
}

func (l heldBack) PausedScope(context.Context, *topup.Topup) (*topup.Pause, error) {
	if l.held.Load() {
		return &topup.Pause{Reason: topup.CodeBatchHeld}, nil
	}
	return nil, nil
}

// TestStoppedDuringAQuote: a quote of another provider may take half a minute. What is held, or whose provider a person
// pauses, in that time is not sent at its own provider when there is no quote in the end.
func TestStoppedDuringAQuote(t *testing.T) {
	t.Parallel()
	for _, byHold := range []bool{true, false} {
		c := newCrossing(t)
		var held atomic.Bool
		c.submit.gate = newGate(heldBack{c.store, &held}, c.clock, nil)
		second := &interrupted{scripted: c.second.scripted}
		c.submit.Routes[topup.Reloadly].Provider = second
		c.provider.submit = notReached
		id := c.create("r")
		check(t, c.run(id))
		c.pass(31 * time.Second)
		c.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
		second.quote = func(topup.Order) (topup.Quote, error) {
			if held.Store(byHold); !byHold {
				check(t, c.store.PauseProvider(t.Context(), topup.AAT, topup.Pause{Reason: topup.CodeProviderPaused, Actor: "operator:ann", Since: c.clock()}))
			}
			return topup.Quote{}, errors.New("no answer")
		}
		check(t, c.run(id))
		if x := c.want(id, topup.AAT, topup.Accepted, 1, 0); x.Waiting != topup.CodeBatchHeld && x.Waiting != topup.CodeProviderPaused {
			t.Errorf("waits for %q", x.Waiting)
		}
	}
}
