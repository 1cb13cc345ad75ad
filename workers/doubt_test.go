package workers

import (
	"context"
	"testing"
	"time"

	"topupq/topup"
)

// TestSubmittedAgainExpires: after the store was lost the merchant submits again what was booked before. When that expires
// unsent, nothing is proved: the provider is asked first.
func TestSubmittedAgainExpires(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		there topup.Outcome
		want  topup.State
	}{
		"booked":     {topup.Outcome{Answer: topup.Delivered}, topup.Succeeded},
		"not booked": {topup.Outcome{Answer: topup.Absent}, topup.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			b.provider.check = read(k.there)
			check(t, b.store.MarkRecovered(t.Context(), b.clock()))
			b.pass(time.Hour)
			id := b.create("again")
			b.pass(25 * time.Hour)
			check(t, b.run(id))
			if x := b.get(id); x.State != topup.Unknown || x.RefundSafe() || x.DueAt.After(b.clock()) {
				t.Fatalf("%s, refund safe %v, asked at %s", x.State, x.RefundSafe(), x.DueAt)
			}
			for range 2 {
				check(t, b.ask(id))
				b.pass(5 * time.Minute)
			}
			if x := b.get(id); x.State != k.want || b.provider.sent() != 0 {
				t.Errorf("%s after %d sends, want %s", x.State, b.provider.sent(), k.want)
			}
		})
	}
}

// TestExpiredButElsewhere: a copy of the store has forgotten that a top-up was rerouted and sent. It has expired since, and
// its own provider does not know it: before it is failed the other one is asked.
func TestExpiredButElsewhere(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		there topup.Outcome
		p     topup.ProviderName
		want  topup.State
	}{
		"there":     {topup.Outcome{Answer: topup.Delivered}, topup.Reloadly, topup.Succeeded},
		"not there": {topup.Outcome{Answer: topup.Absent}, topup.AAT, topup.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrossing(t)
			c.second.check = read(k.there)
			id := c.create("r")
			c.pass(25 * time.Hour)
			check(t, c.store.MarkRecovered(t.Context(), c.clock()))
			c.pass(time.Second)
			for range 6 {
				check(t, c.run(id))
				c.pass(5 * time.Minute)
			}
			c.want(id, k.p, k.want, 0, 0)
		})
	}
}

// TestElsewhereCannotProveAbsence: a provider whose "no such reference" proves nothing does not let a top-up be sent that it
// may have. Nothing is paid, and a person is told in the end.
func TestElsewhereCannotProveAbsence(t *testing.T) {
	t.Parallel()
	c := newCrossing(t)
	c.submit.Routes[topup.Reloadly].Policy.Traits.AbsenceByAnswer = false
	check(t, c.store.MarkRecovered(t.Context(), c.clock()))
	c.pass(2 * time.Minute)
	id := c.create("again")
	for range 30 {
		check(t, c.run(id))
		c.pass(time.Hour)
	}
	c.want(id, topup.Reloadly, topup.Unresolved, 0, 0)
}

// TestNotSaidElsewhereIsNotPaidThere: after the store was lost a merchant submits again what its own provider has booked.
// The other provider of the route, asked first, does not answer, and later knows nothing: it is not paid for that.
func TestNotSaidElsewhereIsNotPaidThere(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]topup.Outcome{"booked at its own": {Answer: topup.Delivered}, "booked nowhere": {Answer: topup.Absent}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrossing(t)
			booked := first.Answer == topup.Delivered
			c.provider.check = read(first)
			c.provider.submit = func(context.Context, topup.Order) (topup.Outcome, error) {
				if booked {
					return topup.Outcome{Answer: topup.Duplicate, Code: topup.CodeDuplicateReference}, nil
				}
				booked = true
				return topup.Outcome{Answer: topup.Delivered}, nil
			}
			c.second.check = read(topup.Outcome{}) // no answer
			check(t, c.store.MarkRecovered(t.Context(), c.clock()))
			c.pass(2 * time.Minute)
			id := c.create("again")
			check(t, c.run(id))
			c.second.check = read(topup.Outcome{Answer: topup.Absent})
			for range 8 {
				c.pass(5 * time.Minute)
				check(t, c.run(id))
			}
			c.want(id, topup.AAT, topup.Succeeded, 1, 0)
		})
	}
}
