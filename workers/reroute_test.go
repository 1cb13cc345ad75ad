package workers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// quoting is a scripted provider that can tell what it would make of an order.
type quoting struct {
	*scripted
	quoted []topup.Order
	quote  func(topup.Order) (topup.Quote, error)
}

func (q *quoting) Quote(_ context.Context, o topup.Order) (topup.Quote, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.quoted = append(q.quoted, o)
	return q.quote(o)
}

// crossing is a bench with a second provider, which takes everything unless it is told otherwise.
type crossing struct {
	*bench
	second *quoting
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	b := newBench(t, 0)
	second := &quoting{scripted: &scripted{submit: answer(topup.Outcome{Answer: topup.Delivered}), check: read(topup.Outcome{Answer: topup.Absent})}}
	second.quote = func(o topup.Order) (topup.Quote, error) {
		o.Product.OperatorID, o.Product.UseLocalAmount = 341, true
		return topup.Quote{Product: o.Product}, nil
	}
	b.provider.check = read(topup.Outcome{Answer: topup.Absent})
	policy := b.submit.Routes[topup.AAT].Policy
	b.submit.Routes[topup.Reloadly] = NewRoutes(map[topup.ProviderName]Route{topup.Reloadly: {Provider: second, Policy: policy}})[topup.Reloadly]
	return &crossing{b, second}
}

// create makes a top-up of AAT that Reloadly may take over.
func (c *crossing) create(reference string) topup.ID {
	c.t.Helper()
	x := &topup.Topup{
		ID: topup.NewID("merx", reference), Merchant: "merx", Reference: reference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, Alternates: []topup.ProviderName{topup.Reloadly},
		ExpiresAt: c.clock().Add(24 * time.Hour),
	}
	check(c.t, x.Accept(topup.ActorIntake, c.clock()))
	if _, err := c.store.Create(c.t.Context(), []*topup.Topup{x}); err != nil {
		c.t.Fatal(err)
	}
	return x.ID
}

func (c *crossing) want(id topup.ID, p topup.ProviderName, st topup.State, firstSent, secondSent int) *topup.Topup {
	c.t.Helper()
	x := c.get(id)
	if x.Provider != p || x.State != st || c.provider.sent() != firstSent || c.second.sent() != secondSent {
		c.t.Errorf("%s at %s, sent %d and %d times; want %s at %s, %d and %d", x.State, x.Provider, c.provider.sent(), c.second.sent(), st, p, firstSent, secondSent)
	}
	return x
}

var (
	floatEmpty = topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty, Pause: true}
	notReached = func(context.Context, topup.Order) (topup.Outcome, error) {
		return topup.Outcome{}, &topup.NotSentError{Code: topup.CodeProviderUnreachable, Err: errors.New("refused")}
	}
)

// TestBlockedIsReroutedAtOnce: a provider that refuses our account loses the top-up to the next one of the route.
func TestBlockedIsReroutedAtOnce(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.provider.submit = answer(floatEmpty)
	id := c.create("r")
	check(t, c.run(id))
	c.want(id, topup.AAT, topup.Accepted, 1, 0)
	check(t, c.run(id))
	x := c.want(id, topup.Reloadly, topup.Accepted, 1, 0)
	if h := x.History[len(x.History)-2:]; h[0].Reason != topup.CodeFloatEmpty || h[1].Reason != topup.CodeRerouted || h[1].Note != "aat to reloadly" {
		t.Errorf("history ends with %+v", h)
	}
	if p := x.Ordered(); p.OperatorID != 341 || !p.UseLocalAmount || !c.second.quoted[0].Detour {
		t.Errorf("rerouted as %+v, quoted %+v", p, c.second.quoted)
	}
	check(t, c.run(id))
	c.want(id, topup.Reloadly, topup.Succeeded, 1, 1)
	if o := c.second.submits[0]; o.Reference != id || o.Product.OperatorID != 341 {
		t.Errorf("sent as %+v", o)
	}
}

// TestUnreachableIsReroutedAfterPatience: a provider that is away is waited for first.
func TestUnreachableIsReroutedAfterPatience(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.provider.submit = notReached
	id := c.create("r")
	check(t, c.run(id))
	c.pass(29 * time.Second)
	check(t, c.run(id))
	c.want(id, topup.AAT, topup.Accepted, 2, 0)
	c.pass(2 * time.Second)
	check(t, c.run(id))
	check(t, c.run(id))
	c.want(id, topup.Reloadly, topup.Succeeded, 2, 1)
}

// TestPausedIsRerouted: a provider that its own answers have paused for long loses what was not even sent; a person's
// pause keeps it.
func TestPausedIsRerouted(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	check(t, c.store.PauseProvider(t.Context(), topup.AAT, topup.Pause{Reason: topup.CodeFloatEmpty, Actor: topup.ActorWorker, Since: c.clock(), Until: c.clock().Add(5 * time.Minute)}))
	id := c.create("r")
	check(t, c.run(id))
	c.want(id, topup.AAT, topup.Accepted, 0, 0)
	c.pass(30 * time.Second)
	check(t, c.run(id))
	check(t, c.run(id))
	c.want(id, topup.Reloadly, topup.Succeeded, 0, 1)
	d := newCrossing(t)
	check(t, d.store.PauseProvider(t.Context(), topup.AAT, topup.Pause{Reason: topup.CodeProviderPaused, Actor: "operator:ann", Since: d.clock()}))
	id = d.create("r")
	d.pass(time.Hour)
	check(t, d.run(id))
	d.want(id, topup.AAT, topup.Accepted, 0, 0)
}

// TestUnknownIsNeverRerouted: with anything sent that may have arrived, the other provider gets nothing.
func TestUnknownIsNeverRerouted(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]topup.Outcome{
		"unclear": {}, "in progress": {Answer: topup.InProgress}, "duplicate": {Answer: topup.Duplicate, Code: topup.CodeDuplicateReference},
		"mismatch": {Answer: topup.Mismatch, Code: topup.CodeMismatch}, "refused": {Answer: topup.Refused, Code: topup.CodeInvalidRecipient},
	} {
		c := newCrossing(t)
		c.provider.submit = answer(o)
		id := c.create(name)
		check(t, c.run(id))
		c.pass(time.Hour)
		check(t, c.run(id))
		if x := c.get(id); x.Provider != topup.AAT || c.second.sent() != 0 || len(c.second.quoted) != 0 {
			t.Errorf("%s: %s at %s, %d sends of the other provider", name, x.State, x.Provider, c.second.sent())
		}
	}
}

// TestNobodyElseTakesIt: where the others would refuse it a person is needed; where they cannot be asked it waits.
func TestNobodyElseTakesIt(t *testing.T) {
	t.Parallel()
	refused := func(topup.Order) (topup.Quote, error) {
		return topup.Quote{Refusal: &topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidAmount}}, nil
	}
	c := newCrossing(t)
	c.provider.submit, c.second.quote = answer(floatEmpty), refused
	id := c.create("r")
	check(t, c.run(id))
	check(t, c.run(id)) // looks for another provider; its own is paused
	if x := c.want(id, topup.AAT, topup.Accepted, 1, 0); len(x.Alternates) != 0 {
		t.Errorf("still routed to %v", x.Alternates)
	}
	c.pass(10 * time.Second)
	if err := c.run(id); err == nil {
		t.Error("a held top-up's task is not archived")
	}
	c.want(id, topup.AAT, topup.Held, 2, 0)

	d := newCrossing(t)
	d.provider.submit = answer(floatEmpty)
	d.second.quote = func(topup.Order) (topup.Quote, error) { return topup.Quote{}, errors.New("no answer") }
	id = d.create("r")
	check(t, d.run(id))
	check(t, d.run(id))
	if x := d.want(id, topup.AAT, topup.Accepted, 1, 0); len(x.Alternates) != 1 || x.Waiting != topup.CodeProviderPaused {
		t.Errorf("waits for %s, routed to %v", x.Waiting, x.Alternates)
	}
}

// TestRecoveredStoreAsksElsewhere: a store that was restored may have forgotten that a top-up went to the other provider.
// Nothing is sent before that one has said that it does not have it.
func TestRecoveredStoreAsksElsewhere(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		there topup.Outcome
		p     topup.ProviderName
		st    topup.State
		sent  int
	}{
		"not there":  {topup.Outcome{Answer: topup.Absent}, topup.AAT, topup.Succeeded, 1},
		"there":      {topup.Outcome{Answer: topup.Delivered}, topup.Reloadly, topup.Unknown, 0},
		"running":    {topup.Outcome{Answer: topup.InProgress}, topup.Reloadly, topup.Unknown, 0},
		"not said":   {topup.Outcome{}, topup.Reloadly, topup.Unknown, 0},
		"was failed": {topup.Outcome{Answer: topup.Refused}, topup.Reloadly, topup.Unknown, 0},
	} {
		c := newCrossing(t)
		c.provider.submit, c.second.check = answer(topup.Outcome{Answer: topup.Delivered}), read(k.there)
		check(t, c.store.MarkRecovered(t.Context(), c.clock()))
		c.pass(time.Second)
		id := c.create(name)
		check(t, c.run(id))
		if x := c.want(id, topup.AAT, topup.Accepted, 0, 0); x.Waiting != topup.CodeRestored || c.second.checks != 0 {
			t.Errorf("%s: asked before the other provider can know", name)
		}
		c.pass(2 * time.Minute)
		check(t, c.run(id))
		c.want(id, k.p, k.st, k.sent, 0)
	}
	c := newCrossing(t)
	c.provider.submit = answer(floatEmpty)
	check(t, c.store.MarkRecovered(t.Context(), c.clock().Add(-time.Hour)))
	id := c.create("blocked")
	for range 3 {
		_ = c.run(id)
	}
	if x := c.get(id); x.Provider != topup.AAT || c.second.sent() != 0 {
		t.Errorf("rerouted to %s although it may have been sent before", x.Provider)
	}
}
