package workers

import (
	"testing"
	"time"

	"topupq/topup"
)

// TestAnswerUnderALostClaim lets the first sender come back after its top-up was proved absent and claimed again: what
// it says about its own send must not close the second one, unless it is that the order was delivered.
func TestAnswerUnderALostClaim(t *testing.T) {
	t.Parallel()
	const first, second = 7, 8
	for name, c := range map[string]struct {
		o    topup.Outcome
		want topup.State
	}{
		"refused":     {topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidRecipient}, topup.Submitting},
		"not taken":   {topup.Outcome{Answer: topup.NotTaken, Code: topup.CodeRateLimited}, topup.Submitting},
		"blocked":     {topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty}, topup.Submitting},
		"in progress": {topup.Outcome{Answer: topup.InProgress}, topup.Submitting},
		"unclear":     {topup.Outcome{}, topup.Submitting},
		"delivered":   {topup.Outcome{Answer: topup.Delivered}, topup.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 0)
			policy := b.submit.Routes[topup.AAT].Policy
			id := b.create("r")
			claim := func(token uint64) {
				t.Helper()
				if _, err := b.store.Update(t.Context(), id, func(x *topup.Topup) error { return x.BeginSend(policy, token, b.clock()) }); err != nil {
					t.Fatal(err)
				}
			}
			claim(first)
			b.provider.check = read(topup.Outcome{Answer: topup.Absent})
			for range 3 {
				b.pass(2 * time.Minute)
				if b.state(id) == topup.Accepted {
					break
				}
				if err := b.ask(id); err != nil {
					t.Fatal(err)
				}
			}
			claim(second)
			a := sendAnswer{ID: id, Provider: topup.AAT, Claim: first, Outcome: c.o}
			if _, _, err := b.submit.recordAnswer(t.Context(), b.get(id), a); err != nil {
				t.Fatal(err)
			}
			if got := b.state(id); got != c.want {
				t.Errorf("state %s, want %s", got, c.want)
			}
		})
	}
}

// teller is a Notifier that looks at the ledger.
type teller func(*topup.Topup)

func (f teller) Notify(t *topup.Topup) { f(t) }

// TestNobodyIsToldBeforeTheLedgerKnows: whatever a merchant is told must be in the ledger already, and nothing is told
// of an answer that the ledger has not taken.
func TestNobodyIsToldBeforeTheLedgerKnows(t *testing.T) {
	t.Parallel()
	b, drain := newSpoolBench(t)
	told := 0
	b.submit.Notifier = teller(func(x *topup.Topup) {
		told++
		kept, err := b.store.Get(t.Context(), x.ID)
		if err != nil {
			t.Errorf("told of a top-up that the ledger does not hold: %v", err)
			return
		}
		if kept.Version() < x.Version() || kept.State != x.State {
			t.Errorf("told of %s, version %d, while the ledger says %s, version %d", x.State, x.Version(), kept.State, kept.Version())
		}
	})
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	if err := b.run(b.create("known")); err != nil || told == 0 {
		t.Fatalf("told %d times: %v", told, err)
	}
	told = 0
	b.answersWhileAway(topup.Outcome{Answer: topup.Delivered})
	if err := b.run(b.create("away")); err != nil || told != 0 {
		t.Fatalf("told %d times of what the ledger has not taken: %v", told, err)
	}
	b.back()
	drain.must(t)
	if told == 0 {
		t.Error("not told once the ledger had it")
	}
}
