package intake_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"topupq/intake"
	"topupq/topup"
)

func TestNewAPIKey(t *testing.T) {
	t.Parallel()
	key, stored := intake.NewAPIKey(start)
	text := key.Reveal()
	if !strings.HasPrefix(text, "tq_live_") || len(stored.Hash) != 64 || !strings.HasSuffix(text, stored.Hint) {
		t.Errorf("key of %d characters, stored %+v", len(text), stored)
	}
	if !stored.Allows(topup.ScopeTopupsWrite) || stored.Allows(topup.ScopePINs) {
		t.Errorf("scopes %v", stored.Scopes)
	}
	if other, _ := intake.NewAPIKey(start); other == key {
		t.Error("the same key twice")
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	unknown, _ := intake.NewAPIKey(start)
	off, offKey := a.addMerchant("off")
	a.store.merchants[off.ID].Disabled = true
	wrong := []byte(a.key)
	wrong[20] = 'a' + (wrong[20]-'a'+1)%26
	bodies := map[string]bool{}
	for name, header := range map[string]string{
		"none": "", "empty": "Bearer ", "basic": "Basic " + a.key, "no scheme": a.key, "garbage": "Bearer xyz",
		"long": "Bearer " + strings.Repeat("a", 8000), "unknown": "Bearer " + unknown.Reveal(),
		"disabled": "Bearer " + offKey, "one letter wrong": "Bearer " + string(wrong), "capitals": "Bearer " + strings.ToUpper(a.key),
	} {
		t.Log(name)
		r := a.do("GET", "/v1/topups", "", "Authorization", header)
		r.problem(401, "unauthorized")
		bodies[string(r.body)] = true
		if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
			t.Error("no WWW-Authenticate")
		}
	}
	if len(bodies) != 1 {
		t.Errorf("the answers differ: %v", bodies)
	}
	a.do("GET", "/v1/topups", "", "Authorization", "bearer "+a.key).want(200)
}

// A made-up key with a right checksum costs a look-up; one without costs nothing.
func TestChecksumFirst(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("GET", "/v1/topups", "", "Authorization", "Bearer tq_live_"+strings.Repeat("a", 39)).problem(401, "unauthorized")
	if n := a.store.calls["MerchantByKey"]; n != 0 {
		t.Errorf("%d look-ups", n)
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("GET", "/v1/topups", "").want(200)
	a.do("GET", "/v1/topups", "").want(200)
	if n := a.store.calls["MerchantByKey"]; n != 1 {
		t.Errorf("%d look-ups for two calls", n)
	}
	a.store.merchants[a.merchant.ID].Keys = nil
	a.clock.add(5*time.Second - time.Millisecond)
	a.do("GET", "/v1/topups", "").problem(401, "unauthorized")
}

func TestScopes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do("POST", "/v1/topups", good("s")).want(202).text("id")
	needs := map[string]topup.Scope{
		"POST /v1/topups": topup.ScopeTopupsWrite, "GET /v1/topups": topup.ScopeTopupsRead,
		"GET /v1/topups/" + id: topup.ScopeTopupsRead, "GET /v1/topups/" + id + "/history": topup.ScopeTopupsRead,
		"POST /v1/topups/" + id + "/cancel": topup.ScopeTopupsWrite, "POST /v1/batches": topup.ScopeTopupsWrite,
		"GET /v1/batches/bat1": topup.ScopeTopupsRead, "GET /v1/batches/bat1/topups": topup.ScopeTopupsRead,
		"POST /v1/lookups": topup.ScopeLookups, "GET /v1/lookups/lkp1": topup.ScopeLookups,
		"GET /v1/webhook": topup.ScopeWebhooks, "PUT /v1/webhook": topup.ScopeWebhooks,
		"POST /v1/webhook/rotate": topup.ScopeWebhooks, "POST /v1/webhook/test": topup.ScopeWebhooks,
		"GET /v1/callbacks": topup.ScopeWebhooks, "POST /v1/callbacks/msg_a_1/redeliver": topup.ScopeWebhooks,
		"GET /v1/reports/2026-11-19": topup.ScopeTopupsRead,
	}
	for _, scope := range append(topup.DefaultScopes, topup.ScopePINs) {
		m, key := a.addMerchant(string(scope), scope)
		m.ID = a.merchant.ID
		for call, need := range needs {
			method, path, _ := strings.Cut(call, " ")
			r := a.as(key).do(method, path, "{}")
			if refused := r.status == http.StatusForbidden; refused == (need == scope) {
				t.Errorf("%s with %s: %d", call, scope, r.status)
			}
			if r.status == http.StatusForbidden {
				r.problem(403, "forbidden")
			}
		}
	}
}

// What belongs to one merchant does not exist for another, whatever is tried.
func TestTenancy(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, key := a.addMerchant("two")
	b := a.as(key)
	id := a.do("POST", "/v1/topups", good("mine")).want(202).text("id")
	batch := *a.do("POST", "/v1/batches", good("b1"), "Content-Type", "application/x-ndjson").receipt(202).BatchID
	lookup := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork"}`).want(202).text("id")
	failed := a.do("POST", "/v1/topups", good("failed")).want(202).text("id")
	a.do("POST", "/v1/topups/"+failed+"/cancel", "").want(200)
	a.store.batches[topup.BatchID(batch)].Callback = &topup.Callback{Version: 1, Type: topup.EventBatchCompleted, State: topup.CallbackParked}
	for _, call := range []string{
		"GET /v1/topups/" + id, "GET /v1/topups/" + id + "/history", "POST /v1/topups/" + id + "/cancel",
		"GET /v1/batches/" + batch, "GET /v1/batches/" + batch + "/topups", "GET /v1/lookups/" + lookup,
		"GET /v1/callbacks?topup=" + failed, "GET /v1/callbacks?topup=" + batch,
		"POST /v1/callbacks/msg_" + failed + "_2/redeliver", "POST /v1/callbacks/msg_" + batch + "_1/redeliver",
	} {
		method, path, _ := strings.Cut(call, " ")
		if mine := a.do(method, path, ""); mine.status >= 300 {
			t.Errorf("%s by its owner: %d", call, mine.status)
		}
		b.do(method, path, "").problem(404, "not_found")
	}
	for _, path := range []string{
		"/v1/topups", "/v1/topups?reference=mine", "/v1/topups?recipient=%2B27831234567", "/v1/topups?batch=" + batch,
		"/v1/topups?state=failed", "/v1/callbacks", "/v1/reports/2026-11-20",
	} {
		if data := b.do("GET", path, "").want(200).json()["data"].([]any); len(data) != 0 {
			t.Errorf("%s shows another merchant's %v", path, data)
		}
		if data := a.do("GET", path, "").want(200).json()["data"].([]any); len(data) == 0 {
			t.Errorf("%s shows its owner nothing", path)
		}
	}
	// The same reference is another top-up for another merchant.
	if other := b.do("POST", "/v1/topups", good("mine")).want(202).text("id"); other == id {
		t.Error("two merchants share an ID")
	}
	for _, path := range []string{"/v1/topups/zzzz", "/v1/topups/" + strings.Repeat("a", 20), "/v1/batches/batx", "/v1/lookups/x"} {
		b.do("GET", path, "").problem(404, "not_found")
	}
}
