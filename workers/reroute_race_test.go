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
