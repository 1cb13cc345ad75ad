package intake_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"topupq/topup"
)

// operation is one call of the API's description.
type operation struct {
	method, path string
	*openapi3.Operation
}

// operations are all calls that openapi.yaml describes; merchants' alone where open is false.
func operations(t *testing.T, open bool) []operation {
	t.Helper()
	doc, err := describedDocument()
	if err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if isOpen := op.Security != nil && len(*op.Security) == 0; open || !isOpen {
				all = append(all, operation{method, path, op})
			}
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// possessions are one of everything that a merchant can have, by the path that leads to it.
type possessions map[string]string

// possess makes them. Their names are not found anywhere else.
func (a *api) possess() possessions {
	a.t.Helper()
	topup := a.do("POST", "/v1/topups", good("secret-ref-1")).want(202).text("id")
	a.do("POST", "/v1/topups/"+topup+"/cancel", "").want(200)
	batch := a.upload(ndjson, good("secret-ref-2")+"\n").receipt(202)
	lookup := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"27831234567"}}`).want(202).text("id")
	lookups := a.do("POST", "/v1/lookups/batches", `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"27831234567"}}`+"\n", "Content-Type", ndjson).want(202).text("batch_id")
	order := a.do("POST", "/v1/callbacks/redeliver", `{"from":"2026-11-20T08:00:00Z"}`).want(202).text("id")
	a.do("PUT", "/v1/webhook", `{"url":"https://secret-host.example.com/cb","headers":{"X-Secret":"secret-header"}}`).want(200)
	return possessions{
		"/v1/topups/": topup, "/v1/batches/": *batch.BatchID, "/v1/lookups/batches/": lookups, "/v1/lookups/": lookup,
		"/v1/callbacks/": "msg_" + topup + "_2", "/v1/redeliveries/": order,
	}
}

// path fills the parameters of a path in, with what the merchant has. filled is false for a path without any.
func (p possessions) path(t *testing.T, op operation) (path string, filled bool) {
	t.Helper()
	path = strings.ReplaceAll(op.path, "{date}", "2026-11-20")
	if !strings.Contains(path, "{") {
		return path, false
	}
	best := ""
	for prefix := range p {
		if strings.HasPrefix(path, prefix+"{id}") && len(prefix) > len(best) {
			best = prefix
		}
	}
	if best == "" {
		t.Fatalf("%s: make the test possess one of these", op.path)
	}
	return strings.Replace(path, "{id}", p[best], 1), true
}

// TestTwoMerchantsOverEveryPath lets one merchant call everything with the other one's names: nothing is found, told or
// changed. The other one's own calls show that the names are right.
func TestTwoMerchantsOverEveryPath(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withBodies)
	things := a.possess()
	_, otherKey := a.addMerchant("two")
	_, poorKey := a.addMerchant("three", "nothing")
	other, poor, stranger := a.as(otherKey), a.as(poorKey), a.as("tq_live_none")
	owned := 0
	for _, op := range operations(t, false) {
		path, filled := things.path(t, op)
		name := op.method + " " + op.path
		if r := stranger.do(op.method, path, ""); r.status != 401 {
			t.Errorf("%s without a key: %d", name, r.status)
		}
		if r := poor.do(op.method, path, ""); r.status != 403 {
			t.Errorf("%s without the scope: %d", name, r.status)
		}
		revision := a.revision()
		r := other.do(op.method, path, "")
		for _, secret := range append([]string{"secret-", string(a.merchant.ID)}, values(things)...) {
			if strings.Contains(string(r.body), secret) {
				t.Errorf("%s tells the other merchant %s:\n%s", name, secret, r.body)
			}
		}
		if filled {
			owned++
			if r.status != 404 {
				t.Errorf("%s with the other merchant's name: %d\n%s", name, r.status, r.body)
			}
			if now := a.revision(); now != revision {
				t.Errorf("%s changed the other merchant's records", name)
			}
			if own := a.do(op.method, path, ""); own.status == 404 {
				t.Errorf("%s is not found by its owner", name)
			}
		}
	}
	if owned < 9 {
		t.Errorf("only %d calls name something that is owned", owned)
	}
	for _, query := range []string{"batch=" + things["/v1/batches/"], "reference=secret-ref-1", "recipient=%2B27831234567"} {
		if r := other.do("GET", "/v1/topups?"+query, "").want(200); strings.Contains(string(r.body), "secret-") {
			t.Errorf("?%s tells %s", query, r.body)
		}
	}
	other.do("GET", "/v1/callbacks?topup="+things["/v1/topups/"], "").problem(404, "not_found")
	other.do("GET", "/v1/callbacks?topup="+things["/v1/batches/"], "").problem(404, "not_found")
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// revision sums up everything that the first merchant has in the ledger.
func (a *api) revision() string {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	var all []any
	for _, id := range a.store.order {
		if x := a.store.topups[id]; x.Merchant == a.merchant.ID {
			all = append(all, x.State, x.History, x.Callbacks)
		}
	}
	for _, b := range a.store.batches {
		if b.Merchant == a.merchant.ID {
			all = append(all, *b)
		}
	}
	m := a.store.merchants[a.merchant.ID]
	all = append(all, topup.Webhook{URL: m.Webhook.URL, Headers: m.Webhook.Headers}, len(m.Webhook.Secrets))
	return string(mustJSON(a.t, all))
}
