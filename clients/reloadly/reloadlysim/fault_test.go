package reloadlysim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sim "topupq/clients/reloadly/reloadlysim"
)

// TestExchangeFaults: for each fault, what the caller sees and whether the order was booked.
func TestExchangeFaults(t *testing.T) {
	t.Parallel()
	valid := func(body string) bool { return json.Valid([]byte(body)) }
	tests := map[string]struct {
		rule   sim.Rule
		booked int
		seen   func(status int, body string) bool
	}{
		"timeout_before":      {sim.Rule{}, 0, func(s int, _ string) bool { return s == 0 }},
		"timeout_after":       {sim.Rule{}, 1, func(s int, _ string) bool { return s == 0 }},
		"cut_after":           {sim.Rule{}, 1, func(s int, _ string) bool { return s == 0 }},
		"http_500_before":     {sim.Rule{}, 0, func(s int, b string) bool { return s == 500 && strings.Contains(b, "timestamp") }},
		"http_500_after":      {sim.Rule{}, 1, func(s int, b string) bool { return s == 500 && !strings.Contains(b, "errorCode") }},
		"http_502_html_after": {sim.Rule{}, 1, func(s int, b string) bool { return s == 502 && strings.HasPrefix(b, "<html>") }},
		"http_503_after":      {sim.Rule{}, 1, func(s int, _ string) bool { return s == 503 }},
		"http_504_after":      {sim.Rule{}, 1, func(s int, b string) bool { return s == 504 && strings.HasPrefix(b, "<html>") }},
		"truncated":           {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && b != "" && !valid(b) }},
		"empty":               {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && b == "" }},
		"html":                {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && strings.HasPrefix(b, "<html>") }},
		"huge":                {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && len(b) > 16<<20 }},
		"wrong_types":         {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && strings.Contains(b, `"transactionId":{`) }},
		"duplicate_keys":      {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && strings.Count(b, `"transactionId":`) == 2 && valid(b) }},
		"redirect":            {sim.Rule{}, 1, func(s int, _ string) bool { return s == http.StatusTemporaryRedirect }},
		"drip":                {sim.Rule{}, 1, func(s int, b string) bool { return s == 200 && valid(b) }},
		"slow":                {sim.Rule{Delay: time.Minute}, 1, func(s int, b string) bool { return s == 200 && valid(b) }},
		"error": {sim.Rule{Status: 409, Code: "MADE_UP", Body: "made up"}, 0, func(s int, b string) bool {
			return s == 409 && strings.Contains(b, `"errorCode":"MADE_UP"`) && strings.Contains(b, "made up")
		}},
		"duplicate":          {sim.Rule{}, 0, func(s int, b string) bool { return s == 400 && strings.Contains(b, "CUSTOM_IDENTIFIER_ALREADY_USED") }},
		"recently_recharged": {sim.Rule{}, 0, func(s int, b string) bool { return s == 400 && strings.Contains(b, "PHONE_RECENTLY_RECHARGED") }},
		"insufficient":       {sim.Rule{}, 0, func(s int, b string) bool { return s == 400 && strings.Contains(b, "INSUFFICIENT_BALANCE") }},
		"unauthorized":       {sim.Rule{}, 0, func(s int, b string) bool { return s == 401 && strings.Contains(b, "INVALID_TOKEN") }},
	}
	for fault, test := range tests {
		for _, path := range []string{"/topups", "/topups-async"} {
			t.Run(fault+path, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, sim.Options{})
				rule := test.rule
				rule.Fault, rule.Times = fault, 1
				b.Script(rule)
				before := b.clock.Now()
				status, body := b.call("POST", path, orderJSON("hit", number), nil)
				if !test.seen(status, body) {
					t.Errorf("saw %d %.200s", status, body)
				}
				if got := b.booking("hit").Count; got != test.booked {
					t.Errorf("booked %d times, want %d", got, test.booked)
				}
				if waits := strings.HasPrefix(fault, "timeout") || fault == "slow" || fault == "drip"; waits != b.clock.Now().After(before) {
					t.Errorf("waited from %v to %v", before, b.clock.Now())
				}
				if status, _ := b.call("POST", path, orderJSON("free", number), nil); status != 200 {
					t.Errorf("after its one time: %d", status)
				}
			})
		}
	}
}

func TestOrderFaults(t *testing.T) {
	t.Parallel()
	type step struct {
		after  time.Duration
		status string
	}
	tests := map[string]struct {
		rule  sim.Rule
		steps []step
		state string
		money string
	}{
		"pending":          {sim.Rule{Fault: "pending", Delay: time.Hour}, []step{{0, "PROCESSING"}, {time.Hour, "SUCCESSFUL"}}, "booked", "97.575"},
		"pending failed":   {sim.Rule{Fault: "pending", Delay: time.Hour, Code: "failed"}, []step{{0, "PROCESSING"}, {time.Hour, "FAILED"}}, "failed", "100"},
		"pending refunded": {sim.Rule{Fault: "pending", Delay: time.Hour, Code: "refunded"}, []step{{0, "PROCESSING"}, {time.Hour, "REFUNDED"}}, "refunded", "100"},
		"fail":             {sim.Rule{Fault: "fail"}, []step{{0, "FAILED"}, {time.Hour, "FAILED"}}, "failed", "100"},
		"reverse":          {sim.Rule{Fault: "reverse", Delay: time.Hour}, []step{{0, "SUCCESSFUL"}, {time.Hour, "REFUNDED"}}, "refunded", "100"},
		"reverse default":  {sim.Rule{Fault: "reverse"}, []step{{59 * time.Minute, "SUCCESSFUL"}, {time.Minute, "REFUNDED"}}, "refunded", "100"},
		"flip_flop":        {sim.Rule{Fault: "flip_flop"}, []step{{0, "SUCCESSFUL"}, {0, "PROCESSING"}, {0, "SUCCESSFUL"}}, "booked", "97.575"},
		"flip_flop failed": {sim.Rule{Fault: "flip_flop", Code: "failed"}, []step{{0, "SUCCESSFUL"}, {0, "FAILED"}}, "booked", "97.575"},
		"not_found":        {sim.Rule{Fault: "not_found", Delay: time.Hour}, []step{{0, ""}, {time.Hour, "SUCCESSFUL"}}, "booked", "97.575"},
		"unknown_status":   {sim.Rule{Fault: "unknown_status", Times: 1}, []step{{0, "COMPLETED_PERHAPS"}, {0, "SUCCESSFUL"}}, "booked", "97.575"},
	}
	for name, test := range tests {
		for _, first := range []string{"rule", "order"} {
			t.Run(name+"/"+first+" first", func(t *testing.T) {
				t.Parallel()
				b := newBench(t, sim.Options{Balance: "100"})
				rule := test.rule
				rule.Match.Recipient = "*4567"
				if first == "rule" {
					b.Script(rule)
				}
				_, tr := b.async("a", number)
				if first == "order" {
					b.Script(rule)
				}
				for i, s := range test.steps {
					b.clock.add(s.after)
					if got := b.status(tr.ID); got != s.status {
						t.Errorf("step %d: %q, want %q", i, got, s.status)
					}
				}
				if k := b.booking("a"); k.State != test.state || k.Count != 1 {
					t.Errorf("booking %+v", k)
				}
				b.wantBalance(test.money)
			})
		}
	}
}

func TestRowFaultsChangeAnswersNotTheLedger(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"other_amount": "requestedAmount", "other_number": "recipientPhone", "other_reference": "customIdentifier"}
	for fault, field := range fields {
		b := newBench(t, sim.Options{})
		var clean, bent map[string]any
		b.call("POST", "/topups", orderJSON("a", number), &clean)
		b.Script(sim.Rule{Match: sim.Match{Reference: "a"}, Fault: fault, Times: 1})
		path := fmt.Sprintf("/topups/reports/transactions/%.0f", clean["transactionId"])
		b.call("GET", path, "", &bent)
		if clean[field] == bent[field] {
			t.Errorf("%s: %s is still %v", fault, field, bent[field])
		}
		if b.call("GET", path, "", &bent); clean[field] != bent[field] {
			t.Errorf("%s: once means once", fault)
		}
		if k := b.booking("a"); k.Amount != "2.5" || k.Recipient != number {
			t.Errorf("%s: booking %+v", fault, k)
		}
	}
}

func TestTimesCountOrdersNotReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	b.Script(sim.Rule{Fault: "pending", Delay: time.Hour, Times: 2})
	b.Script(sim.Rule{Fault: "fail", Times: 1})
	var ids []int64
	for i := range 4 {
		_, tr := b.async(fmt.Sprint("r", i), number)
		b.status(tr.ID)
		ids = append(ids, tr.ID)
	}
	for i, want := range []string{"PROCESSING", "PROCESSING", "FAILED", "SUCCESSFUL"} {
		if got := b.status(ids[i]); got != want {
			t.Errorf("order %d: %s, want %s", i, got, want)
		}
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	tests := []struct {
		match sim.Match
		hit   bool
	}{
		{sim.Match{}, true},
		{sim.Match{Reference: "ord-*"}, true},
		{sim.Match{Reference: "ord-?"}, true},
		{sim.Match{Reference: "*-1"}, true},
		{sim.Match{Reference: "*r*1*"}, true},
		{sim.Match{Reference: "ord"}, false},
		{sim.Match{Reference: "ord-1?"}, false},
		{sim.Match{Recipient: "+234*"}, true},
		{sim.Match{Recipient: "*4567"}, true},
		{sim.Match{Recipient: "2348031234567"}, true},
		{sim.Match{Recipient: "*9999"}, false},
		{sim.Match{Path: "/topups"}, true},
		{sim.Match{Path: "/topups-async"}, false},
		{sim.Match{Path: "*"}, true},
		{sim.Match{Reference: "ord-*", Recipient: "+233*"}, false},
	}
	for _, test := range tests {
		b := newBench(t, sim.Options{})
		b.Script(sim.Rule{Match: test.match, Fault: "http_500_before"})
		if status, _ := b.topup("ord-1", number); (status == 500) != test.hit {
			t.Errorf("%+v: %d", test.match, status)
		}
		everything := test.match.Path == "*"
		if status, _ := b.call("GET", "/countries", "", nil); (status == 500) != everything {
			t.Errorf("%+v on the catalogue: %d", test.match, status)
		}
	}
}

func TestUnauthorizedOnEverything(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	b.Script(sim.Rule{Fault: "unauthorized"})
	for path, method := range map[string]string{"/accounts/balance": "GET", "/oauth/token": "POST", "/topups": "POST", "/topups/1/status": "GET"} {
		if status, _ := b.call(method, path, "{}", nil); status != 401 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestKeptAliveDropNeedsAUsedConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	b.Script(sim.Rule{Fault: "drop_kept_alive_after", Times: 1})
	fresh := &http.Transport{}
	defer fresh.CloseIdleConnections()
	send := func(ref string) error {
		req, err := http.NewRequestWithContext(t.Context(), "POST", b.url+"/topups", strings.NewReader(orderJSON(ref, number)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+b.token)
		resp, err := fresh.RoundTrip(req)
		if err == nil {
			var v any
			_ = json.NewDecoder(resp.Body).Decode(&v) // drained, so that the connection is used again
			resp.Body.Close()
		}
		return err
	}
	first, second := send("first"), send("second")
	if first != nil || second == nil || b.booking("second").Count != 1 {
		t.Errorf("first %v, second %v, booked %+v", first, second, b.booking("second"))
	}
}

func TestMagicRecipients(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		first  int    // HTTP status of the first order, 0 for a cut
		second int    // and of the same order again
		states string // ledger at once, 3 s and 2 h later; "-" is none
	}{
		"9001": {200, 400, "pending booked booked"},
		"9002": {200, 400, "pending failed failed"},
		"9003": {0, 400, "booked booked booked"},
		"9004": {0, 0, "- - -"},
		"9005": {400, 400, "- - -"},
		"9006": {200, 400, "booked booked refunded"},
		"9007": {500, 400, "booked booked booked"},
		"9008": {500, 500, "- - -"},
		"9009": {200, 400, "booked booked booked"},
		"9010": {400, 200, "booked booked booked"},
		"9011": {200, 400, "booked booked booked"},
		"9012": {0, 400, "booked booked booked"},
		"9013": {200, 400, "booked booked booked"},
	}
	for digits, test := range tests {
		t.Run(digits, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sim.Options{Magic: true, ReverseAfter: 2 * time.Hour})
			first, _ := b.async("m", "234803123"+digits)
			second, _ := b.async("m", "234803123"+digits)
			if first != test.first || second != test.second {
				t.Errorf("answered %d and %d, want %d and %d", first, second, test.first, test.second)
			}
			var states []string
			for _, after := range []time.Duration{0, 3 * time.Second, 2 * time.Hour} {
				b.clock.add(after)
				state := b.booking("m").State
				if state == "" {
					state = "-"
				}
				states = append(states, state)
				if found, hidden := b.reported("m") > 0, digits == "9012" && after == 0; found == (state == "-" || hidden) {
					t.Errorf("after %v: found %v", after, found)
				}
			}
			if got := strings.Join(states, " "); got != test.states {
				t.Errorf("states %s, want %s", got, test.states)
			}
			if k := b.booking("m"); k.Count > 1 {
				t.Errorf("booked %d times", k.Count)
			}
		})
	}
}

func TestMagicIsOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	if status, _ := b.topup("m", "2348031239004"); status != 200 {
		t.Errorf("answered %d", status)
	}
}

func TestSlowOperatorLeavesNoRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	before := b.clock.Now()
	var e transaction
	status, _ := b.call("POST", "/topups", `{"operatorId":1213,"amount":5,"customIdentifier":"s","recipientPhone":{"countryCode":"PH","number":"639181234567"}}`, &e)
	if status != 400 || e.Code != "TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT" || b.clock.Now().Sub(before) != 52*time.Second {
		t.Errorf("%d %s after %v", status, e.Code, b.clock.Now().Sub(before))
	}
	if b.booking("s").Count != 0 || b.reported("s") != 0 {
		t.Error("there is a record")
	}
}

func TestAutoDetection(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{NoIndia: true})
	tests := []struct {
		path   string
		status int
		id     int64
	}{
		{"/operators/auto-detect/phone/%2B2348031234567/countries/NG", 200, 341},
		{"/operators/auto-detect/phone/08021234567/countries/NG", 200, 342},
		{"/operators/auto-detect/phone/803/countries/NG", 200, 341},
		{"/operators/auto-detect/phone/2341001234567/countries/NG", 404, 0},
		{"/operators/auto-detect/phone/233241234567/countries/GH", 200, 150},
		{"/operators/auto-detect/phone/254712345678/countries/KE", 200, 265},
		{"/operators/auto-detect/phone/447951731337/countries/GB", 200, 536},
		{"/operators/auto-detect/phone/14155550100/countries/US", 200, 70},
		{"/operators/auto-detect/phone/919812345678/countries/IN", 500, 0},
		{"/operators/auto-detect/phone/218912345678/countries/LY", 409, 0},
		{"/operators/auto-detect/phone/218912345678/countries/LBY", 404, 0},
		{"/operators/536", 200, 536},
		{"/operators/99999", 404, 0},
		{"/operators/mnp-lookup/phone/3001234567/countries/PK", 200, 420},
		{"/operators/mnp-lookup/phone/3/countries/PK", 404, 0},
	}
	for _, test := range tests {
		var op struct {
			ID int64 `json:"operatorId"`
		}
		if status, _ := b.call("GET", test.path, "", &op); status != test.status || op.ID != test.id {
			t.Errorf("%s: %d, operator %d", test.path, status, op.ID)
		}
	}
}
