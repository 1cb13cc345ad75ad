package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// shelf is a catalogue and the bell for its refreshes, in memory.
type shelf struct {
	mu      sync.Mutex
	kept    map[string]topup.CatalogueAnswer
	claimed map[string]bool
	rung    []string
	err     error
}

func newShelf() *shelf {
	return &shelf{kept: map[string]topup.CatalogueAnswer{}, claimed: map[string]bool{}}
}

func (s *shelf) PutCatalogue(_ context.Context, key string, a *topup.CatalogueAnswer, _ time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[key] = *a
	return s.err
}

func (s *shelf) GetCatalogue(_ context.Context, key string) (*topup.CatalogueAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.kept[key]
	if s.err != nil || !ok {
		return nil, errors.Join(topup.ErrNotFound, s.err)
	}
	return &a, nil
}

func (s *shelf) ClaimRefresh(_ context.Context, key string, _ time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.claimed[key]
	s.claimed[key] = true
	return !before, s.err
}

func (s *shelf) Lookup(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rung = append(s.rung, id)
	return s.err
}

// manyAnswers holds lookups.
type manyAnswers struct {
	mu      sync.Mutex
	lookups map[string]*topup.Lookup
}

func (m *manyAnswers) GetLookup(_ context.Context, id string) (*topup.Lookup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.lookups[id]
	if !ok {
		return nil, topup.ErrNotFound
	}
	c := *l
	return &c, nil
}

func (m *manyAnswers) PutLookup(_ context.Context, l *topup.Lookup, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := *l
	m.lookups[l.ID] = &c
	return nil
}

// library is a lookup worker with a catalogue, a clock and a provider that counts up.
type library struct {
	*Lookup
	t       *testing.T
	now     time.Time
	shelf   *shelf
	store   *manyAnswers
	oracle  *oracle
	failure error
}

func newLibrary(t *testing.T) *library {
	b := &library{t: t, now: lookupTime, shelf: newShelf(), store: &manyAnswers{lookups: map[string]*topup.Lookup{}}}
	b.oracle = &oracle{traits: topup.Traits{Catalogue: []string{"getAllCountries"}}}
	b.oracle.lookup = func(context.Context, string, map[string]any) (json.RawMessage, error) {
		if b.failure != nil {
			return nil, b.failure
		}
		return json.RawMessage(fmt.Sprintf(`{"reading":%d}`, b.oracle.asked)), nil
	}
	routes := NewRoutes(map[topup.ProviderName]Route{topup.Reloadly: {Provider: b.oracle}})
	b.Lookup = NewLookup(LookupConfig{
		Store: b.store, Routes: routes, Catalogue: b.shelf, Bell: b.shelf, Log: zap.NewNop(), Now: func() time.Time { return b.now },
	})
	b.repeats = func(context.Context) int { return lookupTries }
	return b
}

// ask runs a lookup and returns it as it is then.
func (b *library) ask(merchant topup.MerchantID, action string, params map[string]any) *topup.Lookup {
	b.t.Helper()
	l := &topup.Lookup{ID: topup.NewLookupID(), Merchant: merchant, Provider: topup.Reloadly, Action: action, Params: params, State: topup.LookupQueued}
	check(b.t, b.store.PutLookup(b.t.Context(), l, time.Hour))
	check(b.t, run(b.t, b.Lookup, l.ID))
	return b.store.lookups[l.ID]
}

func (b *library) want(l *topup.Lookup, reading int, cachedAt time.Time, stale bool) {
	b.t.Helper()
	if l.State != topup.LookupDone || string(l.Result) != fmt.Sprintf(`{"reading":%d}`, reading) || !l.CachedAt.Equal(cachedAt) || l.Stale != stale {
		b.t.Errorf("%s %s, cached at %v, stale %v, error %+v; want reading %d of %v, stale %v", l.State, l.Result, l.CachedAt, l.Stale, l.Error, reading, cachedAt, stale)
	}
}

var away = &topup.LookupError{Code: "provider_unreachable", Message: "No answer.", Retryable: true}

// TestCatalogueIsKept follows one answer from young to too old, and to the provider being down.
func TestCatalogueIsKept(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	first := b.now
	b.want(b.ask("m1", "getAllCountries", nil), 1, time.Time{}, false)
	b.now = first.Add(44 * time.Minute)
	b.want(b.ask("m2", "getAllCountries", nil), 1, first, false)
	if len(b.shelf.rung) != 0 {
		t.Error("a young answer is refreshed")
	}
	b.now = first.Add(59 * time.Minute)
	for range 3 {
		b.want(b.ask("m1", "getAllCountries", nil), 1, first, false)
	}
	if len(b.shelf.rung) != 1 {
		t.Fatalf("%d refreshes", len(b.shelf.rung))
	}
	check(t, run(t, b.Lookup, b.shelf.rung[0]))
	refreshed := b.now
	b.want(b.ask("m1", "getAllCountries", nil), 2, refreshed, false)
	b.failure = away
	b.now = refreshed.Add(2 * time.Hour)
	b.want(b.ask("m1", "getAllCountries", nil), 2, refreshed, true)
	b.now = refreshed.Add(24*time.Hour + time.Second)
	if l := b.ask("m1", "getAllCountries", nil); l.State != topup.LookupFailed || l.Error.Code != away.Code {
		t.Errorf("past the hard age: %+v", l)
	}
	b.failure = nil
	b.want(b.ask("m1", "getAllCountries", nil), b.oracle.asked, time.Time{}, false)
}

func TestCatalogueTellsQuestionsApart(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	b.want(b.ask("m", "getAllCountries", map[string]any{"page": json.Number("1"), "x": true}), 1, time.Time{}, false)
	b.want(b.ask("m", "getAllCountries", map[string]any{"x": "true", "page": " 1"}), 1, b.now, false)
	b.want(b.ask("m", "getAllCountries", map[string]any{"page": "2", "x": "true"}), 2, time.Time{}, false)
	b.want(b.ask("m", "getAccountBalance", nil), 3, time.Time{}, false)
	b.want(b.ask("m", "getAccountBalance", nil), 4, time.Time{}, false)
}

// TestCatalogueKeepsNothingWrong: refusals and answers that are too large are not kept, and a refusal is no reason to
// serve an old answer.
func TestCatalogueKeepsNothingWrong(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	b.ask("m", "getAllCountries", nil)
	b.now = b.now.Add(2 * time.Hour)
	b.failure = &topup.LookupError{Code: "provider_refused", Message: "No."}
	if l := b.ask("m", "getAllCountries", nil); l.State != topup.LookupFailed || l.Error.Code != "provider_refused" {
		t.Errorf("refused: %+v", l)
	}
	b.oracle.lookup = func(context.Context, string, map[string]any) (json.RawMessage, error) {
		return json.RawMessage(`"` + strings.Repeat("x", maxCatalogueAnswer) + `"`), nil
	}
	b.ask("m", "getAllCountries", map[string]any{"size": "1000"})
	if len(b.shelf.kept) != 1 {
		t.Errorf("%d answers are kept", len(b.shelf.kept))
	}
}

// TestCatalogueAway: without its store lookups are asked for as ever.
func TestCatalogueAway(t *testing.T) {
	t.Parallel()
	b := newLibrary(t)
	b.shelf.err = topup.ErrUnavailable
	b.want(b.ask("m", "getAllCountries", nil), 1, time.Time{}, false)
	b.want(b.ask("m", "getAllCountries", nil), 2, time.Time{}, false)
	b.shelf.err = nil
	b.now = b.now.Add(50 * time.Minute)
	b.cfg.Bell = nil
	b.want(b.ask("m", "getAllCountries", nil), 2, b.now.Add(-50*time.Minute), false)
}
