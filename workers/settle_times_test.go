package workers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// settledMemory is a settleStore that can be away.
type settledMemory struct {
	mu   sync.Mutex
	away bool
	all  map[string]topup.SettleTimes
	hour topup.HourFigures
}

func (m *settledMemory) AddSettled(_ context.Context, key string, add topup.SettleTimes) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return topup.ErrUnavailable
	}
	sum := m.all[key]
	for i := range topup.SettleBuckets {
		sum.Settled[i] += add.Settled[i]
		sum.Open[i] += add.Open[i]
	}
	m.all[key] = sum
	return nil
}

func (m *settledMemory) Settled(_ context.Context, key string) (topup.SettleTimes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return topup.SettleTimes{}, errors.New("away")
	}
	return m.all[key], nil
}

func (m *settledMemory) AddHour(_ context.Context, _ topup.ProviderName, _ time.Time, add topup.HourFigures) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hour.Succeeded += add.Succeeded
	return nil
}

// TestOutcomesAreLearned: what the check worker sees becomes the plan and the explanation of later top-ups, by operator
// where enough was seen of it; a store that is away loses nothing.
func TestOutcomesAreLearned(t *testing.T) {
	t.Parallel()
	memory := &settledMemory{all: map[string]topup.SettleTimes{}}
	learn := NewSettleTimes(memory, zap.NewNop())
	s := newSweeper(t, nil, 0)
	s.check.Learn, s.submit.Learn = learn, learn
	s.provider.check = read(topup.Outcome{Answer: topup.Delivered})
	memory.away = true
	ids := s.open("learn", 300)
	s.pass(14 * time.Second)
	s.due()
	learn.runOnce(t.Context())
	memory.away = false
	learn.runOnce(t.Context())
	if got := memory.all[string(topup.AAT)]; got.Settled[topup.SettleStep(14*time.Second)] != 300 {
		t.Fatalf("%v: all 300 of %d were to be counted at 14 s", got.Settled, len(ids))
	}
	if memory.hour.Succeeded != 300 {
		t.Errorf("%d outcomes counted for the hour, want 300", memory.hour.Succeeded)
	}
	learn.runOnce(t.Context()) // reads what it was asked for
	s.provider.submit = answer(topup.Outcome{Answer: topup.InProgress})
	id := s.create("later")
	if err := s.run(id); err != nil {
		t.Fatal(err)
	}
	if x := s.get(id); x.Usual == 0 || !strings.Contains(x.Explain(), "usually settles in") {
		t.Errorf("usual time %v: %s", x.Usual, x.Explain())
	}
	var none *SettleTimes
	none.Saw(s.get(id), s.get(id))
	if none.Of(s.get(id)) != nil {
		t.Error("nothing knows something")
	}
}

func TestOperatorBeforeProvider(t *testing.T) {
	t.Parallel()
	memory := &settledMemory{all: map[string]topup.SettleTimes{}}
	learn := NewSettleTimes(memory, zap.NewNop())
	sent := begin
	for i := range 400 {
		x := &topup.Topup{Provider: topup.Reloadly, State: topup.Succeeded, SentAt: sent, ClosedAt: sent.Add(10 * time.Second)}
		x.Product.OperatorID = int64(1 + i%2)
		if i%2 == 1 && i < 200 {
			x.Product.OperatorID = 3 // too few of it: the provider's times stand in
		}
		before := *x
		before.State = topup.Pending
		learn.Saw(&before, x)
		learn.Saw(x, x) // was closed before: says nothing
	}
	of := func(operator int64) *topup.SettleTimes {
		return learn.Of(&topup.Topup{Provider: topup.Reloadly, Product: topup.Product{OperatorID: operator}})
	}
	of(1)
	of(3)
	learn.runOnce(t.Context())
	if one, three := of(1), of(3); one == nil || three == nil || one == three || one.Usual() != three.Usual() {
		t.Errorf("operator 1: %v, operator 3: %v", one, three)
	}
}
