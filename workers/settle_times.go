package workers

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// SettleTimes learns from every outcome how long the top-ups of a provider and mobile operator take, and tells it to
// the plans; and it counts the outcomes of every hour, for the alarms. It never makes a worker wait: what it has seen is written, and what it is asked for is read, by Run. A nil
// SettleTimes knows nothing.
type SettleTimes struct {
	store settleStore
	log   *zap.Logger
	deaf  bool

	mu sync.Mutex
	// known is what was read, by key; a nil entry is to be read at the next look.
	known map[string]*topup.SettleTimes
	// seen waits to be written.
	seen  map[string]*topup.SettleTimes
	hours map[hourOf]*topup.HourFigures
	// readAt is when everything known was read last.
	readAt time.Time
}

// hourOf is an hour of a provider.
type hourOf struct {
	provider topup.ProviderName
	hour     time.Time
}

type settleStore interface {
	AddSettled(ctx context.Context, key string, add topup.SettleTimes) error
	Settled(ctx context.Context, key string) (topup.SettleTimes, error)
	AddHour(ctx context.Context, p topup.ProviderName, hour time.Time, add topup.HourFigures) error
}

const (
	// settleEvery is the time between two looks, settleTimeout bounds one.
	settleEvery   = 5 * time.Second
	settleTimeout = 10 * time.Second
	// settleFresh is how long what was read is believed.
	settleFresh = time.Minute
	// settleKeys bounds the operators that a process knows.
	settleKeys = 4000
)

// NewSettleTimes returns one that knows nothing yet.
func NewSettleTimes(store settleStore, log *zap.Logger) *SettleTimes {
	return &SettleTimes{store: store, log: log, known: map[string]*topup.SettleTimes{}, seen: map[string]*topup.SettleTimes{}, hours: map[hourOf]*topup.HourFigures{}}
}

// Deafen makes s tell nothing to the plans; it goes on counting. Call it before use.
func (s *SettleTimes) Deafen() { s.deaf = true }

// Of is what is known of t's mobile operator, or of its provider where that is not enough; nil for nothing.
func (s *SettleTimes) Of(t *topup.Topup) *topup.SettleTimes {
	if s == nil || s.deaf {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := t.OperatorKey(); key != "" {
		if times := s.look(key); times.Usual() > 0 {
			return times
		}
	}
	return s.look(string(t.Provider))
}

// look returns what is known under a key, and asks for it where it is not. The caller holds the lock.
func (s *SettleTimes) look(key string) *topup.SettleTimes {
	times, there := s.known[key]
	if !there && len(s.known) < settleKeys {
		s.known[key] = nil
	}
	return times
}

// Saw counts a top-up that was open before and has its outcome now, or is given up for one.
func (s *SettleTimes) Saw(before, now *topup.Topup) {
	if s == nil || now.SentAt.IsZero() || before.State == now.State || !now.State.Outcome() {
		return
	}
	s.count(now)
	if !before.State.Asked() {
		return
	}
	var open, settled time.Duration
	if before.CheckedAt.After(now.SentAt) {
		open = before.CheckedAt.Sub(now.SentAt)
	}
	if now.State == topup.Unresolved {
		open = now.CheckedAt.Sub(now.SentAt)
	} else {
		settled = now.ClosedAt.Sub(now.SentAt)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range []string{string(now.Provider), now.OperatorKey()} {
		if key == "" || (s.seen[key] == nil && len(s.seen) >= settleKeys) {
			continue
		}
		if s.seen[key] == nil {
			s.seen[key] = &topup.SettleTimes{}
		}
		s.seen[key].Add(open, settled)
	}
}

// count counts an outcome.
func (s *SettleTimes) count(t *topup.Topup) {
	key := hourOf{t.Provider, t.UpdatedAt.UTC().Truncate(time.Hour)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hours[key] == nil {
		s.hours[key] = &topup.HourFigures{}
	}
	s.hours[key].Count(t)
}

// Run writes and reads every few seconds until ctx ends, and writes once more then. It always returns nil: what cannot
// be written is tried again.
func (s *SettleTimes) Run(ctx context.Context) error {
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		s.runOnce(context.WithoutCancel(ctx))
	}
	return nil
}

func (s *SettleTimes) runOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := s.write(ctx); err != nil {
		s.log.Warn("times to an outcome not written", zap.Error(err))
		return
	}
	if err := s.writeHours(ctx); err != nil {
		s.log.Warn("outcomes of the hour not written", zap.Error(err))
	}
	if err := s.read(ctx); err != nil {
		s.log.Warn("times to an outcome not read", zap.Error(err))
	}
}

func (s *SettleTimes) write(ctx context.Context) error {
	s.mu.Lock()
	seen := s.seen
	s.seen = map[string]*topup.SettleTimes{}
	s.mu.Unlock()
	var failed error
	for key, times := range seen {
		if failed == nil {
			if failed = s.store.AddSettled(ctx, key, *times); failed == nil {
				continue
			}
		}
		s.keep(key, times)
	}
	return failed
}

// writeHours writes the figures of the hours. What cannot be written is lost to the alarms, and to nothing else.
func (s *SettleTimes) writeHours(ctx context.Context) error {
	s.mu.Lock()
	hours := s.hours
	s.hours = map[hourOf]*topup.HourFigures{}
	s.mu.Unlock()
	for key, h := range hours {
		if err := s.store.AddHour(ctx, key.provider, key.hour, *h); err != nil {
			return err
		}
	}
	return nil
}

// keep puts counts back that could not be written.
func (s *SettleTimes) keep(key string, times *topup.SettleTimes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[key] == nil {
		s.seen[key] = &topup.SettleTimes{}
	}
	for i := range topup.SettleBuckets {
		s.seen[key].Settled[i] += times.Settled[i]
		s.seen[key].Open[i] += times.Open[i]
	}
}

func (s *SettleTimes) read(ctx context.Context) error {
	all := time.Since(s.readAt) >= settleFresh
	s.mu.Lock()
	var keys []string
	for key, times := range s.known {
		if all || times == nil {
			keys = append(keys, key)
		}
	}
	s.mu.Unlock()
	if all {
		s.readAt = time.Now()
	}
	for _, key := range keys {
		times, err := s.store.Settled(ctx, key)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.known[key] = &times
		s.mu.Unlock()
	}
	return nil
}
