package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"topupq/topup"
)

// scopedPausesKey is a hash of the pauses of operators, merchants and batches: "kind:name" to the pause. A provider's
// has a key of its own, since workers set it too.
const scopedPausesKey = "tq:pauses"

// pauses remembers the scoped pauses for pausesAge, so that a send costs no exchange for them.
type pauses struct {
	mu     sync.Mutex
	known  map[string]topup.Pause
	readAt time.Time
}

const pausesAge = 500 * time.Millisecond

// SetPause implements topup.Operations.
func (s *Store) SetPause(ctx context.Context, scope topup.PauseScope, p topup.Pause) error {
	if scope.Kind == topup.PauseByProvider {
		return s.PauseProvider(ctx, topup.ProviderName(scope.Name), p)
	}
	value, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode pause: %w", err)
	}
	return unavailable(s.rdb.HSet(ctx, scopedPausesKey, scope.String(), value).Err())
}

// AddPause implements topup.Operations.
func (s *Store) AddPause(ctx context.Context, scope topup.PauseScope, p topup.Pause) (bool, error) {
	value, err := json.Marshal(p)
	if err != nil {
		return false, fmt.Errorf("encode pause: %w", err)
	}
	added, err := s.rdb.HSetNX(ctx, scopedPausesKey, scope.String(), value).Result()
	return added, unavailable(err)
}

// ForgetPause implements topup.Operations.
func (s *Store) ForgetPause(ctx context.Context, scope topup.PauseScope) error {
	return unavailable(s.rdb.HDel(ctx, scopedPausesKey, scope.String()).Err())
}

// EndPause implements topup.Operations.
func (s *Store) EndPause(ctx context.Context, scope topup.PauseScope) error {
	if scope.Kind == topup.PauseByProvider {
		if err := s.ResumeProvider(ctx, topup.ProviderName(scope.Name)); err != nil {
			return err
		}
		return s.wakeTimed(ctx, []topup.ProviderName{topup.ProviderName(scope.Name)}, s.opts.Now())
	}
	if err := s.rdb.HDel(ctx, scopedPausesKey, scope.String()).Err(); err != nil || scope.Kind == topup.PauseByHold {
		return unavailable(err)
	}
	// Until all workers know that the pause has ended they put off what they are rung for: then it comes once more.
	return s.wakeTimed(ctx, topup.Providers, s.opts.Now().Add(2*pausesAge))
}

// Pauses implements topup.Operations.
func (s *Store) Pauses(ctx context.Context) ([]topup.ScopedPause, error) {
	var out []topup.ScopedPause
	for _, p := range topup.Providers {
		pause, err := s.Paused(ctx, p)
		if err != nil {
			return nil, err
		}
		if pause != nil {
			out = append(out, topup.ScopedPause{Scope: topup.PauseScope{Kind: topup.PauseByProvider, Name: string(p)}, Pause: *pause})
		}
	}
	scoped, err := s.readPauses(ctx)
	if err != nil {
		return nil, err
	}
	for name, pause := range scoped {
		kind, rest, _ := strings.Cut(name, ":")
		out = append(out, topup.ScopedPause{Scope: topup.PauseScope{Kind: topup.PauseKind(kind), Name: rest}, Pause: pause})
	}
	slices.SortFunc(out, func(a, b topup.ScopedPause) int { return cmp.Compare(a.Scope.String(), b.Scope.String()) })
	return out, nil
}

// PausedScope reports the pause that stops t beside its provider's, nil for none. It is at most pausesAge old.
func (s *Store) PausedScope(ctx context.Context, t *topup.Topup) (*topup.Pause, error) {
	s.pauses.mu.Lock()
	defer s.pauses.mu.Unlock()
	if time.Since(s.pauses.readAt) >= pausesAge {
		known, err := s.readPauses(ctx)
		if err != nil {
			return nil, err
		}
		s.pauses.known, s.pauses.readAt = known, time.Now()
	}
	if len(s.pauses.known) == 0 {
		return nil, nil
	}
	for _, scope := range t.PauseScopes() {
		if p, ok := s.pauses.known[scope.String()]; ok {
			return &p, nil
		}
	}
	return nil, nil
}

func (s *Store) readPauses(ctx context.Context) (map[string]topup.Pause, error) {
	values, err := s.rdb.HGetAll(ctx, scopedPausesKey).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make(map[string]topup.Pause, len(values))
	var damaged error
	for name, text := range values {
		var p topup.Pause
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			damaged = errors.Join(damaged, fmt.Errorf("%w: pause of %s", errCorrupt, name))
		}
		out[name] = p
	}
	return out, damaged
}
