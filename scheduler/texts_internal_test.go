package scheduler

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"topupq/topup"
)

// debts is what is owed, and the bell that is rung for it.
type debts struct {
	due       []topup.ID
	err       error
	now       time.Time
	again     time.Time
	rung      []topup.ID
	bellFails error
}

func (d *debts) DueSMS(_ context.Context, now, again time.Time, _ int) ([]topup.ID, error) {
	d.now, d.again = now, again
	return d.due, d.err
}

func (d *debts) SMS(_ context.Context, id topup.ID) error {
	d.rung = append(d.rung, id)
	return d.bellFails
}

func TestTextsAreRungFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	d := &debts{due: []topup.ID{"a", "b"}}
	s := &Scheduler{cfg: Config{Texts: d, TextBell: d, RescueAfter: 30 * time.Second, Now: func() time.Time { return now }}}
	if err := s.texts(t.Context()); err != nil || !slices.Equal(d.rung, d.due) || !d.now.Equal(now) || d.again.Sub(now) != 30*time.Second {
		t.Errorf("%v, rung for %v, looked at %v, again at %v", err, d.rung, d.now, d.again)
	}
	d.bellFails = errors.New("queue away")
	if err := s.texts(t.Context()); !errors.Is(err, d.bellFails) {
		t.Errorf("the bell fails: %v", err)
	}
	d.err = topup.ErrUnavailable
	if err := s.texts(t.Context()); !errors.Is(err, topup.ErrUnavailable) {
		t.Errorf("the store is away: %v", err)
	}
	if err := (&Scheduler{}).texts(t.Context()); err != nil {
		t.Errorf("where no SMS is sent: %v", err)
	}
}
