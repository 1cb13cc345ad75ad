package clients_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"topupq/clients"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// reloadlyFault is one fault of the simulator and what the adapter must make of it.
type reloadlyFault struct {
	rule        reloadlysim.Rule
	async, sync topup.Answer
	booked      int
	check       topup.Answer
}

func reloadlyFaults() map[string]reloadlyFault {
	lost, taken := topup.Unclear, topup.InProgress
	short := reloadlysim.Rule{Delay: time.Millisecond}
	return map[string]reloadlyFault{
		"timeout_before":        {short, lost, lost, 0, topup.Absent},
		"timeout_after":         {short, lost, lost, 1, topup.Delivered},
		"cut_after":             {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"drop_kept_alive_after": {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"http_500_before":       {reloadlysim.Rule{}, lost, lost, 0, topup.Absent},
		"http_500_after":        {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"http_502_html_after":   {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"http_503_after":        {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"http_504_after":        {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"truncated":             {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"empty":                 {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"html":                  {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"huge":                  {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"wrong_types":           {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"duplicate_keys":        {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"redirect":              {reloadlysim.Rule{}, lost, lost, 1, topup.Delivered},
		"drip":                  {reloadlysim.Rule{Delay: time.Nanosecond}, taken, topup.Delivered, 1, topup.Delivered},
		"slow":                  {short, taken, topup.Delivered, 1, topup.Delivered},
		"error":                 {reloadlysim.Rule{Code: "INVALID_AMOUNT"}, topup.Refused, topup.Refused, 0, topup.Absent},
		"duplicate":             {reloadlysim.Rule{}, topup.Duplicate, topup.Duplicate, 0, topup.Absent},
		"recently_recharged":    {reloadlysim.Rule{}, topup.NotTaken, topup.NotTaken, 0, topup.Absent},
		"insufficient":          {reloadlysim.Rule{}, topup.Blocked, topup.Blocked, 0, topup.Absent},
		"unauthorized":          {reloadlysim.Rule{}, taken, topup.Delivered, 1, topup.Delivered}, // once: a stale token
		"fail":                  {reloadlysim.Rule{}, taken, topup.Refused, 1, topup.Refused},
		"pending":               {reloadlysim.Rule{Delay: time.Hour}, taken, taken, 1, topup.InProgress},
		"unknown_status":        {reloadlysim.Rule{}, taken, lost, 1, topup.InProgress},
		"other_amount":          {reloadlysim.Rule{}, taken, topup.Mismatch, 1, topup.Mismatch},
		"other_number":          {reloadlysim.Rule{}, taken, topup.Mismatch, 1, topup.Mismatch},
		"other_reference":       {reloadlysim.Rule{}, taken, topup.Mismatch, 1, topup.Mismatch},
	}
}

// TestReloadlyFaults sends one order into each fault and then asks. What the adapter says must fit the ledger: no
// refusal and no absence while the order is booked, no success while it is not.
func TestReloadlyFaults(t *testing.T) {
	t.Parallel()
	for fault, test := range reloadlyFaults() {
		for mode, want := range map[string]topup.Answer{topup.ModeAsync: test.async, topup.ModeSync: test.sync} {
			t.Run(fault+"/"+mode, func(t *testing.T) {
				t.Parallel()
				b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
				change := func(o *topup.Order) { o.Product.Mode = mode }
				warm, err := b.Submit(t.Context(), reloadlyOrder("warm", change)) // a connection to be used again
				if err != nil || warm.TransactionID == "" {
					t.Fatalf("warm: %+v, %v", warm, err)
				}
				o := reloadlyOrder("faulty", change)
				rule := test.rule
				rule.Fault, rule.Match.Reference = fault, string(o.Reference)
				if !strings.HasPrefix(fault, "other_") && fault != "unknown_status" {
					rule.Times = 1
				}
				b.sim.Script(rule)
				out, err := b.Submit(t.Context(), o)
				if err != nil || out.Answer != want || b.booked(o) != test.booked {
					t.Errorf("submit: %v %s, %v; booked %d", out.Answer, out.Code, err, b.booked(o))
				}
				got, err := b.Check(t.Context(), reloadlyRefOf(o, out))
				if err != nil || got.Answer != test.check {
					t.Errorf("check: %v %s, %v, want %v", got.Answer, got.Code, err, test.check)
				}
			})
		}
	}
}

// TestReloadlyFaultsWhileAsking: a read that goes wrong teaches nothing, whatever is booked.
func TestReloadlyFaultsWhileAsking(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"timeout_before", "cut_after", "http_500_before", "http_502_html_after", "http_503_after", "http_504_after", "truncated",
		"empty", "html", "huge", "wrong_types", "duplicate_keys", "redirect", "unauthorized",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
			o := reloadlyOrder("asked")
			out, err := b.Submit(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			b.sim.Script(reloadlysim.Rule{Fault: fault, Delay: time.Millisecond})
			missing := reloadlyOrder("missing")
			for name, ref := range map[string]topup.Ref{
				"by ID": reloadlyRefOf(o, out), "by reference": reloadlyRefOf(o, topup.Outcome{}), "missing": reloadlyRefOf(missing, topup.Outcome{}),
			} {
				if got, err := b.Check(t.Context(), ref); err == nil && got.Answer != topup.Unclear {
					t.Errorf("%s: %v", name, got.Answer)
				}
			}
		})
	}
}

func TestReloadlyCheckFollowsTheOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	b := newReloadlyBench(t, reloadlysim.Options{Now: clock, Processing: 10 * time.Second}, clients.ReloadlyConfig{Now: clock})
	type step struct {
		after time.Duration
		want  topup.Answer
		code  topup.Code
	}
	tests := map[string]struct {
		rule  reloadlysim.Rule
		steps []step
	}{
		"plain":    {reloadlysim.Rule{}, []step{{0, topup.InProgress, topup.CodeInProgress}, {10 * time.Second, topup.Delivered, topup.CodeDelivered}}},
		"failed":   {reloadlysim.Rule{Fault: "fail"}, []step{{0, topup.InProgress, topup.CodeInProgress}, {10 * time.Second, topup.Refused, topup.CodeProviderFailed}}},
		"refunded": {reloadlysim.Rule{Fault: "pending", Delay: 30 * time.Hour, Code: "refunded"}, []step{{29 * time.Hour, topup.InProgress, topup.CodeInProgress}, {time.Hour, topup.Refused, topup.CodeProviderRefunded}}},
		"reversed": {reloadlysim.Rule{Fault: "reverse", Delay: 48 * time.Hour}, []step{{10 * time.Second, topup.Delivered, topup.CodeDelivered}, {48 * time.Hour, topup.Refused, topup.CodeProviderRefunded}}},
		"hidden":   {reloadlysim.Rule{Fault: "not_found", Delay: 10 * time.Minute}, []step{{time.Minute, topup.Absent, topup.CodeNotFoundAtProvider}, {9 * time.Minute, topup.Delivered, topup.CodeDelivered}}},
	}
	for name, test := range tests {
		for _, known := range []bool{true, false} {
			o := reloadlyOrder(fmt.Sprint(name, known), func(o *topup.Order) { o.Product.OperatorID = 341 })
			if test.rule.Fault != "" {
				rule := test.rule
				rule.Match.Reference, rule.Times = string(o.Reference), 1
				b.sim.Script(rule)
			}
			out, err := b.Submit(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			ref := reloadlyRefOf(o, out)
			if !known {
				ref.TransactionID = ""
			}
			for _, s := range test.steps {
				now = now.Add(s.after)
				got, err := b.Check(t.Context(), ref)
				if err != nil || got.Answer != s.want || got.Code != s.code {
					t.Errorf("%s, ID known %v, after %v: %v %s, %v", name, known, s.after, got.Answer, got.Code, err)
				}
			}
		}
	}
}

// TestReloadlyFailureNeedsBothVoices: the status says failed, the report says delivered.
func TestReloadlyFailureNeedsBothVoices(t *testing.T) {
	t.Parallel()
	report := `{"content":[%s],"totalPages":1,"totalElements":1,"last":true,"number":0}`
	row := `{"transactionId":7,"status":%q,"customIdentifier":%q,"recipientPhone":"2348031234567","requestedAmount":2.50,"requestedAmountCurrencyCode":"USD"}`
	o := reloadlyOrder("voices")
	tests := map[string]struct {
		status, rows string
		want         topup.Answer
	}{
		"both failed":        {`{"status":"FAILED","transaction":null}`, fmt.Sprintf(row, "FAILED", o.Reference), topup.Refused},
		"report delivered":   {`{"status":"FAILED","transaction":null}`, fmt.Sprintf(row, "SUCCESSFUL", o.Reference), topup.Unclear},
		"report processing":  {`{"status":"REFUNDED","transaction":null}`, fmt.Sprintf(row, "PROCESSING", o.Reference), topup.Unclear},
		"report silent":      {`{"status":"REFUNDED","message":"outage","transaction":null}`, "", topup.Refused},
		"another's failure":  {`{"status":"FAILED","transaction":` + fmt.Sprintf(row, "FAILED", "other") + `}`, "", topup.Unclear},
		"delivered, nothing": {`{"status":"SUCCESSFUL","transaction":null}`, fmt.Sprintf(row, "SUCCESSFUL", o.Reference), topup.Delivered},
	}
	for name, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/oauth/token":
				fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
			case strings.HasSuffix(r.URL.Path, "/status"):
				fmt.Fprint(w, test.status)
			case test.rows == "":
				fmt.Fprint(w, `{"content":[],"totalPages":0,"totalElements":0,"last":true}`)
			default:
				fmt.Fprintf(w, report, test.rows)
			}
		}))
		adapter := clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Minute), clients.ReloadlyConfig{})
		ref := reloadlyRefOf(o, topup.Outcome{TransactionID: "7"})
		if got, err := adapter.Check(t.Context(), ref); err != nil || got.Answer != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		server.Close()
	}
}

func TestReloadlyReportThatDoesNotFilterProvesNothing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/token" {
			fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
			return
		}
		fmt.Fprint(w, `{"content":[{"transactionId":7,"status":"FAILED","customIdentifier":"other"}],"totalPages":1,"totalElements":1,"last":true}`)
	}))
	defer server.Close()
	adapter := clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Minute), clients.ReloadlyConfig{})
	if got, err := adapter.Check(t.Context(), reloadlyRefOf(reloadlyOrder("x"), topup.Outcome{})); err == nil {
		t.Errorf("%+v", got)
	}
}

func TestReloadlyCheckMany(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b := newReloadlyBench(t, reloadlysim.Options{Now: func() time.Time { return now }}, clients.ReloadlyConfig{})
	var refs []topup.Ref
	send := func(name string, rule reloadlysim.Rule) topup.Ref {
		o := reloadlyOrder(name, func(o *topup.Order) { o.Product.OperatorID = 341 })
		rule.Match.Reference = string(o.Reference)
		if rule.Fault != "" {
			b.sim.Script(rule)
		}
		out, err := b.Submit(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ref := reloadlyRefOf(o, out)
		ref.SentAt = now
		refs = append(refs, ref)
		return ref
	}
	want := map[topup.ID]topup.Answer{}
	for i := range 600 { // more than one page
		want[send(fmt.Sprint("plain", i), reloadlysim.Rule{}).Reference] = topup.Delivered
	}
	want[send("failing", reloadlysim.Rule{Fault: "fail"}).Reference] = topup.Refused
	want[send("waiting", reloadlysim.Rule{Fault: "pending", Delay: time.Hour}).Reference] = topup.InProgress
	want[send("lost", reloadlysim.Rule{Fault: "cut_after"}).Reference] = topup.Delivered
	send("never booked", reloadlysim.Rule{Fault: "http_500_before", Times: 1})
	before := len(b.sim.Requests())
	got, err := b.CheckMany(t.Context(), refs)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d outcomes, want %d, %v", len(got), len(want), err)
	}
	for id, answer := range want {
		if got[id].Answer != answer {
			t.Errorf("%s: %v, want %v", id, got[id].Answer, answer)
		}
	}
	if calls := len(b.sim.Requests()) - before; calls > 3 {
		t.Errorf("%d calls for %d orders", calls, len(refs))
	}
	few, err := b.CheckMany(t.Context(), refs[:1]) // two pages to read, one order to ask for
	if err != nil || few[refs[0].Reference].Answer != topup.Delivered {
		t.Errorf("one of many: %v, %v", few, err)
	}
	if none, err := b.CheckMany(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("none: %v, %v", none, err)
	}
}

func TestReloadlyCheckManyKeepsNoFailureOfAHalfReadReport(t *testing.T) {
	t.Parallel()
	o := reloadlyOrder("half")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/oauth/token":
			fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
		case r.URL.Query().Get("page") == "1":
			fmt.Fprintf(w, `{"content":[{"transactionId":1,"status":"FAILED","customIdentifier":%q}],"totalPages":2,"totalElements":2,"last":false}`, o.Reference)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	adapter := clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Minute), clients.ReloadlyConfig{})
	refs := []topup.Ref{reloadlyRefOf(o, topup.Outcome{}), reloadlyRefOf(reloadlyOrder("other"), topup.Outcome{})}
	got, err := adapter.CheckMany(t.Context(), refs)
	if err == nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestReloadlyLookup(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	if n := len(b.Traits().Actions); n != 20 {
		t.Errorf("%d actions", n)
	}
	raw, err := b.Lookup(t.Context(), "getFxRate", map[string]any{"operatorId": json.Number("174"), "amount": "2.5"})
	if err != nil || !strings.Contains(string(raw), `"fxRate":327.5`) {
		t.Errorf("%s, %v", raw, err)
	}
	script := func(path string, status int, code, message string) {
		b.sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: path}, Fault: "error", Status: status, Code: code, Body: message})
	}
	script("/countries/XA", 404, "COUNTRY_NOT_SUPPORTED", "call +2348031234567")
	script("/countries/XB", 503, "", "down")
	script("/countries/XC", 401, "MISSING_TOKEN", "no")
	script("/countries/XD", 429, "", "slow down")
	b.sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: "/countries/XE"}, Fault: "html"})
	b.sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: "/countries/XF"}, Fault: "cut_after"})
	tests := []struct {
		action string
		params map[string]any
		code   string
		retry  bool
	}{
		{"makeTopup", nil, "unknown_action", false},
		{"makeAsyncTopup", nil, "unknown_action", false},
		{"drop", nil, "unknown_action", false},
		{"getCountryByCode", nil, "invalid_params", false},
		{"getFxRate", map[string]any{"operatorId": 771, "amount": 1}, "provider_refused", true},
		{"getCountryByCode", map[string]any{"countryCode": "XA"}, "provider_refused", false},
		{"getCountryByCode", map[string]any{"countryCode": "XB"}, "provider_error", true},
		{"getCountryByCode", map[string]any{"countryCode": "XC"}, "provider_error", false},
		{"getCountryByCode", map[string]any{"countryCode": "XD"}, "provider_error", true},
		{"getCountryByCode", map[string]any{"countryCode": "XE"}, "provider_error", true},
		{"getCountryByCode", map[string]any{"countryCode": "XF"}, "provider_unreachable", true},
	}
	for _, test := range tests {
		_, err := b.Lookup(t.Context(), test.action, test.params)
		var le *topup.LookupError
		if !errors.As(err, &le) || le.Code != test.code || le.Retryable != test.retry || le.Message == "" || strings.Contains(le.Message, "8031234567") {
			t.Errorf("%s %v: %v", test.action, test.params, err)
		}
	}
}

func TestReloadlyBalanceAndCallback(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{Balance: "12.34567"}, clients.ReloadlyConfig{})
	if got, err := b.Balance(t.Context()); err != nil || !got.Equal(money("12.34567", "USD")) {
		t.Errorf("%v, %v", got, err)
	}
	id := topup.NewID("mer1", "x")
	ref, err := b.ParseCallback(fmt.Appendf(nil, `{"data":{"transactionId":7,"customIdentifier":%q}}`, id))
	if err != nil || ref.Reference != id || ref.TransactionID != "7" {
		t.Errorf("%+v, %v", ref, err)
	}
	if ref, err := b.ParseCallback([]byte(`{"data":{"transactionId":7,"customIdentifier":"../x"}}`)); err != nil || ref.Reference != "" {
		t.Errorf("not ours: %+v, %v", ref, err)
	}
	if _, err := b.ParseCallback([]byte(`{}`)); err == nil {
		t.Error("nothing was read from nothing")
	}
}
