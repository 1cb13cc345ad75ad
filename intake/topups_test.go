package intake_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

func TestCreateTopup(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do("POST", "/v1/topups", `{"reference":"ord-1001","recipient":"+27831234567","amount":"2.00","currency":"ZAR",
		"provider":"aat","product":{"recharge":"pinned","voucher_id":121},"expires_at":"2026-11-23T00:00:00Z","metadata":{"till":"7"}}`).want(202)
	id := topup.NewID(a.merchant.ID, "ord-1001")
	if got := r.header.Get("Location"); got != "/v1/topups/"+string(id) {
		t.Errorf("Location %q", got)
	}
	want := map[string]any{
		"id": string(id), "reference": "ord-1001", "batch_id": nil, "recipient": "+27831234567", "amount": "2.00",
		"currency": "ZAR", "provider": "aat", "product": map[string]any{"recharge": "pinned", "voucher_id": num("121")},
		"expires_at": "2026-11-23T00:00:00Z", "metadata": map[string]any{"till": "7"}, "state": "accepted",
		"refund_safe": false, "attempts": num("0"), "provider_reference": nil, "provider_transaction_id": nil,
		"operator_transaction_id": nil, "delivered_amount": nil, "delivered_currency": nil, "cost": nil,
		"cost_currency": nil, "predicted_cost": nil, "predicted_cost_currency": nil, "priority": "normal", "failure": nil, "explanation": "Recorded and waiting to be sent.",
		"checks": map[string]any{"done": num("0"), "next_at": nil}, "created_at": "2026-11-20T10:00:00Z",
		"updated_at": "2026-11-20T10:00:00Z", "closed_at": nil, "confirmed_at": nil,
	}
	if d := cmp.Diff(want, r.json()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]topup.Due{{ID: id, State: topup.Accepted}}, a.ring.sends[topup.AAT]); d != "" {
		t.Error(d)
	}
	stored := a.store.topups[id]
	if stored.Country != "ZA" || len(stored.History) != 1 || !stored.DueAt.Equal(start.Add(30*time.Second)) {
		t.Errorf("stored %+v", stored)
	}
	if d := cmp.Diff(r.json(), a.do("GET", "/v1/topups/"+string(id), "").want(200).json()); d != "" {
		t.Error("GET differs from POST:", d)
	}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for number, want := range map[string][2]string{
		"+27831239001": {"aat", "ZAR"}, "+919812349012": {"rechargekit", "INR"}, "+2348031239005": {"reloadly", "NGN"},
		"+233241239010": {"reloadly", "GHS"}, "+12125550123": {"reloadly", "USD"},
	} {
		r := a.do("POST", "/v1/topups", `{"reference":"r`+number[1:]+`","recipient":"`+number+`","amount":10,"currency":"`+want[1]+`"}`).want(202)
		if r.text("provider") != want[0] {
			t.Errorf("%s went to %s, want %s", number, r.text("provider"), want[0])
		}
		if !strings.HasPrefix(r.text("expires_at"), "2026-11-21T10:00:00") {
			t.Errorf("expires %s, want a day later", r.text("expires_at"))
		}
	}
}

func TestRepeatsAndConflicts(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	first := a.do("POST", "/v1/topups", good("same")).want(202)
	for name, body := range map[string]string{
		"identical":      good("same"),
		"other spelling": `{"currency":"ZAR","amount":5,"recipient":"+27831234567","reference":"same"}`,
		"provider named": `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","provider":"aat"}`,
		"other expiry":   `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","expires_at":"2026-12-01T00:00:00Z"}`,
		"expiry past":    `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","expires_at":"2026-11-01T00:00:00Z"}`,
		"null is absent": `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","metadata":null,"product":null}`,
	} {
		r := a.do("POST", "/v1/topups", body).want(200)
		if r.header.Get("Idempotent-Replayed") != "true" || r.text("id") != first.text("id") {
			t.Errorf("%s: not recognised as a repeat: %s", name, r.body)
		}
	}
	for name, body := range map[string]string{
		"amount":    `{"reference":"same","recipient":"+27831234567","amount":"6","currency":"ZAR"}`,
		"recipient": `{"reference":"same","recipient":"+27831234568","amount":"5","currency":"ZAR"}`,
		"provider":  `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","provider":"reloadly"}`,
		"product":   `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","product":{"voucher_id":1}}`,
		"metadata":  `{"reference":"same","recipient":"+27831234567","amount":"5","currency":"ZAR","metadata":{"a":"b"}}`,
	} {
		t.Log(name)
		a.do("POST", "/v1/topups", body).problem(409, "reference_conflict")
	}
	if a.store.count() != 1 || a.ring.rung() != 1 {
		t.Errorf("%d records, %d wake-ups", a.store.count(), a.ring.rung())
	}
}

// A route may change between a request and its repeat: the repeat is one all the same.
func TestRepeatAfterRouteChanged(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("POST", "/v1/topups", good("same")).want(202)
	moved := newAPI(t, func(c *intake.Config) {
		c.Store = a.store
		c.Routes = []intake.Route{{Providers: []topup.ProviderName{topup.Reloadly}}}
	})
	r := moved.as(a.key).do("POST", "/v1/topups", good("same")).want(200)
	if r.text("provider") != "aat" {
		t.Errorf("provider %s", r.text("provider"))
	}
}

func TestParallelRepeats(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	var wg sync.WaitGroup
	status := make(chan int, 200)
	for i := range 200 {
		wg.Go(func() {
			body := good("par-" + string(rune('a'+i%4)))
			if i%40 == 39 {
				body = strings.Replace(body, "5.00", "6.00", 1)
			}
			status <- a.do("POST", "/v1/topups", body).status
		})
	}
	wg.Wait()
	close(status)
	seen := map[int]int{}
	for s := range status {
		seen[s]++
	}
	if seen[202] != 4 || seen[202]+seen[200]+seen[409] != 200 || a.store.count() != 4 {
		t.Errorf("statuses %v, %d records", seen, a.store.count())
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := `{"recipient":"+27831234567","amount":"5","currency":"ZAR"}`
	a.do("POST", "/v1/topups", body).problem(422, "invalid")
	r := a.do("POST", "/v1/topups", body, "Idempotency-Key", "key-1").want(202)
	if r.text("reference") != "key-1" {
		t.Errorf("reference %q", r.text("reference"))
	}
	a.do("POST", "/v1/topups", body, "Idempotency-Key", `"key-1"`).want(200)
	a.do("POST", "/v1/topups", good("own"), "Idempotency-Key", "key-1").want(202)
	if f := a.do("POST", "/v1/topups", body, "Idempotency-Key", "a b").problem(422, "invalid"); len(f) != 1 || f[0] != "reference" {
		t.Errorf("fields %v", f)
	}
}

func TestRingFailureLosesNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.ring.err = errAway
	a.do("POST", "/v1/topups", good("a")).want(202)
	if rec := a.do("POST", "/v1/batches", good("b"), "Content-Type", "application/x-ndjson").receipt(202); rec.Accepted != 1 {
		t.Errorf("%+v", rec)
	}
	a.do("POST", "/v1/lookups", `{"provider":"aat","action":"GetNetwork"}`).problem(503, "unavailable")
	if a.store.count() != 2 {
		t.Errorf("%d records", a.store.count())
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Window = windowOf(1) })
	rows := good("a") + "\n" + good("b") + "\n" + good("c")
	a.do("POST", "/v1/batches", rows, "Content-Type", "application/x-ndjson").receipt(202)
	if a.store.count() != 3 || a.ring.rung() != 1 {
		t.Errorf("%d records, %d wake-ups", a.store.count(), a.ring.rung())
	}
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := topup.NewID(a.merchant.ID, "w")
	a.store.down = func(call string, n int) error {
		if call == "Get" && n == 3 { // the outcome comes while the client waits
			tp := a.store.topups[id]
			tp.State, tp.ClosedAt = topup.Succeeded, start.Add(time.Second)
		}
		return nil
	}
	r := a.do("POST", "/v1/topups", good("w"), "Prefer", "respond-async, wait=20").want(200)
	if r.text("state") != "succeeded" || r.header.Get("Preference-Applied") != "wait=20" || r.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%v %s", r.header, r.body)
	}
}

func TestPreferWaitRunsOut(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Limits.Wait = time.Second })
	for i, prefer := range []string{"wait=0", "wait=-1", "wait=x", "wait", "wait=99999999999999999999", "wait=1"} {
		ref := "w" + string(rune('a'+i))
		if got := a.do("POST", "/v1/topups", good(ref), "Prefer", prefer).want(202).text("state"); got != "accepted" {
			t.Errorf("%s: %s", prefer, got)
		}
	}
}

// Nobody waits for what only a person can change.
func TestPreferWaitHeld(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("POST", "/v1/topups", good("h")).want(202)
	a.store.topups[topup.NewID(a.merchant.ID, "h")].State = topup.Held
	r := a.do("POST", "/v1/topups", good("h"), "Prefer", "wait=30").want(200)
	if r.text("state") != "held" {
		t.Errorf("%s", r.body)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, st := range topup.States {
		ref := "c-" + st.String()
		id := a.do("POST", "/v1/topups", good(ref)).want(202).text("id")
		a.store.topups[topup.ID(id)].State = st
		r := a.do("POST", "/v1/topups/"+id+"/cancel", `{"reason":"typo"}`)
		if st != topup.Accepted && st != topup.Held {
			r.problem(409, "not_cancellable")
			continue
		}
		m := r.want(200).json()
		if m["state"] != "failed" || m["refund_safe"] != true || m["failure"].(map[string]any)["code"] != "cancelled" {
			t.Errorf("%s: %s", st, r.body)
		}
		a.do("POST", "/v1/topups/"+id+"/cancel", "").problem(409, "not_cancellable")
	}
	if len(a.ring.callbacks) != 2 {
		t.Errorf("callbacks rung: %v", a.ring.callbacks)
	}
	old := a.do("POST", "/v1/topups", good("older-than-the-recovery")).want(202).text("id")
	a.clock.add(time.Second)
	a.store.recovered = a.clock.Now()
	a.do("POST", "/v1/topups/"+old+"/cancel", "").problem(409, "not_cancellable")
	again := a.do("POST", "/v1/topups", good("submitted-again-perhaps")).want(202).text("id")
	a.do("POST", "/v1/topups/"+again+"/cancel", "").problem(409, "not_cancellable")
	a.clock.add(24 * time.Hour)
	id := a.do("POST", "/v1/topups", good("plain")).want(202).text("id")
	a.do("POST", "/v1/topups/"+id+"/cancel", `{"reason":1}`).problem(422, "invalid")
	a.do("POST", "/v1/topups/"+id+"/cancel", `{"why":"x"}`).problem(422, "invalid")
	a.do("POST", "/v1/topups/"+id+"/cancel", `{`).problem(400, "malformed")
	a.do("POST", "/v1/topups/"+id+"/cancel", "", "Content-Type", "").want(200)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do("POST", "/v1/topups", good("h")).want(202).text("id")
	a.clock.add(time.Minute)
	a.do("POST", "/v1/topups/"+id+"/cancel", "").want(200)
	want := map[string]any{"next_cursor": nil, "data": []any{
		map[string]any{"at": "2026-11-20T10:00:00Z", "from": nil, "to": "accepted", "actor": "intake", "reason": "submitted",
			"attempt": num("0"), "provider_code": nil, "provider_message": nil},
		map[string]any{"at": "2026-11-20T10:01:00Z", "from": "accepted", "to": "failed", "actor": "merchant", "reason": "cancelled",
			"attempt": num("0"), "provider_code": nil, "provider_message": nil},
	}}
	if d := cmp.Diff(want, a.do("GET", "/v1/topups/"+id+"/history", "").want(200).json()); d != "" {
		t.Error(d)
	}
}

func TestPIN(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do("POST", "/v1/topups", strings.Replace(good("p"), "}", `,"product":{"recharge":"pinned"}}`, 1)).want(202).text("id")
	sealed, err := testKeyring(t).Seal("0000000011180837", id)
	if err != nil {
		t.Fatal(err)
	}
	a.store.topups[topup.ID(id)].PIN = sealed
	if _, there := a.do("GET", "/v1/topups/"+id, "").want(200).json()["pin"]; there {
		t.Error("a key without pins:read got the PIN")
	}
	a.store.merchants[a.merchant.ID].Keys[0].Scopes = append(topup.DefaultScopes, topup.ScopePINs)
	a.clock.add(5 * time.Second)
	if got := a.do("GET", "/v1/topups/"+id, "").want(200).text("pin"); got != "0000000011180837" {
		t.Errorf("pin %q", got)
	}
	if r := a.do("GET", "/v1/topups", "").want(200); strings.Contains(string(r.body), "11180837") {
		t.Error("the listing has the PIN")
	}
	a.store.topups[topup.ID(id)].PIN[5] ^= 1
	a.do("GET", "/v1/topups/"+id, "").problem(http.StatusInternalServerError, "pin_unreadable")
}

// TestPriority takes the three priorities, from JSON and CSV, and says what the default is.
func TestPriority(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Window = windowOf(0) })
	for _, p := range []string{"high", "normal", "bulk"} {
		if got := a.do("POST", "/v1/topups", `{"priority":"`+p+`",`+good(p)[1:]).want(202).text("priority"); got != p {
			t.Errorf("%s: %s", p, got)
		}
		if x := a.store.topups[topup.NewID(a.merchant.ID, p)]; !x.InLine || x.Urgency().String() != p {
			t.Errorf("%s: %+v", p, x)
		}
	}
	a.do("POST", "/v1/topups", `{"priority":"now",`+good("x")[1:]).problem(422, "invalid")
	rows := "reference,recipient,amount,currency,priority\nr1,+27831234567,5,ZAR,high\nr2,+27831234567,5,ZAR,\n"
	a.upload(csvType, rows).receipt(202)
	for reference, want := range map[string]topup.Priority{"r1": topup.PriorityHigh, "r2": topup.PriorityBulk} {
		if got := a.store.topups[topup.NewID(a.merchant.ID, reference)].Urgency(); got != want {
			t.Errorf("%s is %s", reference, got)
		}
	}
}
