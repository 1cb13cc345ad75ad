package intake_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"topupq/intake"
	"topupq/topup"
)

// counter counts events by name and label.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) count(event, label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[event+" "+label]++
}

// callbackAPI takes call-backs whose body is our references, separated by spaces, or the provider's own numbers behind "#"; "forged" is one with a wrong
// signature and "rubbish" is none.
func callbackAPI(t *testing.T) (*api, *counter, *observer.ObservedLogs) {
	t.Helper()
	counts := &counter{n: map[string]int{}}
	core, logs := observer.New(zap.DebugLevel)
	read := func(r *http.Request, body []byte) ([]topup.Ref, error) {
		text := string(body)
		if r.Method == http.MethodGet {
			text = r.URL.Query().Get("pid")
		}
		switch text {
		case "forged":
			return nil, errors.Join(errors.New("bad signature"), intake.ErrForged)
		case "rubbish":
			return nil, errors.New("unreadable")
		}
		var refs []topup.Ref
		for _, s := range strings.Fields(text) {
			if number, ok := strings.CutPrefix(s, "#"); ok {
				refs = append(refs, topup.Ref{TransactionID: number})
			} else {
				refs = append(refs, topup.Ref{Reference: topup.ID(s)})
			}
		}
		return refs, nil
	}
	a := newAPI(t, func(c *intake.Config) {
		c.Count, c.Logger = counts.count, zap.New(core)
		c.Callbacks = map[topup.ProviderName]intake.CallbackSettings{
			topup.AAT:      {Token: "unguessable", Read: read},
			topup.Reloadly: {Signed: true, Read: read},
		}
	})
	return a, counts, logs
}

func TestProviderCallbacks(t *testing.T) {
	t.Parallel()
	a, counts, logs := callbackAPI(t)
	ids := map[topup.State]string{}
	for _, st := range topup.States {
		id := a.do("POST", "/v1/topups", good("p-"+st.String())).want(202).text("id")
		a.store.topups[topup.ID(id)].State, ids[st] = st, id
	}
	asked := []topup.State{topup.Pending, topup.Unknown, topup.Unresolved, topup.Succeeded, topup.Failed}
	path := "/v1/providers/aat/callback/unguessable"
	for _, st := range topup.States {
		before := len(a.ring.checks)
		a.do("POST", path, ids[st], "Authorization", "").want(200)
		if rung := len(a.ring.checks) - before; (rung == 1) != slices.Contains(asked, st) {
			t.Errorf("%s: rung %d times", st, rung)
		}
		if a.store.topups[topup.ID(ids[st])].State != st {
			t.Errorf("%s: a call-back was believed", st)
		}
	}
	a.do("POST", path, strings.Repeat("a", 20), "Authorization", "").want(200)
	a.do("POST", path, "not an id", "Authorization", "").want(200)
	a.do("POST", path, "", "Authorization", "").want(200)
	a.do("POST", path, "rubbish", "Authorization", "").problem(400, "malformed")
	a.do("POST", path, strings.Repeat("x", 65<<10), "Authorization", "").problem(413, "too_large")
	a.do("GET", path+"?pid="+ids[topup.Pending], "", "Authorization", "").want(200)
	// A top-up of another provider is nothing that this one can tell of.
	a.do("POST", "/v1/providers/reloadly/callback", ids[topup.Pending], "Authorization", "").want(200)
	want := map[string]int{
		"provider_callback aat_taken": 6, "provider_callback aat_ignored": 4, "provider_callback aat_unknown": 3,
		"provider_callback aat_unreadable": 1, "provider_callback reloadly_unknown": 1,
	}
	if d := cmp.Diff(want, counts.n); d != "" {
		t.Error(d)
	}
	for _, e := range logs.All() {
		if strings.Contains(e.Message+string(mustJSON(t, e.ContextMap())), "unguessable") {
			t.Errorf("the token is in the log: %v", e)
		}
	}
}

func TestForgedCallbacks(t *testing.T) {
	t.Parallel()
	a, counts, _ := callbackAPI(t)
	for _, call := range []string{
		"/v1/providers/aat/callback/wrong x", "/v1/providers/aat/callback x", "/v1/providers/aat/callback/unguessable2 x",
		"/v1/providers/rechargekit/callback/x x", "/v1/providers/rechargekit/callback x",
		"/v1/providers/reloadly/callback forged", "/v1/providers/reloadly/callback/any forged",
	} {
		path, body, _ := strings.Cut(call, " ")
		a.do("POST", path, body, "Authorization", "").problem(401, "unauthorized")
	}
	a.do("POST", "/v1/providers/acme/callback/x", "", "Authorization", "").problem(404, "not_found")
	a.do("DELETE", "/v1/providers/aat/callback/x", "").problem(405, "method_not_allowed")
	if got := counts.n["provider_callback aat_forged"] + counts.n["provider_callback rechargekit_forged"] + counts.n["provider_callback reloadly_forged"]; got != 7 {
		t.Errorf("%v", counts.n)
	}
	if len(a.ring.checks) != 0 {
		t.Error("a forged call-back rang")
	}
}

// A ring that fails is noted: the scheduled check comes all the same. A store that fails is not: the provider repeats.
func TestCallbackFailures(t *testing.T) {
	t.Parallel()
	a, counts, _ := callbackAPI(t)
	id := a.do("POST", "/v1/topups", good("p")).want(202).text("id")
	a.store.topups[topup.ID(id)].State = topup.Pending
	a.ring.err = errAway
	a.do("POST", "/v1/providers/aat/callback/unguessable", id, "Authorization", "").want(200)
	if counts.n["provider_callback aat_not_rung"] != 1 {
		t.Errorf("%v", counts.n)
	}
	a.store.down = func(string, int) error { return errAway }
	a.do("POST", "/v1/providers/aat/callback/unguessable", id, "Authorization", "").problem(503, "unavailable")
}

// TestRepeatedCallbacks: the same call-back again rings for nothing, another one about the same top-up does.
func TestRepeatedCallbacks(t *testing.T) {
	t.Parallel()
	a, counts, _ := callbackAPI(t)
	id := a.do("POST", "/v1/topups", good("p")).want(202).text("id")
	path := "/v1/providers/aat/callback/unguessable"
	a.do("POST", path, id, "Authorization", "").want(200) // early: it comes again when the provider knows more
	a.store.topups[topup.ID(id)].State = topup.Pending
	for range 3 {
		a.do("POST", path, id, "Authorization", "").want(200)
	}
	a.do("POST", path, id+" ", "Authorization", "").want(200)
	want := map[string]int{"provider_callback aat_ignored": 1, "provider_callback aat_taken": 2, "provider_callback aat_repeated": 2}
	if d := cmp.Diff(want, counts.n); d != "" || len(a.ring.checks) != 2 {
		t.Errorf("rung %d times: %s", len(a.ring.checks), d)
	}
	var results []string
	for _, n := range a.store.notes {
		results = append(results, n.Result)
		if n.Provider != "aat" || n.Topup != topup.ID(id) || !n.At.Equal(start) {
			t.Errorf("noted %+v", n)
		}
	}
	if d := cmp.Diff([]string{"ignored", "taken", "repeated", "repeated", "taken"}, results); d != "" {
		t.Error(d)
	}
	a.store.down = func(call string, _ int) error {
		if call == "FirstSeen" || call == "NoteProviderCallback" {
			return errAway
		}
		return nil
	}
	a.do("POST", path, id, "Authorization", "").want(200)
	if len(a.ring.checks) != 3 {
		t.Error("a call-back is lost while nobody knows whether it is a repeat")
	}
}

// TestCallbackByTransaction: a call-back that tells the provider's number alone finds its top-up.
func TestCallbackByTransaction(t *testing.T) {
	t.Parallel()
	a, counts, _ := callbackAPI(t)
	id := topup.ID(a.do("POST", "/v1/topups", strings.TrimSuffix(good("p"), "}")+`,"provider":"reloadly"}`).want(202).text("id"))
	a.store.topups[id].State, a.store.byNumber["reloadly4602843"] = topup.Pending, id
	for _, body := range []string{"#4602843", "#4602844", "#"} {
		a.do("POST", "/v1/providers/reloadly/callback", body, "Authorization", "").want(200)
	}
	if len(a.ring.checks) != 1 || a.ring.checks[0].ID != id || counts.n["provider_callback reloadly_unknown"] != 2 {
		t.Errorf("rung for %v, %v", a.ring.checks, counts.n)
	}
	a.store.down = func(call string, _ int) error {
		if call == "TopupByTransaction" {
			return errAway
		}
		return nil
	}
	a.do("POST", "/v1/providers/reloadly/callback", "#4602843", "Authorization", "").problem(503, "unavailable")
}
