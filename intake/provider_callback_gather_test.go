package intake_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"topupq/intake"
	"topupq/topup"
)

// TestCallbacksAreGathered: where a provider answers about many orders in one call, its call-backs ring for nothing: each
// brings the question about its order forward to a common moment.
func TestCallbacksAreGathered(t *testing.T) {
	t.Parallel()
	const gather = 2 * time.Second
	a := newAPI(t, func(c *intake.Config) {
		c.Callbacks = map[topup.ProviderName]intake.CallbackSettings{topup.Reloadly: {
			Signed: true, Gather: gather,
			Read: func(_ *http.Request, body []byte) ([]topup.Ref, error) {
				return []topup.Ref{{Reference: topup.ID(strings.TrimSpace(string(body)))}}, nil
			},
		}}
	})
	for state, due := range map[topup.State]time.Time{
		topup.Pending: start.Add(time.Minute), topup.Unknown: start.Add(time.Second), topup.Failed: {}, topup.Succeeded: start.Add(time.Hour),
	} {
		body := strings.TrimSuffix(good("g-"+state.String()), "}") + `,"provider":"reloadly"}`
		id := a.do("POST", "/v1/topups", body).want(202).text("id")
		stored := a.store.topups[topup.ID(id)]
		stored.State, stored.DueAt = state, due
		a.do("POST", "/v1/providers/reloadly/callback", id, "Authorization", "").want(200)
		want := start.Truncate(gather).Add(gather)
		if !due.IsZero() && due.Before(want) {
			want = due
		}
		if got := a.store.topups[topup.ID(id)]; !got.DueAt.Equal(want) || got.State != state {
			t.Errorf("%s: due at %v, want %v", state, got.DueAt, want)
		}
	}
	if len(a.ring.checks) != 0 {
		t.Errorf("rung %d times", len(a.ring.checks))
	}
}
