package workers

import (
	"context"
	"errors"
	"testing"

	"topupq/topup"
)

// pausedMeanwhile is a ledger where a person pauses the provider at the last moment before a worker does, or ends its pause.
type pausedMeanwhile struct {
	Ledger
	b      *bench
	person topup.Pause
}

func (l pausedMeanwhile) PauseProvider(ctx context.Context, p topup.ProviderName, pause topup.Pause) error {
	return errors.Join(l.b.store.PauseProvider(ctx, p, l.person), l.Ledger.PauseProvider(ctx, p, pause))
}

func (l pausedMeanwhile) LiftPause(ctx context.Context, p topup.ProviderName) error {
	return errors.Join(l.b.store.PauseProvider(ctx, p, l.person), l.Ledger.LiftPause(ctx, p))
}

// TestPersonPausesUnderAnAnswer: an answer that pauses the provider, or ends its pause, comes in at the very moment at which
// a person pauses it. The person's pause stays, or sending would go on against their will.
func TestPersonPausesUnderAnAnswer(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]topup.Outcome{"answer that pauses": floatEmpty, "probe that comes back": {Answer: topup.Delivered}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := overPause(t, 0)
			b.provider.submit = answer(o)
			person := topup.Pause{Reason: topup.CodeProviderPaused, Actor: "operator:ann", Since: b.clock()}
			ledger := pausedMeanwhile{b.store, b, person}
			b.submit.gate = newGate(ledger, b.clock, nil)
			_ = b.run(b.create("r"))
			if p, err := b.store.Paused(t.Context(), topup.AAT); err != nil || p == nil || *p != person || b.provider.sent() != 1 {
				t.Errorf("paused as %+v, %v, after %d sends", p, err, b.provider.sent())
			}
		})
	}
}
