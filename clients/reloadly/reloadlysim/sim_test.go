package reloadlysim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sim "topupq/clients/reloadly/reloadlysim"
)

func TestBookingArithmetic(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{Balance: "1000"})
	orders := []struct{ body, cost, amount, currency string }{
		// 2.5 less 3 %
		{`{"operatorId":341,"amount":2.5,"customIdentifier":"a","recipientPhone":{"countryCode":"NG","number":"2348031234567"}}`, "2.425", "2.5", "USD"},
		// 1500 NGN at 1500 is 1 USD, no discount in local currency
		{`{"operatorId":"341","amount":"1500","useLocalAmount":true,"customIdentifier":"b","recipientPhone":{"countryCode":"ng","number":"08031234567"}}`, "1", "1500", "NGN"},
		// percentage fee 1 %, flat 0.25, discount not given
		{`{"operatorId":71,"amount":10,"customIdentifier":"c","recipientPhone":{"countryCode":"US","number":"+18005550100"}}`, "10.35", "10", "USD"},
		// 5 places, half up: 100 NGN are 0.066666...
		{`{"operatorId":341,"amount":1000,"useLocalAmount":true,"customIdentifier":"d","recipientPhone":{"countryCode":"NG","number":2348031234568}}`, "0.66667", "1000", "NGN"},
		{`{"operatorId":683,"amount":10,"customIdentifier":"e","recipientEmail":"peter@nauta.com.cu"}`, "9.7", "10", "USD"},
	}
	left := "1000"
	for i, o := range orders {
		var tr struct {
			transaction
			Info struct {
				Old  json.Number `json:"oldBalance"`
				New  json.Number `json:"newBalance"`
				Cost json.Number `json:"cost"`
			} `json:"balanceInfo"`
		}
		status, text := b.call("POST", "/topups", o.body, &tr)
		if status != 200 || tr.Info.Cost.String() != o.cost || tr.Info.Old.String() != left || tr.Status != "SUCCESSFUL" {
			t.Errorf("order %d: %d %s", i, status, text)
		}
		left = tr.Info.New.String()
		k := b.Bookings()[i]
		if k.Amount != o.amount || k.Currency != o.currency || k.State != "booked" || k.Count != 1 {
			t.Errorf("booking %d: %+v", i, k)
		}
	}
	b.wantBalance("975.85833")
}

func TestRefusalsBookNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{Balance: "3", TwoMinuteRule: true})
	b.topup("taken", number)
	change := func(from, to string) string { return strings.Replace(orderJSON("x", "2348031234568"), from, to, 1) }
	tests := []struct {
		body   string
		status int
		code   string
	}{
		{orderJSON("taken", "2348031234568"), 400, "CUSTOM_IDENTIFIER_ALREADY_USED"},
		{orderJSON("x", number), 400, "PHONE_RECENTLY_RECHARGED"},
		{orderJSON("x", "2348031234568"), 400, "INSUFFICIENT_BALANCE"},
		{orderJSON("x", "23480312345"), 400, "INVALID_RECIPIENT_PHONE"},
		{change(`"NG"`, `"GH"`), 400, "INVALID_RECIPIENT_PHONE"},
		{change(`"amount":2.5`, `"amount":101`), 400, "INVALID_AMOUNT_FOR_OPERATOR"},
		{change(`"amount":2.5`, `"amount":0`), 400, "INVALID_INPUT_PROVIDED"},
		{change(`"amount":2.5`, `"amount":"five"`), 400, "INVALID_INPUT_PROVIDED"},
		{change(`"x"`, `"`+strings.Repeat("x", 151)+`"`), 400, "INVALID_INPUT_PROVIDED"},
		{change(`341`, `99999`), 503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE"},
		{change(`341`, `771`), 503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE"},
		{change(`"operatorId":341,"amount":2.5,"useLocalAmount":false`, `"operatorId":344,"amount":2.5,"useLocalAmount":true`), 400, "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR"},
		{change(`"amount":2.5,"useLocalAmount":false`, `"amount":1,"useLocalAmount":true`), 400, "INVALID_LOCAL_AMOUNT_FOR_OPERATOR"},
		{change(`341`, `646`), 400, "INSUFFICIENT_BALANCE"}, // 2.5 is one of its denominations
		{change(`"operatorId":341,"amount":2.5`, `"operatorId":646,"amount":2.6`), 400, "INVALID_AMOUNT_FOR_OPERATOR"},
		{`[`, 400, "INVALID_INPUT_PROVIDED"},
	}
	for _, test := range tests {
		var tr transaction
		status, text := b.call("POST", "/topups-async", test.body, &tr)
		if status != test.status || tr.Code != test.code {
			t.Errorf("%s:\n%d %s, want %d %s", test.body, status, text, test.status, test.code)
		}
	}
	if got := b.Bookings(); len(got) != 1 || b.reported("x") != 0 {
		t.Errorf("bookings %v", got)
	}
	b.clock.add(2 * time.Minute)
	b.SetBalance("5")
	if status, tr := b.topup("x", number); status != 200 {
		t.Errorf("two minutes later: %d %s", status, tr.Code)
	}
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	b.topup("Ref-1", number)
	if status, _ := b.topup("ref-1", number); status != 200 {
		t.Error("identifiers in another case are others")
	}
	if n := b.reported("REF-1"); n != 2 {
		t.Errorf("the report compares without case: %d rows", n)
	}
	if status, tr := b.topup("Ref-1", number); status != 400 || tr.Code != "CUSTOM_IDENTIFIER_ALREADY_USED" {
		t.Errorf("repeat: %d %s", status, tr.Code)
	}
	race := newBench(t, sim.Options{RaceWindow: time.Second})
	for range 3 {
		race.topup("same", number)
	}
	race.clock.add(time.Second)
	status, _ := race.topup("same", number)
	if k := race.booking("same"); k.Count != 3 || status != 400 {
		t.Errorf("race: %+v, then %d", k, status)
	}
}

func TestAsyncLife(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{Processing: 10 * time.Second, Balance: "100"})
	_, tr := b.async("a", number)
	if got := b.status(tr.ID); got != "PROCESSING" || b.booking("a").State != "pending" {
		t.Errorf("at once: %s", got)
	}
	if _, text := b.call("GET", fmt.Sprintf("/topups/%d/status", tr.ID), "", nil); !strings.Contains(text, `"transaction":null`) {
		t.Errorf("processing: %s", text)
	}
	b.wantBalance("97.575")
	b.clock.add(10 * time.Second)
	if got := b.status(tr.ID); got != "SUCCESSFUL" || b.booking("a").State != "booked" {
		t.Errorf("after: %s", got)
	}
	if status, _ := b.call("GET", "/topups/1/status", "", nil); status != 404 {
		t.Errorf("unknown: %d", status)
	}
	hidden := newBench(t, sim.Options{Processing: time.Second, HideProcessing: true})
	hidden.async("h", number)
	before := hidden.reported("h")
	hidden.clock.add(time.Second)
	if after := hidden.reported("h"); before != 0 || after != 1 {
		t.Errorf("hidden while processing: %d, then %d", before, after)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	type page struct {
		Content       []transaction `json:"content"`
		Number        int           `json:"number"`
		Size          int           `json:"size"`
		TotalPages    int           `json:"totalPages"`
		TotalElements int           `json:"totalElements"`
		Last, Empty   bool
	}
	var ids []int64
	for i := range 5 {
		_, tr := b.topup(fmt.Sprint("r", i), number)
		ids = append(ids, tr.ID)
	}
	read := func(query string) page {
		var p page
		b.call("GET", "/topups/reports/transactions"+query, "", &p)
		return p
	}
	zero, one, three, past := read("?page=0&size=2"), read("?page=1&size=2"), read("?page=3&size=2"), read("?page=4&size=2")
	if diff := cmp.Diff(zero, one); diff != "" || one.Content[0].ID != ids[0] || one.Number != 0 || one.Last {
		t.Errorf("page 0 is page 1, oldest first: %+v %s", one, diff)
	}
	if three.Number != 2 || !three.Last || len(three.Content) != 1 || three.TotalPages != 3 || three.TotalElements != 5 {
		t.Errorf("last page: %+v", three)
	}
	if len(past.Content) != 0 || !past.Empty || past.TotalElements != 5 {
		t.Errorf("past the end: %+v", past)
	}
	if p := read("?size=9999"); p.Size != 500 {
		t.Errorf("cap: %d", p.Size)
	}
	if p := read(""); p.Size != 100 {
		t.Errorf("default: %d", p.Size)
	}
	// The window is read as UTC-4: noon UTC is 08:00 there.
	if p := read("?startDate=2026-11-23+08:00:00&endDate=2026-11-23+08:00:01"); p.TotalElements != 5 {
		t.Errorf("window: %+v", p)
	}
	if p := read("?startDate=2026-11-23+12:00:00&endDate=2026-11-23+12:00:01"); p.TotalElements != 0 {
		t.Errorf("window in UTC: %+v", p)
	}
}

func TestAccess(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{Audience: "x", TokenLife: time.Hour})
	good := b.token
	for token, want := range map[string]string{"": "MISSING_TOKEN", "other": "INVALID_TOKEN", good: ""} {
		b.token = token
		var e transaction
		if b.call("GET", "/accounts/balance", "", &e); e.Code != want {
			t.Errorf("token %q: %s, want %s", token, e.Code, want)
		}
	}
	b.token = good
	b.clock.add(time.Hour)
	var e transaction
	if b.call("GET", "/accounts/balance", "", &e); e.Code != "TOKEN_EXPIRED" {
		t.Errorf("an hour later: %s", e.Code)
	}
	b.token = b.newToken()
	b.ExpireTokens()
	if b.call("GET", "/accounts/balance", "", &e); e.Code != "TOKEN_EXPIRED" {
		t.Errorf("expired: %s", e.Code)
	}
	bodies := map[string]string{
		`{"client_id":"sim-client","client_secret":"no","grant_type":"client_credentials","audience":"x"}`:         "INVALID_CREDENTIALS",
		`{"client_id":"sim-client","client_secret":"sim-secret","grant_type":"client_credentials","audience":"y"}`: "INVALID_AUDIENCE",
		`{}`: "INVALID_INPUT_PROVIDED",
	}
	for body, want := range bodies {
		if b.call("POST", "/oauth/token", body, &e); e.Code != want {
			t.Errorf("%s: %s, want %s", body, e.Code, want)
		}
	}
	for path, want := range map[string]int{"/topup": 404, "/topups": 405, "/transactions": 404} {
		if status, _ := b.call("GET", path, "", nil); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

func TestControlAPI(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	post := func(path, body string) int {
		status, _ := b.call("POST", path, body, nil)
		return status
	}
	if got := post("/_sim/script", `{"match":{"reference":"f*"},"fault":"pending","times":1,"delay":"2s","code":"refunded"}`); got != 204 {
		t.Errorf("script: %d", got)
	}
	for _, bad := range []string{`{`, `{"fault":"nonsense"}`, `{"fault":"slow","delay":"soon"}`} {
		if got := post("/_sim/script", bad); got != 400 {
			t.Errorf("%s: %d", bad, got)
		}
	}
	_, tr := b.async("f1", number)
	if got := b.status(tr.ID); got != "PROCESSING" {
		t.Errorf("scripted: %s", got)
	}
	b.clock.add(2 * time.Second)
	var bookings []map[string]any
	if b.call("GET", "/_sim/bookings", "", &bookings); len(bookings) != 1 || bookings[0]["state"] != "refunded" || bookings[0]["reference"] != "f1" || bookings[0]["count"] != 1.0 {
		t.Errorf("bookings %v", bookings)
	}
	var requests []map[string]any
	if b.call("GET", "/_sim/requests", "", &requests); len(requests) != 3 || requests[1]["path"] != "/topups-async" || requests[1]["reference"] != "f1" || requests[1]["status"] != 200.0 {
		t.Errorf("requests %v", requests)
	}
	var faults []map[string]string
	if b.call("GET", "/_sim/faults", "", &faults); len(faults) != len(sim.Faults()) || faults[0]["name"] == "" || faults[0]["description"] == "" {
		t.Errorf("faults %v", faults)
	}
	if post("/_sim/balance", `{"balance":"12.5"}`) != 204 || b.Balance() != "12.5" || post("/_sim/balance", `{}`) != 400 {
		t.Errorf("balance %s", b.Balance())
	}
	if post("/_sim/reset", "") != 204 || len(b.Bookings()) != 0 || len(b.Requests()) != 0 || b.Balance() != "1000000" {
		t.Error("reset")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{MaxRequests: 8})
	for range 40 {
		b.call("GET", "/countries", "", nil)
	}
	if n := len(b.Requests()); n < 8 || n > 10 {
		t.Errorf("%d requests kept", n)
	}
}

func TestDocumentedRequestIsTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, sim.Options{})
	body := `{"operatorId":"536","amount":"5.00","useLocalAmount":true,"customIdentifier":"This is example identifier 130",` +
		`"recipientPhone":{"countryCode":"GB","number":"447951731337"},"senderPhone":{"countryCode":"CA","number":"11231231231"}}`
	var tr map[string]any
	status, text := b.call("POST", "/topups", body, &tr)
	if status != 200 || tr["recipientPhone"] != "447951731337" || tr["senderPhone"] != "11231231231" {
		t.Errorf("%d %s", status, text)
	}
}
