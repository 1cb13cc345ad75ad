package rechargekitsim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"topupq/clients/rechargekit/rechargekitsim"
)

func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	const short = time.Millisecond
	for _, tt := range []struct {
		rule   rechargekitsim.Rule
		status int
		booked int
		holds  string
	}{
		{rechargekitsim.Rule{Fault: ""}, 200, 1, `"status":2`},
		{rechargekitsim.Rule{Fault: "timeout_before", Delay: short}, 0, 0, ""},
		{rechargekitsim.Rule{Fault: "timeout_after", Delay: short}, 0, 1, ""},
		{rechargekitsim.Rule{Fault: "cut_before"}, 0, 0, ""},
		{rechargekitsim.Rule{Fault: "cut_after"}, 0, 1, ""},
		{rechargekitsim.Rule{Fault: "drop_kept_alive_after"}, 200, 1, `"status":2`},
		{rechargekitsim.Rule{Fault: "http_500_before"}, 500, 0, "Internal"},
		{rechargekitsim.Rule{Fault: "http_500_after"}, 500, 1, "Internal"},
		{rechargekitsim.Rule{Fault: "http_502_html_after"}, 502, 1, "<html>"},
		{rechargekitsim.Rule{Fault: "http_503_after"}, 503, 1, ""},
		{rechargekitsim.Rule{Fault: "http_504_after"}, 504, 1, ""},
		{rechargekitsim.Rule{Fault: "truncated"}, 200, 1, `{"error"`},
		{rechargekitsim.Rule{Fault: "empty"}, 200, 1, ""},
		{rechargekitsim.Rule{Fault: "html"}, 200, 1, "<html>"},
		{rechargekitsim.Rule{Fault: "bare_text"}, 200, 1, `"msg":order in queue,`},
		{rechargekitsim.Rule{Fault: "wrong_types"}, 200, 1, `"status":{"code":1}`},
		{rechargekitsim.Rule{Fault: "unknown_status"}, 200, 1, `"status":7`},
		{rechargekitsim.Rule{Fault: "duplicate_keys"}, 200, 1, `"status":3,"status":1}`},
		{rechargekitsim.Rule{Fault: "other_amount"}, 200, 1, `"amount":"20"`},
		{rechargekitsim.Rule{Fault: "other_number"}, 200, 1, `"mobile_no":"9000000000"`},
		{rechargekitsim.Rule{Fault: "other_reference"}, 200, 1, `"partnerreqid":"another-order"`},
		{rechargekitsim.Rule{Fault: "redirect"}, 307, 1, ""},
		{rechargekitsim.Rule{Fault: "error", Body: "No such plan"}, 200, 0, `{"error":1,"msg":"No such plan"}`},
		{rechargekitsim.Rule{Fault: "error", Status: 400, Code: "E9", Body: "Bad"}, 400, 0, `{"error":"E9","msg":"Bad"}`},
		{rechargekitsim.Rule{Fault: "error", Body: "<b>x</b>"}, 200, 0, "<b>x</b>"},
		{rechargekitsim.Rule{Fault: "duplicate"}, 200, 0, "Duplicate order"},
		{rechargekitsim.Rule{Fault: "unauthorized"}, 401, 0, "access denied."},
		{rechargekitsim.Rule{Fault: "insufficient"}, 200, 0, "Insufficient balance"},
		{rechargekitsim.Rule{Fault: "drip", Delay: time.Microsecond}, 200, 1, `"status":2`},
		{rechargekitsim.Rule{Fault: "no such fault"}, 200, 1, `"status":2`},
	} {
		t.Run(tt.rule.Fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, rechargekitsim.Options{})
			b.sim.Script(tt.rule)
			got := b.prepaid("r1")
			if got.status != tt.status || !strings.Contains(got.raw, tt.holds) {
				t.Errorf("answer %d %q, want %d with %q", got.status, got.raw, tt.status, tt.holds)
			}
			booked := 0
			for _, k := range b.sim.Bookings() {
				booked += k.Count
			}
			b.want("booked", booked, tt.booked)
		})
	}
}

func TestHuge(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{})
	b.sim.Script(rechargekitsim.Rule{Fault: "huge"})
	if got := b.prepaid("r1"); len(got.raw) < 64<<20 {
		t.Errorf("%d bytes", len(got.raw))
	}
}

func TestDropNeedsAUsedConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{})
	b.sim.Script(rechargekitsim.Rule{Fault: "drop_kept_alive_after", Times: 1})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	post := func(reference string) error {
		body := `{"mobile_no":"9679833706","operator_code":1,"amount":10,"partner_request_id":"` + reference + `","circle":1}`
		req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/recharge/prepaid", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+rechargekitsim.DefaultToken)
		resp, err := client.Do(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := post("first"); err != nil {
		t.Errorf("first call: %v", err)
	}
	if post("second") == nil {
		t.Error("second call was answered")
	}
	b.want("bookings", len(b.sim.Bookings()), 2)
}

func TestRulesInOrderAndTimes(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{})
	b.sim.Script(rechargekitsim.Rule{Fault: "http_500_before", Times: 2, Match: rechargekitsim.Match{Path: "/recharge/pre*"}})
	b.sim.Script(rechargekitsim.Rule{Fault: "cut_before", Times: 1, Match: rechargekitsim.Match{Recipient: "96??8*06", Reference: "*1"}})
	for i, want := range []int{500, 500, 0, 200} {
		if got := b.prepaid("r1").status; got != want {
			t.Errorf("call %d: %d, want %d", i, got, want)
		}
	}
	var statuses []int
	for _, r := range b.sim.Requests() {
		statuses = append(statuses, r.Status)
	}
	b.want("requests", statuses, []int{500, 500, 0, 200})
}

func TestStatusFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{InstantSuccess: true})
	b.sim.Script(rechargekitsim.Rule{Fault: "flip_flop", Match: rechargekitsim.Match{Reference: "flips"}})
	b.sim.Script(rechargekitsim.Rule{Fault: "not_found", Delay: time.Minute, Match: rechargekitsim.Match{Recipient: "9679833706", Reference: "hides"}})
	b.sim.Script(rechargekitsim.Rule{Fault: "no_optransid", Match: rechargekitsim.Match{Reference: "bare"}})
	b.prepaid("flips")
	b.want("flip-flop", []any{b.statusOf("flips"), b.statusOf("flips"), b.statusOf("flips")}, []any{1.0, 3.0, 1.0})
	b.prepaid("hides")
	b.want("hidden", b.statusOf("hides"), nil)
	b.clock.advance(time.Minute)
	b.want("visible", b.statusOf("hides"), 1.0)
	b.want("no optransid", b.prepaid("bare").json["optransid"], "")
}

func TestMagicNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		digits  string
		answer  int
		status  any
		first   any
		settled any
		booked  int
	}{
		{"0001", 200, 2.0, 2.0, 1.0, 1},
		{"9001", 200, 2.0, 2.0, 1.0, 1},
		{"9002", 200, 2.0, 2.0, 3.0, 1},
		{"9003", 0, nil, 2.0, 1.0, 1},
		{"9004", 0, nil, nil, nil, 0},
		{"9005", 200, 3.0, 3.0, 3.0, 0},
		{"9006", 200, 1.0, 1.0, 3.0, 1},
		{"9007", 500, nil, 2.0, 1.0, 1},
		{"9008", 500, nil, nil, nil, 0},
		{"9009", 200, nil, 2.0, 1.0, 1},
		{"9012", 0, nil, nil, 1.0, 1},
	} {
		t.Run(tt.digits, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, rechargekitsim.Options{Magic: true})
			got := b.prepaidTo("r1", "967983"+tt.digits)
			b.want("http status", got.status, tt.answer)
			b.want("status", got.json["status"], tt.status)
			b.want("statusCheck", b.statusOf("r1"), tt.first)
			b.clock.advance(4 * time.Second)
			b.want("settled", b.statusOf("r1"), tt.settled)
			booked := 0
			for _, k := range b.sim.Bookings() {
				booked += k.Count
			}
			b.want("booked", booked, tt.booked)
		})
	}
}

func TestMagicAnswersARepeat(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Magic: true})
	b.prepaidTo("r1", "9679839003")
	b.want("repeat", b.prepaidTo("r1", "9679839003").json["msg"], "Duplicate order, Order ID must be unique")
}

// callbacks receives call-backs of a simulator.
func callbacks(t *testing.T) (string, <-chan map[string]any) {
	t.Helper()
	got := make(chan map[string]any, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]any
		json.NewDecoder(r.Body).Decode(&m)
		got <- m
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	url, got := callbacks(t)
	b := newBench(t, rechargekitsim.Options{CallbackURL: url})
	b.sim.Script(rechargekitsim.Rule{Fault: "callback_twice", Match: rechargekitsim.Match{Reference: "twice"}})
	b.sim.Script(rechargekitsim.Rule{Fault: "callback_before", Match: rechargekitsim.Match{Reference: "early"}})
	b.prepaid("early")
	b.want("before the answer", len(got), 1)
	b.want("early", (<-got)["pid"], "early")
	b.prepaid("twice")
	b.clock.advance(time.Second)
	b.sim.Settle()
	b.want("twice", len(got), 2)
	first := <-got
	b.want("body", first, map[string]any{"status": 1.0, "orderid": b.sim.Bookings()[1].TransactionID, "opttranid": first["opttranid"], "pid": "twice", "commission": 0.2})
	<-got
	b.sim.Settle()
	b.want("not again", len(got), 0)
	b.sim.SetCallbackURL("")
	b.prepaid("quiet")
	b.clock.advance(time.Second)
	b.sim.Settle()
	b.want("no address", len(got), 0)
}

func TestCallbackComesByItself(t *testing.T) {
	t.Parallel()
	url, got := callbacks(t)
	sim := rechargekitsim.New(rechargekitsim.Options{CallbackURL: url, SettleAfter: time.Millisecond})
	t.Cleanup(sim.Close)
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/recharge/prepaid", bytes.NewBufferString(
		`{"mobile_no":"9679833706","operator_code":1,"amount":10,"partner_request_id":"r1","circle":1}`))
	req.Header.Set("Authorization", "Bearer "+rechargekitsim.DefaultToken)
	sim.ServeHTTP(httptest.NewRecorder(), req)
	if m := <-got; m["pid"] != "r1" || m["status"] != 1.0 {
		t.Errorf("call-back %v", m)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Magic: true})
	b.want("script", b.call("POST", "/_sim/script", `{"match":{"reference":"r*","recipient":"","path":"/recharge/prepaid"},"fault":"error","times":1,"delay":"1ms","status":400,"code":"7","body":"no"}`).status, 204)
	b.want("scripted", b.prepaid("r1").raw, `{"error":7,"msg":"no"}`)
	b.want("once", b.prepaid("r1").json["status"], 2.0)
	b.want("balance", b.call("POST", "/_sim/balance", `{"balance":"12.30"}`).status, 204)
	b.want("balance set", b.balance(), "12.30")
	var bookings []rechargekitsim.Booking
	if err := json.Unmarshal([]byte(b.call("GET", "/_sim/bookings", "").raw), &bookings); err != nil {
		t.Fatal(err)
	}
	b.want("bookings", bookings, b.sim.Bookings())
	var requests []rechargekitsim.Request
	if err := json.Unmarshal([]byte(b.call("GET", "/_sim/requests", "").raw), &requests); err != nil {
		t.Fatal(err)
	}
	b.want("requests", requests, b.sim.Requests())
	faults := b.call("GET", "/_sim/faults", "").raw
	if !strings.Contains(faults, "cut_after") || !strings.Contains(faults, "9012") {
		t.Errorf("faults: %s", faults)
	}
	for body, path := range map[string]string{
		`{"fault":"nonsense"}`: "script", `{"fault":"cut_after","delay":"soon"}`: "script", `{"faults":"x"}`: "script",
		`{"balance":"much"}`: "balance", `[]`: "balance",
	} {
		b.want(body, b.call("POST", "/_sim/"+path, body).status, 400)
	}
	b.want("unknown", b.call("GET", "/_sim/nothing", "").status, 404)
	b.want("callback", b.call("POST", "/_sim/callback", `{"url":""}`).status, 204)
	b.want("reset", b.call("POST", "/_sim/reset", "").status, 204)
	b.want("empty", b.call("GET", "/_sim/bookings", "").raw, "[]\n")
}
