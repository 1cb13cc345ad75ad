package workers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// overPause is a bench whose provider was paused by its own answers, until a minute ago.
func overPause(t *testing.T, spacing time.Duration) (*bench, topup.Pause) {
	t.Helper()
	b := newBench(t, spacing)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	pause := topup.Pause{Reason: topup.CodeFloatEmpty, Actor: topup.ActorWorker, Since: b.clock(), Until: b.clock().Add(time.Minute), Strikes: 3}
	check(t, b.store.PauseProvider(t.Context(), topup.AAT, pause))
	b.pass(2 * time.Minute)
	return b, pause
}

// createFor makes a top-up of a number of its own.
func (b *bench) createFor(number topup.MSISDN, reference string, expires time.Duration) topup.ID {
	b.t.Helper()
	x := &topup.Topup{
		ID: topup.NewID("merx", reference), Merchant: "merx", Reference: reference, Recipient: number, Country: "ZA",
		Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}, Provider: topup.AAT, ExpiresAt: b.clock().Add(expires),
	}
	check(b.t, x.Accept(topup.ActorIntake, b.clock()))
	if _, err := b.store.Create(b.t.Context(), []*topup.Topup{x}); err != nil {
		b.t.Fatal(err)
	}
	return x.ID
}

// TestProbeThatIsPutOffIsGivenBack: a top-up that was to test whether a pause is over, and has to wait for its number's
// turn, leaves that to the next one at once.
func TestProbeThatIsPutOffIsGivenBack(t *testing.T) {
	t.Parallel()
	b, pause := overPause(t, 10*time.Minute)
	if _, err := b.store.ReserveNumber(t.Context(), topup.AAT, "+27831234567", "another", 10*time.Minute, b.clock()); err != nil {
		t.Fatal(err)
	}
	first, second := b.createFor("+27831234567", "a", time.Hour), b.createFor("+27831234568", "b", time.Hour)
	check(t, b.run(first))
	if x := b.get(first); x.State != topup.Accepted || x.Waiting != topup.CodeRecentlyRecharged {
		t.Fatalf("%s, waits for %q", x.State, x.Waiting)
	}
	if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || *p != pause {
		t.Errorf("paused as %+v, %v", p, err)
	}
	check(t, b.run(second))
	if b.state(second) != topup.Succeeded || b.provider.sent() != 1 {
		t.Errorf("%s after %d sends", b.state(second), b.provider.sent())
	}
	if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p != nil {
		t.Errorf("still paused: %+v, %v", p, err)
	}
}

// TestProbeThatIsReroutedIsGivenBack: so does one that goes to another provider instead.
func TestProbeThatIsReroutedIsGivenBack(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.provider.submit = answer(floatEmpty)
	id := c.create("r")
	check(t, c.run(id))
	c.pass(time.Hour) // the pause is over, and it still waits because of the float
	pause, err := c.store.Paused(t.Context(), topup.AAT)
	check(t, err)
	check(t, c.run(id))
	c.want(id, topup.Reloadly, topup.Accepted, 1, 0)
	if p, err := c.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || *p != *pause {
		t.Errorf("paused as %+v, was %+v, %v", p, pause, err)
	}
}

// TestOneProbe: of many top-ups at the end of a pause one is sent; the others wait for it.
func TestOneProbe(t *testing.T) {
	t.Parallel()
	b, _ := overPause(t, 0)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	b.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
		arrived <- struct{}{}
		<-release
		return floatEmpty, nil
	}
	ids := make([]topup.ID, 16)
	for i := range ids {
		ids[i] = b.createFor(topup.MSISDN(fmt.Sprintf("+278312345%02d", i)), fmt.Sprint(i), time.Hour)
	}
	var wg, others sync.WaitGroup
	others.Add(len(ids) - 1)
	for _, id := range ids {
		wg.Go(func() {
			_ = b.run(id) // the one that is refused ends in the archive
			if b.state(id) == topup.Accepted {
				others.Done()
			}
		})
	}
	<-arrived
	others.Wait()
	close(release)
	wg.Wait()
	if b.provider.sent() != 1 {
		t.Errorf("%d probes at once", b.provider.sent())
	}
	if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || p.Strikes != 4 {
		t.Errorf("paused as %+v, %v", p, err)
	}
}

// TestGivenBackProbeKeepsAPersonsPause: what a person does meanwhile stays.
func TestGivenBackProbeKeepsAPersonsPause(t *testing.T) {
	t.Parallel()
	b, pause := overPause(t, 0)
	during := pause
	during.Until = b.clock().Add(probeTime)
	person := topup.Pause{Reason: topup.CodePaused, Actor: topup.ActorOperator("ann"), Since: b.clock()}
	check(t, b.store.PauseProvider(t.Context(), topup.AAT, person))
	check(t, b.submit.gate.giveBack(t.Context(), topup.AAT, &probe{pause, during}))
	if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || *p != person {
		t.Errorf("paused as %+v, %v", p, err)
	}
}
