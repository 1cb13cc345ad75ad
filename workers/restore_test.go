package workers

import (
	"context"
	"errors"
	"testing"
	"time"

	"topupq/topup"
)

// TestRestoredStoreIsAskedFirst finds an accepted top-up that is older than the store's recovery: it may have been
// sent in the time that the copy has forgotten.
func TestRestoredStoreIsAskedFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	b.provider.check = read(topup.Outcome{Answer: topup.Delivered})
	old := b.create("old")
	b.pass(time.Second)
	if err := b.store.MarkRecovered(t.Context(), b.clock()); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Second)
	young := b.create("young")
	for _, id := range []topup.ID{old, young} {
		if err := b.run(id); err != nil {
			t.Fatal(err)
		}
	}
	if b.state(old) != topup.Unknown || b.state(young) != topup.Succeeded || b.provider.sent() != 1 {
		t.Fatalf("old %s, young %s, %d sends", b.state(old), b.state(young), b.provider.sent())
	}
	if err := b.ask(old); err != nil || b.state(old) != topup.Succeeded || b.provider.sent() != 1 {
		t.Errorf("old after asking: %v, %s, %d sends", err, b.state(old), b.provider.sent())
	}
}

// TestRestoredStoreIsAskedBeforeItExpires finds an accepted top-up in an old copy after its expiry: it was sent in the
// time that the copy has forgotten, so it is not failed.
func TestRestoredStoreIsAskedBeforeItExpires(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.check = read(topup.Outcome{Answer: topup.Delivered})
	id := b.create("old")
	b.pass(25 * time.Hour)
	if err := b.store.MarkRecovered(t.Context(), b.clock()); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Second)
	if err := b.run(id); err != nil || b.state(id) != topup.Unknown {
		t.Fatalf("%v, state %s, want unknown", err, b.state(id))
	}
	if err := b.ask(id); err != nil || b.state(id) != topup.Succeeded || b.provider.sent() != 0 {
		t.Errorf("%v, state %s after %d sends", err, b.state(id), b.provider.sent())
	}
}

// TestRestoredStoreProvesAbsenceAnew finds an unknown top-up in an old copy that was sent again in the time that the
// copy has forgotten: what is not found counts from the recovery on.
func TestRestoredStoreProvesAbsenceAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{})
	b.provider.check = read(topup.Outcome{Answer: topup.Absent})
	id := b.create("old")
	if err := b.run(id); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Hour)
	if err := b.ask(id); err != nil {
		t.Fatal(err)
	}
	if err := b.store.MarkRecovered(t.Context(), b.clock()); err != nil {
		t.Fatal(err)
	}
	for i, wait := range []time.Duration{time.Second, 30 * time.Second} {
		b.pass(wait)
		if err := b.ask(id); err != nil || b.state(id) != topup.Unknown {
			t.Fatalf("question %d: %v, state %s, want unknown", i, err, b.state(id))
		}
	}
	b.pass(time.Minute) // later than timeout and hold after the recovery
	if err := b.ask(id); err != nil || b.state(id) != topup.Accepted {
		t.Errorf("%v, state %s, want accepted", err, b.state(id))
	}
}

// noticedLate is a ledger that is found to have gone back in time right before a write.
type noticedLate struct {
	Ledger
	b *bench
}

func (l noticedLate) UpdateLoaded(ctx context.Context, t *topup.Topup, change func(*topup.Topup) error) (*topup.Topup, error) {
	if err := l.b.store.MarkRecovered(ctx, l.b.clock()); err != nil {
		return nil, err
	}
	return l.Ledger.UpdateLoaded(ctx, t, change)
}

// TestRecoveryNoticedBeforeTheClaim has somebody notice the restore after a worker has looked for the mark and before
// it claims the top-up: it is not sent.
func TestRecoveryNoticedBeforeTheClaim(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	id := b.create("old")
	b.pass(time.Second)
	b.submit.Ledger = noticedLate{b.store, b}
	if err := b.run(id); !errors.Is(err, errBusy) || b.provider.sent() != 0 || b.state(id) != topup.Accepted {
		t.Fatalf("%v, state %s after %d sends", err, b.state(id), b.provider.sent())
	}
	b.submit.Ledger = b.store
	if err := b.run(id); err != nil || b.provider.sent() != 0 || b.state(id) != topup.Unknown {
		t.Errorf("%v, state %s after %d sends", err, b.state(id), b.provider.sent())
	}
}
