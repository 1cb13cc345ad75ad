package intake_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

// references are those of a listing, in its order.
func (r answer) references() []string {
	r.t.Helper()
	out := []string{}
	for _, row := range r.want(200).json()["data"].([]any) {
		out = append(out, row.(map[string]any)["reference"].(string))
	}
	return out
}

func TestListTopups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	batch := *a.upload(ndjson, good("a")).receipt(202).BatchID
	a.clock.add(time.Hour)
	a.do("POST", "/v1/topups", with(`"reference":"b","recipient":"+27831230000"`)).want(202)
	a.clock.add(time.Hour)
	id := a.do("POST", "/v1/topups", good("c")).want(202).text("id")
	a.do("POST", "/v1/topups/"+id+"/cancel", "").want(200)
	for query, want := range map[string][]string{
		"": {"c", "b", "a"}, "?state=failed": {"c"}, "?state=accepted,failed": {"c", "b", "a"}, "?state=held": {},
		"?reference=b": {"b"}, "?reference=nope": {}, "?reference=b&state=failed": {}, "?reference=a&batch=" + batch: {"a"},
		"?reference=b&batch=" + batch: {}, "?recipient=%2B27831230000": {"b"}, "?recipient=+27831230000": {"b"},
		"?recipient=27831230000": {"b"}, "?batch=" + batch: {"a"}, "?batch=batother": {},
		"?from=2026-11-20T11:00:00Z": {"c", "b"}, "?to=2026-11-20T11:00:00Z": {"a"}, "?from=2026-11-21": {},
		"?from=2026-11-20&to=2026-11-21": {"c", "b", "a"}, "?limit=2": {"c", "b"}, "?limit=5000": {"c", "b", "a"},
		"?reference=c&from=2026-11-21": {},
	} {
		if d := cmp.Diff(want, a.do("GET", "/v1/topups"+query, "").references()); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
	page := a.do("GET", "/v1/topups?limit=2", "").want(200)
	if d := cmp.Diff([]string{"a"}, a.do("GET", "/v1/topups?limit=2&cursor="+page.text("next_cursor"), "").references()); d != "" {
		t.Error(d)
	}
	for _, query := range []string{
		"?state=done", "?limit=0", "?limit=x", "?from=yesterday", "?to=1", "?recipient=abc", "?reference=a/b", "?stat=failed",
		"?state=held&state=failed", "?a=%zz", "?limit=-1", "?cursor=garbage",
	} {
		t.Log(query)
		a.do("GET", "/v1/topups"+query, "").problem(400, "malformed")
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("GET", "/v1/reports/2026-11-19", "").want(200)
	for i := range 3 {
		a.do("POST", "/v1/topups", good(fmt.Sprint("r", i))).want(202)
	}
	a.do("POST", "/v1/topups", with(`"reference":"in","recipient":"+919812345678","currency":"INR","amount":"49.50"`)).want(202)
	id := topup.NewID(a.merchant.ID, "r0")
	a.store.topups[id].State, a.store.topups[id].ClosedAt = topup.Succeeded, start
	a.store.topups[id].ProviderReference = "=cmd()"
	rep := a.do("GET", "/v1/reports/2026-11-20", "").want(200).json()
	totals := []any{
		map[string]any{"state": "accepted", "currency": "INR", "count": num("1"), "requested": "49.50"},
		map[string]any{"state": "accepted", "currency": "ZAR", "count": num("2"), "requested": "10.00"},
		map[string]any{"state": "succeeded", "currency": "ZAR", "count": num("1"), "requested": "5.00"},
	}
	if d := cmp.Diff(totals, rep["totals"]); d != "" || len(rep["data"].([]any)) != 4 || rep["rows"] != num("4") || rep["open"] != num("3") {
		t.Errorf("%s %v", d, rep)
	}
	r := a.do("GET", "/v1/reports/2026-11-20", "", "Accept", "text/csv").want(200)
	rows, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
	if err != nil || len(rows) != 1+4+3+1+2+1 || rows[0][0] != "kind" || rows[1][0] != "topup" || rows[7][0] != "total" || rows[8][0] != "cost" || rows[9][0] != "open" || rows[11][0] != "sha256" {
		t.Fatalf("%v %v", err, rows)
	}
	if !strings.Contains(string(r.body), ",'=cmd(),") {
		t.Error("a provider's text would be a formula")
	}
	if !strings.Contains(r.header.Get("Content-Disposition"), "topups-2026-11-20.csv") {
		t.Error(r.header)
	}
	for query, n := range map[string]int{"2026-11-20?timezone=Pacific/Auckland": 4, "2026-11-19?timezone=UTC": 0, "2026-11-20?timezone=Pacific/Pago_Pago": 0} {
		// 10:00 UTC is 23:00 of the same day in Auckland; in Pago Pago the 20th has not begun.
		r := a.do("GET", "/v1/reports/"+query, "")
		if strings.Contains(query, "Pago") {
			r.problem(400, "malformed")
			continue
		}
		if got := len(r.want(200).json()["data"].([]any)); got != n {
			t.Errorf("%s: %d rows", query, got)
		}
	}
	for _, path := range []string{"2026-13-01", "yesterday", "2026-11-21", "2026-11-20?timezone=Mars", "2026-11-20?timezone=Local", "20261120"} {
		a.do("GET", "/v1/reports/"+path, "").problem(400, "malformed")
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"27831234567","n":12345678901234567890.10,"deep":{"a":[true,null]}}}`).want(202)
	id := r.text("id")
	if r.header.Get("Location") != "/v1/lookups/"+id || len(a.ring.lookups) != 1 || a.ring.lookups[0] != id {
		t.Errorf("%v %v", r.header, a.ring.lookups)
	}
	if got := fmt.Sprint(a.store.lookups[id].Params["n"]); got != "12345678901234567890.10" {
		t.Errorf("a number became %s", got)
	}
	want := map[string]any{"id": id, "provider": "aat", "action": "GetNetwork", "state": "queued", "result": nil, "error": nil,
		"stale": false, "cached_at": nil, "created_at": "2026-11-20T10:00:00Z", "done_at": nil}
	if d := cmp.Diff(want, a.do("GET", "/v1/lookups/"+id, "").want(200).json()); d != "" {
		t.Error(d)
	}
	l := a.store.lookups[id]
	l.State, l.Result, l.DoneAt = topup.LookupDone, []byte(`{"Id":2,"Name":"MTN"}`), start
	want["state"], want["done_at"] = "done", "2026-11-20T10:00:00Z"
	want["result"] = map[string]any{"Id": num("2"), "Name": "MTN"}
	if d := cmp.Diff(want, a.do("GET", "/v1/lookups/"+id, "").want(200).json()); d != "" {
		t.Error(d)
	}
	l.Stale, l.CachedAt = true, start.Add(-2*time.Hour)
	want["stale"], want["cached_at"] = true, "2026-11-20T08:00:00Z"
	if d := cmp.Diff(want, a.do("GET", "/v1/lookups/"+id, "").want(200).json()); d != "" {
		t.Error(d)
	}
	l.State, l.Result, l.Error = topup.LookupFailed, nil, &topup.LookupError{Code: "provider_refused", Message: "no", Retryable: true}
	got := a.do("GET", "/v1/lookups/"+id, "").want(200).json()["error"].(map[string]any)
	if got["code"] != "provider_refused" || got["retryable"] != true || got["provider_code"] != nil {
		t.Error(got)
	}
	for body, want := range map[string][]string{
		`{}`: {"provider"}, `{"provider":"aat"}`: {"action"}, `{"provider":"acme","action":"x"}`: {"provider"},
		`{"provider":"aat","action":"PerformPinlessRecharge"}`: {"action"}, `{"provider":"aat","action":"getBalance"}`: {"action"},
		`{"provider":"aat","action":"GetNetwork","params":[]}`: {"params"}, `{"provider":"aat","action":"GetNetwork","param":{}}`: {"param"},
		`{"provider":1,"action":2}`: {"action", "provider"}, `{"provider":"aat","action":"GetNetwork","params":{` + manyMembers(51) + `}}`: {"params"}, `[]`: {""},
	} {
		if d := cmp.Diff(want, a.do("POST", "/v1/lookups", body).problem(422, "invalid")); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}

func TestLookupWait(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.store.down = func(call string, n int) error {
		if call == "GetLookup" && n == 2 {
			for _, l := range a.store.lookups {
				l.State, l.Result = topup.LookupDone, []byte(`{}`)
			}
		}
		return nil
	}
	r := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetUserCredit"}`, "Prefer", "wait=20").want(200)
	if r.text("state") != "done" {
		t.Errorf("%s", r.body)
	}
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do("POST", "/v1/topups", good("c")).want(202).text("id")
	if n := len(a.do("GET", "/v1/callbacks?topup="+id, "").want(200).json()["data"].([]any)); n != 0 {
		t.Errorf("%d callbacks of a top-up without an outcome", n)
	}
	a.do("POST", "/v1/topups/"+id+"/cancel", "").want(200)
	cb := &a.store.topups[topup.ID(id)].Callbacks[0]
	cb.Attempted(topup.CallbackAttempt{At: start, Status: 500, Latency: 120 * time.Millisecond, Excerpt: "oops"}, nil, 0)
	want := map[string]any{"data": []any{map[string]any{
		"id": "msg_" + id + "_2", "topup_id": id, "type": "topup.failed", "version": num("2"), "state": "failed", "next_at": nil,
		"attempts": []any{map[string]any{"at": "2026-11-20T10:00:00Z", "status": num("500"), "latency_ms": num("120"), "excerpt": "oops"}},
	}}, "next_cursor": nil}
	for _, query := range []string{"?topup=" + id, "", "?state=failed", "?topup=" + id + "&state=failed"} {
		if d := cmp.Diff(want, a.do("GET", "/v1/callbacks"+query, "").want(200).json()); d != "" {
			t.Errorf("%s: %s", query, d)
		}
	}
	if n := len(a.do("GET", "/v1/callbacks?state=delivered", "").want(200).json()["data"].([]any)); n != 0 {
		t.Error("a failed callback is listed as delivered")
	}
	rung := len(a.ring.callbacks)
	r := a.do("POST", "/v1/callbacks/msg_"+id+"_2/redeliver", "").want(202)
	if r.text("state") != "waiting" || r.text("next_at") != "2026-11-20T10:00:00Z" || len(a.ring.callbacks) != rung+1 {
		t.Errorf("%s", r.body)
	}
	for _, bad := range []string{"msg_" + id + "_1", "msg_" + id + "_9", "msg_" + id, "x", "msg__1", "msg_bat_1"} {
		a.do("POST", "/v1/callbacks/"+bad+"/redeliver", "").problem(404, "not_found")
	}
	a.do("GET", "/v1/callbacks?state=lost", "").problem(400, "malformed")
}

func TestBatchCallback(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	batch := *a.upload(ndjson, good("a")).receipt(202).BatchID
	if n := len(a.do("GET", "/v1/callbacks?topup="+batch, "").want(200).json()["data"].([]any)); n != 0 {
		t.Error("an open batch has a callback")
	}
	a.store.batches[topup.BatchID(batch)].Callback = &topup.Callback{Version: 1, Type: topup.EventBatchCompleted, State: topup.CallbackDelivered}
	data := a.do("GET", "/v1/callbacks?topup="+batch, "").want(200).json()["data"].([]any)
	if len(data) != 1 || data[0].(map[string]any)["batch_id"] != batch || data[0].(map[string]any)["topup_id"] != nil {
		t.Errorf("%v", data)
	}
	a.do("POST", "/v1/callbacks/msg_"+batch+"_1/redeliver", "").want(202)
	if st := a.store.batches[topup.BatchID(batch)].Callback.State; st != topup.CallbackWaiting {
		t.Errorf("state %s", st)
	}
}
