package intake_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

const fourLookups = `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"27831234567"}}

{"provider":"aat","action":"Perform"}
not json
{"provider":"reloadly","action":"getBalance"}
`

// lines decodes an answer of NDJSON.
func (r answer) lines() []map[string]any {
	r.t.Helper()
	var out []map[string]any
	dec := json.NewDecoder(bytes.NewReader(r.body))
	for dec.More() {
		var m map[string]any
		if err := dec.Decode(&m); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestLookupBatch(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do("POST", "/v1/lookups/batches", fourLookups, "Content-Type", ndjson).want(202)
	view := r.json()
	batch := r.text("batch_id")
	ids, _ := view["ids"].([]any)
	if r.header.Get("Location") != "/v1/lookups/batches/"+batch || len(ids) != 5 || ids[0] == nil || ids[1] != nil || ids[2] != nil || ids[3] != nil || ids[4] == nil {
		t.Fatalf("%s, %v", r.header.Get("Location"), ids)
	}
	if view["lines"] != num("5") || view["accepted"] != num("2") || view["rejected"] != num("2") {
		t.Errorf("%s", r.body)
	}
	first, last := ids[0].(string), ids[4].(string)
	if d := cmp.Diff([]string{first, last}, a.ring.lookups); d != "" {
		t.Error(d)
	}
	errors, _ := view["errors"].([]any)
	if len(errors) != 2 || errors[0].(map[string]any)["field"] != "action" || errors[1].(map[string]any)["line"] != num("4") {
		t.Errorf("%v", errors)
	}
	l := a.store.lookups[first]
	l.State, l.Result = topup.LookupDone, []byte(`{"Id":2}`)
	lines := a.do("GET", "/v1/lookups/batches/"+batch, "").want(200).lines()
	if len(lines) != 2 || lines[0]["line"] != 1.0 || lines[0]["state"] != "done" || lines[1]["line"] != 5.0 || lines[1]["id"] != last || lines[1]["state"] != "queued" {
		t.Errorf("%v", lines)
	}
	states := a.do("GET", "/v1/lookups/batches/"+batch, "", "Accept", "application/json").want(200).json()["states"]
	if d := cmp.Diff(map[string]any{"queued": num("1"), "done": num("1"), "failed": num("0")}, states); d != "" {
		t.Error(d)
	}
	_, key := a.addMerchant("two")
	a.as(key).do("GET", "/v1/lookups/batches/"+batch, "").problem(404, "not_found")
	a.as(key).do("GET", "/v1/lookups/"+first, "").problem(404, "not_found")
	a.do("GET", "/v1/lookups/batches/lkbnone", "").problem(404, "not_found")
}

func TestLookupBatchAsLines(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	lines := a.do("POST", "/v1/lookups/batches", fourLookups, "Content-Type", ndjson, "Accept", ndjson).want(202).lines()
	if len(lines) != 4 || lines[0]["id"] == "" || lines[1]["error"] == nil || lines[2]["error"] == nil || lines[3]["line"] != 5.0 {
		t.Errorf("%v", lines)
	}
}

func TestLookupBatchRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("POST", "/v1/lookups/batches", fourLookups).problem(415, "unsupported_media_type")
	a.do("POST", "/v1/lookups/batches", "\n\n", "Content-Type", ndjson).problem(400, "malformed")
	a.store.down = func(call string, _ int) error {
		if call == "PutLookupBatch" {
			return errAway
		}
		return nil
	}
	a.do("POST", "/v1/lookups/batches", fourLookups, "Content-Type", ndjson).problem(503, "unavailable")
	a.store.down, a.ring.err = nil, errAway
	a.do("POST", "/v1/lookups/batches", fourLookups, "Content-Type", ndjson).problem(503, "unavailable")
	long := `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"` + strings.Repeat("1", 70<<10) + `"}}` + "\n"
	a.ring.err = nil
	r := a.do("POST", "/v1/lookups/batches", long+fourLookups, "Content-Type", ndjson).want(202)
	if !strings.Contains(string(r.body), "too_large") || r.json()["accepted"] != num("2") {
		t.Errorf("%s", r.body)
	}
}

// TestLookupBatchOfManyLines: lines above the limit are not read, those below it are taken in steps.
func TestLookupBatchOfManyLines(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := strings.Repeat(`{"provider":"aat","action":"GetUserCredit"}`+"\n", 10_003)
	view := a.do("POST", "/v1/lookups/batches", body, "Content-Type", ndjson).want(202).json()
	if view["accepted"] != num("10000") || view["rejected"] != num("1") || len(a.ring.lookups) != 10_000 {
		t.Errorf("accepted %v, rejected %v, rung %d", view["accepted"], view["rejected"], len(a.ring.lookups))
	}
}

func TestLookupBatchWait(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := strings.Repeat(`{"provider":"aat","action":"GetUserCredit"}`+"\n", 120)
	batch := a.do("POST", "/v1/lookups/batches", body, "Content-Type", ndjson).want(202).text("batch_id")
	looks := 0
	a.store.down = func(call string, _ int) error {
		if call != "GetLookup" {
			return nil
		}
		if looks++; looks%40 == 0 { // answers come in while the client waits
			for i, id := range a.ring.lookups {
				if i < looks/2 {
					a.store.lookups[id].State = topup.LookupDone
				}
			}
		}
		return nil
	}
	view := a.do("GET", "/v1/lookups/batches/"+batch, "", "Prefer", "wait=20", "Accept", "application/json").want(200)
	if states := view.json()["states"]; fmt.Sprint(states) != "map[done:120 failed:0 queued:0]" || view.header.Get("Preference-Applied") != "wait=20" {
		t.Errorf("%v", states)
	}
}

// TestLostLookupIsRungForAgain: the queue may lose a lookup; who looks at it rings again.
func TestLostLookupIsRungForAgain(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetUserCredit"}`).want(202).text("id")
	a.do("GET", "/v1/lookups/"+id, "").want(200)
	if len(a.ring.lookups) != 1 {
		t.Errorf("rung %d times at once", len(a.ring.lookups))
	}
	a.clock.add(31 * time.Second)
	a.do("GET", "/v1/lookups/"+id, "").want(200)
	if len(a.ring.lookups) != 2 || a.ring.lookups[1] != id {
		t.Errorf("rung for %v", a.ring.lookups)
	}
	a.ring.err = errAway
	a.do("GET", "/v1/lookups/"+id, "").want(200)
}

func TestDeniedLookups(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		s := c.Providers[topup.AAT]
		s.Denied = []string{"GetUserCredit"}
		c.Providers[topup.AAT] = s
	})
	if d := cmp.Diff([]string{"action"}, a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetUserCredit"}`).problem(422, "invalid")); d != "" {
		t.Error(d)
	}
	a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"1"}}`).want(202)
	r := a.do("POST", "/v1/lookups/batches", `{"provider":"aat","action":"GetUserCredit"}`, "Content-Type", ndjson).want(202)
	if !strings.Contains(string(r.body), "switched off") {
		t.Errorf("%s", r.body)
	}
}
