package workers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// backlog makes n top-ups of AAT, each for a number of its own, that Reloadly may take over.
func (c *crossing) backlog(n int) []topup.ID {
	c.t.Helper()
	var made []*topup.Topup
	for i := range n {
		x := &topup.Topup{
			ID: topup.NewID("merx", fmt.Sprint(i)), Merchant: "merx", Reference: fmt.Sprint(i), Recipient: topup.MSISDN(fmt.Sprintf("+2783123%04d", i)),
			Country: "ZA", Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT,
			Alternates: []topup.ProviderName{topup.Reloadly}, ExpiresAt: c.clock().Add(24 * time.Hour),
		}
		check(c.t, x.Accept(topup.ActorIntake, c.clock()))
		made = append(made, x)
	}
	if _, err := c.store.Create(c.t.Context(), made); err != nil {
		c.t.Fatal(err)
	}
	ids := make([]topup.ID, n)
	for i, x := range made {
		ids[i] = x.ID
	}
	return ids
}

// play runs whatever is due, as scheduler and queue do, second by second. It returns how many jobs ran.
func (c *crossing) play(d time.Duration) (jobs int) {
	c.t.Helper()
	for end := c.clock().Add(d); c.clock().Before(end); c.pass(time.Second) {
		for _, p := range []topup.ProviderName{topup.AAT, topup.Reloadly} {
			due, err := c.store.DueSends(c.t.Context(), p, c.clock(), c.clock().Add(30*time.Second), 10_000)
			check(c.t, err)
			for _, x := range due {
				_ = c.run(x.ID) // what a person has to help with goes to the archive
				jobs++
			}
		}
	}
	return jobs
}

// TestBlockedBacklogIsRerouted: what waits for a provider that refuses our account goes to the other one, each once and
// to nobody twice.
func TestBlockedBacklogIsRerouted(t *testing.T) {
	t.Parallel()
	const n = 60
	c := newCrossing(t)
	c.provider.submit = answer(floatEmpty)
	ids := c.backlog(n)
	jobs := c.play(2 * time.Minute)
	times := map[topup.ID]int{}
	for _, o := range c.second.submits {
		times[o.Reference]++
	}
	for _, id := range ids {
		if x := c.get(id); x.State != topup.Succeeded || x.Provider != topup.Reloadly || times[id] != 1 {
			t.Errorf("%s at %s, sent there %d times, waits for %q", x.State, x.Provider, times[id], x.Waiting)
		}
	}
	// Only probes go to the provider that refuses: after 5, 10, 20, 40 … s.
	if sent := c.provider.sent(); sent == 0 || sent > 8 {
		t.Errorf("%d sends to the provider that refuses", sent)
	}
	if jobs > 10*n {
		t.Errorf("%d jobs for %d top-ups", jobs, n)
	}
}

// TestAllDownDoesNotSpin: while no provider takes anything, a backlog costs a look now and then, and nothing is sent twice
// when they are back.
func TestAllDownDoesNotSpin(t *testing.T) {
	t.Parallel()
	away := func(topup.Order) (topup.Quote, error) {
		return topup.Quote{}, &topup.NotSentError{Code: topup.CodeProviderUnreachable, Err: errors.New("refused")}
	}
	for name, down := range map[string]func(*crossing){
		"both refuse us": func(c *crossing) {
			c.provider.submit, c.second.submit = answer(floatEmpty), answer(floatEmpty)
		},
		"one refuses us, the other is away": func(c *crossing) {
			c.provider.submit, c.second.submit, c.second.quote = answer(floatEmpty), notReached, away
		},
		"both are away": func(c *crossing) {
			c.provider.submit, c.second.submit, c.second.quote = notReached, notReached, away
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n, minutes = 20, 10
			c := newCrossing(t)
			takes := c.second.quote
			down(c)
			ids := c.backlog(n)
			jobs := c.play(minutes * time.Minute)
			// A provider that is away is looked at every 5 s here: the breaker's time is the real one, of which little passes.
			if most := n * (minutes*60/5 + 1); jobs > most {
				t.Errorf("%d jobs, %d a minute for each top-up", jobs, jobs/n/minutes)
			}
			for _, id := range ids {
				if x := c.get(id); len(x.History) > 40 {
					t.Errorf("%d lines of history", len(x.History))
				}
			}
			if sent := c.provider.sent() + c.second.sent(); sent > 5*n {
				t.Errorf("%d sends while nobody takes any", sent)
			}
			c.comeBack(takes)
			c.play(10 * time.Minute)
			c.wantEachOnce(ids)
		})
	}
}

// comeBack lets both providers take everything, and a person send again what was held.
func (c *crossing) comeBack(takes func(topup.Order) (topup.Quote, error)) {
	c.t.Helper()
	delivered := answer(topup.Outcome{Answer: topup.Delivered})
	c.provider.submit, c.second.submit, c.second.quote = delivered, delivered, takes
	c.provider.submits, c.second.submits = nil, nil
	for _, r := range c.submit.Routes {
		r.breaker = newBreaker("back")
	}
	for _, p := range []topup.ProviderName{topup.AAT, topup.Reloadly} {
		check(c.t, c.store.ResumeProvider(context.WithoutCancel(c.t.Context()), p))
	}
}

// wantEachOnce replays what is held and counts what was sent since comeBack.
func (c *crossing) wantEachOnce(ids []topup.ID) {
	c.t.Helper()
	for _, id := range ids {
		if c.state(id) == topup.Held {
			check(c.t, c.run(id))
		}
	}
	times := map[topup.ID]int{}
	for _, o := range append(append([]topup.Order(nil), c.provider.submits...), c.second.submits...) {
		times[o.Reference]++
	}
	for _, id := range ids {
		if x := c.get(id); x.State != topup.Succeeded || times[id] != 1 {
			c.t.Errorf("%s at %s after %d sends, waits for %q until %v", x.State, x.Provider, times[id], x.Waiting, x.DueAt)
		}
	}
}
