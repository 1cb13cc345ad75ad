package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// answers holds one lookup.
type answers struct {
	lookup *topup.Lookup
	ttl    time.Duration
	err    error
}

func (a *answers) GetLookup(_ context.Context, id string) (*topup.Lookup, error) {
	if a.lookup == nil || a.lookup.ID != id {
		return nil, topup.ErrNotFound
	}
	c := *a.lookup
	return &c, nil
}

func (a *answers) PutLookup(_ context.Context, l *topup.Lookup, ttl time.Duration) error {
	if a.err != nil {
		return a.err
	}
	a.lookup, a.ttl = l, ttl
	return nil
}

// oracle is a provider that answers lookups only.
type oracle struct {
	topup.Provider
	traits topup.Traits
	lookup func(ctx context.Context, action string, params map[string]any) (json.RawMessage, error)
	asked  int
}

func (o *oracle) Traits() topup.Traits { return o.traits }

func (o *oracle) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	o.asked++
	return o.lookup(ctx, action, params)
}

func queuedLookup() *answers {
	return &answers{lookup: &topup.Lookup{
		ID: topup.NewLookupID(), Merchant: "mershop", Provider: topup.Reloadly, Action: "getOperators",
		Params: map[string]any{"countryCode": "ZA"}, State: topup.LookupQueued,
	}}
}

var lookupTime = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func lookupWorker(a *answers, o *oracle) *Lookup {
	routes := NewRoutes(map[topup.ProviderName]Route{topup.Reloadly: {Provider: o}})
	return NewLookup(LookupConfig{Store: a, Routes: routes, Log: zap.NewNop(), Now: func() time.Time { return lookupTime }})
}

func run(t *testing.T, h *Lookup, id string) error {
	t.Helper()
	return h.ProcessTask(t.Context(), asynq.NewTask(jobs.KindLookup, []byte(id)))
}

func TestLookupDone(t *testing.T) {
	t.Parallel()
	a := queuedLookup()
	o := &oracle{lookup: func(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
		if _, ok := ctx.Deadline(); !ok || action != "getOperators" || params["countryCode"] != "ZA" {
			return nil, errors.New("asked wrongly")
		}
		return json.RawMessage(`{"id":1}`), nil
	}}
	h := lookupWorker(a, o)
	for range 3 {
		check(t, run(t, h, a.lookup.ID))
	}
	want := *a.lookup
	want.State, want.Result, want.DoneAt = topup.LookupDone, json.RawMessage(`{"id":1}`), lookupTime
	if diff := cmp.Diff(&want, a.lookup); diff != "" || o.asked != 1 || a.ttl != 24*time.Hour {
		t.Errorf("asked %d times, kept %v (-want +got):\n%s", o.asked, a.ttl, diff)
	}
}

func TestLookupFails(t *testing.T) {
	t.Parallel()
	refused := &topup.LookupError{Code: "invalid_params", Message: "countryCode is wrong.", ProviderCode: "X1"}
	busy := &topup.LookupError{Code: "provider_unreachable", Message: "Try later.", Retryable: true}
	cases := []struct {
		name    string
		result  string
		err     error
		repeats int
		again   bool
		code    string
	}{
		{"refused", "", fmt.Errorf("lookup: %w", refused), 0, false, "invalid_params"},
		{"busy", "", busy, 0, true, ""},
		{"busy again", "", busy, 2, true, ""},
		{"busy for the last time", "", busy, 3, false, "provider_unreachable"},
		{"an error of no known kind", "", errors.New("token abc"), 3, false, "provider_error"},
		{"no JSON", "<html>", nil, 3, false, "provider_error"},
		{"no JSON, at first", "<html>", nil, 0, true, ""},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			a := queuedLookup()
			h := lookupWorker(a, &oracle{lookup: func(context.Context, string, map[string]any) (json.RawMessage, error) {
				return json.RawMessage(k.result), k.err
			}})
			h.repeats = func(context.Context) int { return k.repeats }
			err := run(t, h, a.lookup.ID)
			if (err != nil) != k.again || errors.Is(err, asynq.SkipRetry) {
				t.Fatalf("got %v", err)
			}
			if k.again {
				if a.lookup.State != topup.LookupQueued {
					t.Errorf("state %s", a.lookup.State)
				}
				return
			}
			if a.lookup.State != topup.LookupFailed || a.lookup.Error.Code != k.code || a.lookup.Result != nil || a.ttl != 24*time.Hour {
				t.Errorf("got %+v, error %+v", a.lookup, a.lookup.Error)
			}
		})
	}
}

func TestLookupOfAProviderThatIsOff(t *testing.T) {
	t.Parallel()
	a := queuedLookup()
	a.lookup.Provider = topup.AAT
	check(t, run(t, lookupWorker(a, &oracle{}), a.lookup.ID))
	if a.lookup.State != topup.LookupFailed || a.lookup.Error.Code != "provider_not_configured" {
		t.Errorf("got %+v", a.lookup)
	}
}

func TestLookupIsNotFailedByAStop(t *testing.T) {
	t.Parallel()
	a := queuedLookup()
	ctx, cancel := context.WithCancel(t.Context())
	h := lookupWorker(a, &oracle{lookup: func(ctx context.Context, _ string, _ map[string]any) (json.RawMessage, error) {
		cancel()
		<-ctx.Done()
		return nil, &topup.LookupError{Code: "provider_unreachable"}
	}})
	if err := h.ProcessTask(ctx, asynq.NewTask(jobs.KindLookup, []byte(a.lookup.ID))); err == nil || a.lookup.State != topup.LookupQueued {
		t.Errorf("got %v, state %s", err, a.lookup.State)
	}
}

func TestLookupUnknownOrNotStored(t *testing.T) {
	t.Parallel()
	a := queuedLookup()
	h := lookupWorker(a, &oracle{lookup: func(context.Context, string, map[string]any) (json.RawMessage, error) {
		return json.RawMessage(`1`), nil
	}})
	if err := run(t, h, "lkpnone"); !errors.Is(err, asynq.SkipRetry) {
		t.Errorf("unknown: %v", err)
	}
	a.err = fmt.Errorf("write: %w", topup.ErrUnavailable)
	if err := run(t, h, a.lookup.ID); !errors.Is(err, errStoreAway) {
		t.Errorf("not stored: %v", err)
	}
}
