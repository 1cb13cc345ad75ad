package scheduler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// line is a ledger with many that wait and a queue with workers of some speed.
type line struct {
	Store
	Bell
	waits, queued, most, taken int
	pause                      *topup.Pause
	// away is what is said where nothing waits.
	away error
}

func (l *line) Waiting(context.Context, string) (int, error) { return l.queued, nil }

func (l *line) Paused(context.Context, topup.ProviderName) (*topup.Pause, error) { return l.pause, nil }

func (l *line) DueSends(_ context.Context, _ topup.ProviderName, _, _ time.Time, limit int) ([]topup.Due, error) {
	n := min(limit, l.waits)
	l.waits -= n
	out := make([]topup.Due, n)
	for i := range out {
		out[i].ID = topup.NewID("m", fmt.Sprint(i))
	}
	if n == 0 {
		return nil, l.away
	}
	return out, nil
}

func (l *line) SendsAgain(_ context.Context, _ topup.ProviderName, due []topup.Due) error {
	l.queued += len(due)
	l.most = max(l.most, l.queued)
	l.taken += len(due)
	return nil
}

func newLine(t *testing.T, l *line, now *time.Time) *Scheduler {
	t.Helper()
	s, err := New(Config{
		Store: l, Bell: l, Log: zap.NewNop(), Holder: "x", Providers: []topup.ProviderName{topup.AAT},
		SubmitQueue: func(topup.ProviderName) string { return "q" }, CheckQueue: func(topup.ProviderName) string { return "q" },
		Shortest: func(topup.ProviderName) int { return 8 }, Now: func() time.Time { return *now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestQueueIsAsShortAsTheWorkersAllow keeps few tasks in front of slow workers, and enough in front of fast ones. Each
// takes a number of tasks in the time between two looks.
func TestQueueIsAsShortAsTheWorkersAllow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		every             time.Duration
		take, least, most int
	}{
		{10 * time.Millisecond, 1, 1, 8}, {10 * time.Millisecond, 40, 40, 320}, {10 * time.Millisecond, 100, 100, 800},
		{100 * time.Millisecond, 40, 40, 160}, {400 * time.Millisecond, 400, 400, 1200},
	} {
		now := time.Unix(0, 0)
		l := &line{waits: 1_000_000}
		s := newLine(t, l, &now)
		idle := 0
		for look := range 200 {
			if err := s.sends(t.Context(), topup.AAT); err != nil {
				t.Fatal(err)
			}
			if look > 20 && l.queued < c.least {
				idle++
			}
			l.queued = max(l.queued-c.take, 0)
			now = now.Add(c.every)
		}
		if l.most > c.most || idle > 0 {
			t.Errorf("workers that take %d in %s: up to %d waited (want at most %d), idle %d times", c.take, c.every, l.most, c.most, idle)
		}
		if !s.behind() {
			t.Error("there is more, and it does not look again soon")
		}
	}
}

// TestQueueOfWorkersThatStopTaking does not grow while nothing is taken.
func TestQueueOfWorkersThatStopTaking(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := &line{waits: 1_000_000}
	s := newLine(t, l, &now)
	for range 500 {
		if err := s.sends(t.Context(), topup.AAT); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Millisecond)
	}
	if l.most != 8 {
		t.Errorf("%d wait for workers that take nothing, want 8", l.most)
	}
}

// TestPausedProviderIsLeftAlone rings for a provider that a person has paused only now and then: every wake-up would
// only be put off.
func TestPausedProviderIsLeftAlone(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := &line{waits: 1_000_000, pause: &topup.Pause{Reason: "operator", Actor: topup.ActorOperator("ann")}}
	s := newLine(t, l, &now)
	for range 300 { // a minute
		if err := s.sends(t.Context(), topup.AAT); err != nil {
			t.Fatal(err)
		}
		l.queued = 0
		now = now.Add(200 * time.Millisecond)
	}
	if l.taken == 0 || l.taken > 13*pausedShare || s.behind() {
		t.Errorf("%d were rung for in a minute", l.taken)
	}
	l.pause = nil
	if err := s.sends(t.Context(), topup.AAT); err != nil || !s.behind() {
		t.Errorf("it does not go on at once: %v", err)
	}
}

// TestNothingMoreWhileAPartIsAway: a ledger that has no more, and cannot tell about a part that is away, is not asked a
// hundred times a second until that is back.
func TestNothingMoreWhileAPartIsAway(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := &line{waits: 3, away: topup.ErrUnavailable}
	s := newLine(t, l, &now)
	if err := s.sends(t.Context(), topup.AAT); err != nil || !s.behind() {
		t.Fatalf("three wait: %v", err)
	}
	l.queued = 0
	if err := s.sends(t.Context(), topup.AAT); !errors.Is(err, topup.ErrUnavailable) {
		t.Fatalf("nothing is left: %v", err)
	}
	if s.behind() {
		t.Error("it goes on looking at the short pace")
	}
}
