package clients_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/clients"
	"topupq/clients/rechargekit"
	"topupq/topup"
)

// newKit returns an adapter over a server that gives every call the same answer, and counts the calls.
func newKit(t testing.TB, cfg clients.RechargeKitConfig, wire rechargekit.Config, status int, body string) (*clients.RechargeKit, *int) {
	t.Helper()
	calls := new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*calls++
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return kitAt(t, cfg, wire, srv.URL), calls
}

func kitAt(t testing.TB, cfg clients.RechargeKitConfig, wire rechargekit.Config, address string) *clients.RechargeKit {
	t.Helper()
	wire.BaseURL, wire.Token = address, "canary-token-7f3a9c"
	c, err := rechargekit.New(wire)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p, err := clients.NewRechargeKit(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func kitOrder() topup.Order {
	return topup.Order{
		Reference: "abcdefghij234567abcd", Recipient: "+919679833706", Country: "IN",
		Amount:  topup.Money{Amount: decimal.NewFromInt(10), Currency: "INR"},
		Product: topup.Product{OperatorCode: 1, Circle: 23},
	}
}

func kitRef() topup.Ref {
	o := kitOrder()
	return topup.Ref{Reference: o.Reference, Recipient: o.Recipient, Amount: o.Amount, Product: o.Product}
}

// verdict is the part of an outcome that guards act on.
type verdict struct {
	Answer topup.Answer
	Code   topup.Code
	Pause  bool
}

// answers is one line of the table of what answers prove, to the paying call and to statusCheck.
type answers struct {
	name   string
	status int
	body   string
	submit verdict
	check  verdict
}

var kitAnswers = []answers{
	{"success", 200, `{"error":0,"status":1,"optransid":"x"}`, verdict{topup.Delivered, topup.CodeDelivered, false}, verdict{topup.Delivered, topup.CodeDelivered, false}},
	{"success without optransid", 200, `{"error":0,"msg":"success","status":1,"orderid":"415e217b","optransid":""}`, verdict{topup.Delivered, topup.CodeDelivered, false}, verdict{topup.Delivered, topup.CodeDelivered, false}},
	{"success as text", 200, `{"error":"0","status":"1"}`, verdict{topup.Delivered, topup.CodeDelivered, false}, verdict{topup.Delivered, topup.CodeDelivered, false}},
	{"success of this order", 200, `{"error":0,"status":1,"partnerreqid":"abcdefghij234567abcd","amount":"10.00","mobile_no":9679833706}`, verdict{topup.Delivered, topup.CodeDelivered, false}, verdict{topup.Delivered, topup.CodeDelivered, false}},
	{"pending", 200, `{"error":0,"msg":"order in queue","status":2}`, verdict{topup.InProgress, topup.CodeInProgress, false}, verdict{topup.InProgress, topup.CodeInProgress, false}},
	{"failure", 200, `{"error":0,"msg":"failed","status":3}`, verdict{topup.Refused, topup.CodeProviderFailed, false}, verdict{topup.Refused, topup.CodeProviderFailed, false}},
	{"undocumented status", 200, `{"error":0,"status":7}`, verdict{topup.InProgress, topup.CodeInProgress, false}, verdict{topup.InProgress, topup.CodeInProgress, false}},
	{"status 0", 200, `{"error":0,"status":0}`, verdict{topup.InProgress, topup.CodeInProgress, false}, verdict{topup.InProgress, topup.CodeInProgress, false}},
	{"no status", 200, `{"error":0,"msg":"success"}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"no error", 200, `{"msg":"success","status":1}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"half a status", 200, `{"error":0,"status":1.5}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"older generation", 200, `{"ERROR":0,"STATUS":1}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"another reference", 200, `{"error":0,"status":1,"partnerreqid":"other"}`, verdict{topup.Mismatch, topup.CodeMismatch, true}, verdict{topup.Mismatch, topup.CodeMismatch, true}},
	{"another amount", 200, `{"error":0,"status":1,"amount":20}`, verdict{topup.Mismatch, topup.CodeMismatch, true}, verdict{topup.Mismatch, topup.CodeMismatch, true}},
	{"another number", 200, `{"error":0,"status":1,"mobile_no":"9000000000"}`, verdict{topup.Mismatch, topup.CodeMismatch, true}, verdict{topup.Mismatch, topup.CodeMismatch, true}},
	{"failure of another reference", 200, `{"error":0,"status":3,"partnerreqid":"other"}`, verdict{topup.Unclear, topup.CodeMismatch, true}, verdict{topup.Unclear, topup.CodeMismatch, true}},
	{"duplicate", 200, `{"error":1,"msg":"Duplicate order, Order ID must be unique"}`, verdict{topup.Duplicate, topup.CodeDuplicateReference, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"duplicate in other words", 200, `{"error":1,"msg":"order ID must be unique."}`, verdict{topup.Duplicate, topup.CodeDuplicateReference, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"duplicate with status 3", 200, `{"error":1,"msg":"Duplicate order","status":3}`, verdict{topup.Duplicate, topup.CodeDuplicateReference, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"unlisted text", 200, `{"error":1,"msg":"process again"}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"no text", 200, `{"error":1}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"unlisted code", 200, `{"error":"23","msg":"You are not authorised"}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"wallet empty", 200, `{"error":1,"msg":"Insufficient wallet balance"}`, verdict{topup.Unclear, topup.CodeFloatEmpty, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"listed refusal", 200, `{"error":1,"msg":"Invalid Mobile number"}`, verdict{topup.Refused, topup.CodeInvalidRecipient, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"listed for later", 200, `{"error":1,"msg":"operator is down"}`, verdict{topup.NotTaken, topup.CodeOperatorUnavailable, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"listed block", 200, `{"error":1,"msg":"account suspended"}`, verdict{topup.Blocked, topup.CodeAccountLimit, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"not found", 200, `{"error":1,"msg":"Order not found"}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Absent, topup.CodeNotFoundAtProvider, false}},
	{"access denied", 200, `{"error":1,"msg":"access denied."}`, verdict{topup.Unclear, topup.CodeCredentialsRefused, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"401", 401, `{"error":1,"msg":"access denied."}`, verdict{topup.Unclear, topup.CodeCredentialsRefused, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"401 html", 401, `<html>`, verdict{topup.Unclear, topup.CodeCredentialsRefused, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"403", 403, ``, verdict{topup.Unclear, topup.CodeCredentialsRefused, true}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"404 not found", 404, `{"error":1,"msg":"Order not found"}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"429", 429, ``, verdict{topup.NotTaken, topup.CodeRateLimited, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"500 with a listed text", 500, `{"error":1,"msg":"Invalid Mobile number"}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"500 with success", 500, `{"error":0,"status":1}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"502", 502, `<html>`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"302", 302, ``, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"201", 201, `{"error":0,"status":1}`, verdict{topup.Unclear, topup.CodeProviderError, false}, verdict{topup.Unclear, topup.CodeProviderError, false}},
	{"as printed", 200, `{"error":0,"msg":order in queue,"status":2}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"status twice", 200, `{"error":0,"status":3,"status":1}`, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
	{"empty", 200, ``, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}, verdict{topup.Unclear, topup.CodeAnswerUnreadable, false}},
}

var kitTexts = []clients.RechargeKitText{
	{Match: "^invalid mobile", Answer: topup.Refused, Code: topup.CodeInvalidRecipient},
	{Match: "operator is down", Answer: topup.NotTaken, Code: topup.CodeOperatorUnavailable},
	{Match: "account suspended", Answer: topup.Blocked, Code: topup.CodeAccountLimit},
	// Too wide a pattern must not turn a duplicate into a refusal.
	{Match: "unique", Answer: topup.Refused, Code: topup.CodeInvalidRequest},
}

func TestRechargeKitVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range kitAnswers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _ := newKit(t, clients.RechargeKitConfig{Texts: kitTexts}, rechargekit.Config{}, tt.status, tt.body)
			submitted, err := p.Submit(t.Context(), kitOrder())
			if err != nil {
				t.Fatal(err)
			}
			checked, err := p.Check(t.Context(), kitRef())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.submit, verdict{submitted.Answer, submitted.Code, submitted.Pause}); diff != "" {
				t.Errorf("Submit (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.check, verdict{checked.Answer, checked.Code, checked.Pause}); diff != "" {
				t.Errorf("Check (-want +got):\n%s", diff)
			}
			if submitted.Message == "" || checked.Message == "" {
				t.Error("an outcome without a message")
			}
			if submitted.Answer == topup.NotTaken && submitted.Code == topup.CodeRateLimited && submitted.RetryAfter != 7*time.Second {
				t.Errorf("RetryAfter %v", submitted.RetryAfter)
			}
		})
	}
}

func TestRechargeKitOutcomeTellsTheProvidersWords(t *testing.T) {
	t.Parallel()
	p, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200,
		`{"error":0,"msg":"done for 9679833706","status":1,"orderid":"415e217b-8fb2-4c6e-a003-09e445079f12","optransid":"ONR2101231816190530","amount":"10"}`)
	got, err := p.Check(t.Context(), kitRef())
	if err != nil {
		t.Fatal(err)
	}
	want := topup.Outcome{
		Answer: topup.Delivered, Code: topup.CodeDelivered, Message: got.Message,
		ProviderCode: "status 1", ProviderMessage: "done for **********",
		Reference: "415e217b-8fb2-4c6e-a003-09e445079f12", TransactionID: "415e217b-8fb2-4c6e-a003-09e445079f12", OperatorID: "ONR2101231816190530",
		Delivered: topup.Money{Amount: decimal.NewFromInt(10), Currency: "INR"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRechargeKitRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	money := func(amount, currency string) topup.Money {
		return topup.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
	}
	for name, tt := range map[string]struct {
		change func(*topup.Order)
		code   topup.Code
		says   string
	}{
		"paise":            {func(o *topup.Order) { o.Amount = money("10.50", "INR") }, topup.CodeInvalidAmount, "whole rupees"},
		"nothing":          {func(o *topup.Order) { o.Amount = money("0", "INR") }, topup.CodeInvalidAmount, "whole rupees"},
		"another currency": {func(o *topup.Order) { o.Amount = money("10", "ZAR") }, topup.CodeInvalidAmount, "INR"},
		"another country":  {func(o *topup.Order) { o.Recipient = "+27831234567" }, topup.CodeInvalidRecipient, "+91"},
		"nine digits":      {func(o *topup.Order) { o.Recipient = "+91967983370" }, topup.CodeInvalidRecipient, "+91"},
		"no operator":      {func(o *topup.Order) { o.Product.OperatorCode = 0 }, topup.CodeNotResolved, "operator_code"},
		"no circle":        {func(o *topup.Order) { o.Product.Circle = 0 }, topup.CodeNotResolved, "circle"},
		"unknown service":  {func(o *topup.Order) { o.Product.Service = "fax" }, topup.CodeInvalidRequest, "service"},
		"dth operator":     {func(o *topup.Order) { o.Product = topup.Product{Service: topup.ServiceDTH} }, topup.CodeNotResolved, "operator_code"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, calls := newKit(t, clients.RechargeKitConfig{OperatorByPrefix: map[string]int64{"8": 103}}, rechargekit.Config{}, 200, `{}`)
			o := kitOrder()
			tt.change(&o)
			got, err := p.Submit(t.Context(), o)
			if err != nil || got.Answer != topup.Refused || got.Code != tt.code || !strings.Contains(got.Message, tt.says) {
				t.Errorf("got %+v, %v", got, err)
			}
			if *calls != 0 {
				t.Error("a call was made")
			}
		})
	}
}

func TestRechargeKitResolvesByPrefix(t *testing.T) {
	t.Parallel()
	var sent map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewDecoder(r.Body).Decode(&sent)
		w.Write([]byte(`{"error":0,"status":2}`))
	}))
	t.Cleanup(srv.Close)
	p := kitAt(t, clients.RechargeKitConfig{
		OperatorByPrefix:         map[string]int64{"9": 1, "96": 2, "9679": 103, "8": 9},
		PostpaidOperatorByPrefix: map[string]int64{"9": 25},
		CircleByPrefix:           map[string]int64{"967": 5},
	}, rechargekit.Config{}, srv.URL)
	o := kitOrder()
	o.Product = topup.Product{}
	got, err := p.Submit(t.Context(), o)
	if err != nil || sent["operator_code"] != 103.0 || sent["circle"] != 5.0 || sent["mobile_no"] != 9679833706.0 {
		t.Errorf("sent %v, %v", sent, err)
	}
	want := &topup.Product{Service: "prepaid", OperatorCode: 103, Circle: 5}
	if diff := cmp.Diff(want, got.Resolved); diff != "" {
		t.Errorf("resolved (-want +got):\n%s", diff)
	}
	o.Product = topup.Product{Service: "postpaid", Circle: 2, UserVars: []string{"a", "b", "c", "d"}}
	if _, err := p.Submit(t.Context(), o); err != nil || sent["operator_code"] != 25.0 || sent["circle"] != 2.0 || sent["user_var3"] != "c" {
		t.Errorf("postpaid sent %v, %v", sent, err)
	}
	sent = nil
	o.Product = topup.Product{Service: "dth", OperatorCode: 18}
	if got, err := p.Submit(t.Context(), o); err != nil || sent["customer_id"] != "9679833706" || got.Resolved != nil {
		t.Errorf("dth sent %v, %v", sent, err)
	}
}

func TestRechargeKitStatusCheckOff(t *testing.T) {
	t.Parallel()
	p, calls := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{NoStatusCheck: true}, 200, `{"error":0,"status":1}`)
	if got, err := p.Check(t.Context(), kitRef()); err != nil || got.Answer != topup.Unclear || *calls != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	var e *topup.LookupError
	if _, err := p.Lookup(t.Context(), "statusCheck", map[string]any{"partner_request_id": "x"}); !errors.As(err, &e) || e.Code != "unknown_action" {
		t.Errorf("lookup: %v", err)
	}
}

func TestRechargeKitNotFoundPattern(t *testing.T) {
	t.Parallel()
	p, _ := newKit(t, clients.RechargeKitConfig{NotFound: regexp.MustCompile(`^no idea$`)}, rechargekit.Config{}, 200, `{"error":1,"msg":"no idea"}`)
	if got, err := p.Check(t.Context(), kitRef()); err != nil || got.Answer != topup.Absent {
		t.Errorf("got %+v, %v", got, err)
	}
	assumed, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200, `{"error":1,"msg":"no idea"}`)
	if got, err := assumed.Check(t.Context(), kitRef()); err != nil || got.Answer != topup.Unclear {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRechargeKitBadTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []clients.RechargeKitText{
		{Match: "(", Answer: topup.Refused}, {Match: "", Answer: topup.Refused}, {Match: "x", Answer: topup.Delivered}, {Match: "x"},
	} {
		if _, err := clients.NewRechargeKit(nil, clients.RechargeKitConfig{Texts: []clients.RechargeKitText{text}}); err == nil {
			t.Errorf("%+v: no error", text)
		}
	}
}

func TestRechargeKitBalance(t *testing.T) {
	t.Parallel()
	p, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200, `{"error":0,"wallet_amount":"10423.55"}`)
	if got, err := p.Balance(t.Context()); err != nil || got.String() != "10423.55 INR" {
		t.Errorf("got %v, %v", got, err)
	}
	bad, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 401, ``)
	if _, err := bad.Balance(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestRechargeKitCallback(t *testing.T) {
	t.Parallel()
	p, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200, ``)
	got, err := p.ParseCallback(url.Values{"token": {"t"}}, []byte(`{"status":3,"orderid":"o1","opttranid":"","pid":"abcdefghij234567abcd"}`))
	if diff := cmp.Diff(topup.Ref{Reference: "abcdefghij234567abcd", TransactionID: "o1"}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := p.ParseCallback(url.Values{}, nil); !errors.Is(err, rechargekit.ErrCallback) {
		t.Errorf("got %v", err)
	}
}

func TestRechargeKitLookups(t *testing.T) {
	t.Parallel()
	const answer = `{"error":0,"msg":"success","status":1,"wallet_amount":"1","billAmount":1,"planData":{},"operatorList":[]}`
	for action, params := range map[string]map[string]any{
		"statusCheck":              {"partner_request_id": "x"},
		"balanceCheck":             nil,
		"prepaidPlanFetch":         {"operator_code": json.Number("1"), "circle": 23.0},
		"postPaidBillFetch":        {"mobile_no": int64(9679833706), "operator_code": 25},
		"servicewiseOperatorFetch": {"operator_category": "11"},
	} {
		p, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200, answer)
		if got, err := p.Lookup(t.Context(), action, params); err != nil || string(got) != answer {
			t.Errorf("%s: %s, %v", action, got, err)
		}
	}
}

func TestRechargeKitLookupErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		action string
		params map[string]any
		status int
		body   string
		want   topup.LookupError
	}{
		"paid":        {"prepaid", nil, 200, `{}`, topup.LookupError{Code: "unknown_action"}},
		"extra":       {"balanceCheck", map[string]any{"x": 1}, 200, `{}`, topup.LookupError{Code: "invalid_params"}},
		"missing":     {"statusCheck", nil, 200, `{}`, topup.LookupError{Code: "invalid_params"}},
		"not a text":  {"statusCheck", map[string]any{"partner_request_id": []any{}}, 200, `{}`, topup.LookupError{Code: "invalid_params"}},
		"not a whole": {"servicewiseOperatorFetch", map[string]any{"operator_category": 1.5}, 200, `{}`, topup.LookupError{Code: "invalid_params"}},
		"not numbers": {"prepaidPlanFetch", map[string]any{"operator_code": "a", "circle": "1"}, 200, `{}`, topup.LookupError{Code: "invalid_params"}},
		"refused":     {"balanceCheck", nil, 200, `{"error":1,"msg":"no"}`, topup.LookupError{Code: "provider_refused", ProviderCode: "error 1"}},
		"denied":      {"balanceCheck", nil, 401, ``, topup.LookupError{Code: "provider_error", ProviderCode: "http 401"}},
		"broken":      {"balanceCheck", nil, 503, ``, topup.LookupError{Code: "provider_error", ProviderCode: "http 503", Retryable: true}},
		"garbled":     {"balanceCheck", nil, 200, `<html>`, topup.LookupError{Code: "provider_error", Retryable: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, tt.status, tt.body)
			_, err := p.Lookup(t.Context(), tt.action, tt.params)
			var got *topup.LookupError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.Message == "" {
				t.Error("no message")
			}
			tt.want.Message = got.Message
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// BenchmarkRechargeKitCheck measures one question with its exchange over loopback.
func BenchmarkRechargeKitCheck(b *testing.B) {
	p, _ := newKit(b, clients.RechargeKitConfig{}, rechargekit.Config{}, 200,
		`{"error":0,"msg":"success","status":1,"orderid":"415e217b-8fb2-4c6e-a003-09e445079f12","optransid":"ONR2101231816190530","amount":"10","commission":"0.2"}`)
	for b.Loop() {
		if o, err := p.Check(b.Context(), kitRef()); err != nil || o.Answer != topup.Delivered {
			b.Fatal(o, err)
		}
	}
}
