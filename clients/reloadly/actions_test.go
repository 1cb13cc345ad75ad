package reloadly_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
)

// connectorActions are the 22 of the connector, by the provider's names.
var connectorActions = []string{
	"getAccessToken", "getAccountBalance", "getAllCountries", "getCountryByCode", "getAllOperators", "getOperatorById",
	"autoDetectOperator", "getOperatorsByCountry", "getFxRate", "getAllCommissions", "getCommissionById",
	"getAllPromotions", "getPromotionById", "getPromotionsByCountry", "getPromotionsByOperator", "makeTopup",
	"makeAsyncTopup", "getTopupStatus", "getAllTransactions", "getTransactionById", "mnpLookupGet", "mnpLookupPost",
}

func TestActionsAreTheConnectorsWithoutThePayingTwo(t *testing.T) {
	t.Parallel()
	want := slices.DeleteFunc(slices.Clone(connectorActions), func(s string) bool {
		return s == "makeTopup" || s == "makeAsyncTopup"
	})
	if diff := cmp.Diff(want, reloadly.Actions()); diff != "" {
		t.Error(diff)
	}
}

func TestRunMakesTheDocumentedCall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		action string
		params map[string]any
		want   string // method, path and query
		body   string
	}{
		{"getAccountBalance", nil, "GET /accounts/balance", ""},
		{"getAllCountries", nil, "GET /countries", ""},
		{"getCountryByCode", map[string]any{"countryCode": "ng"}, "GET /countries/NG", ""},
		{"getAllOperators", map[string]any{"page": json.Number("2"), "size": 50, "includeData": false}, "GET /operators?includeData=false&page=2&size=50", ""},
		{"getOperatorById", map[string]any{"operatorId": "341", "suggestedAmounts": true}, "GET /operators/341?suggestedAmounts=true", ""},
		{"autoDetectOperator", map[string]any{"phone": "+234 803-123.4567", "countryCode": "NG"}, "GET /operators/auto-detect/phone/%2B2348031234567/countries/NG", ""},
		{"getOperatorsByCountry", map[string]any{"countryCode": "NG", "pinOnly": "true"}, "GET /operators/countries/NG?pinOnly=true", ""},
		{"getFxRate", map[string]any{"operatorId": float64(174), "amount": "2.50"}, "POST /operators/fx-rate", `{"operatorId":174,"amount":2.5}`},
		{"getAllCommissions", map[string]any{"page": 1}, "GET /operators/commissions?page=1", ""},
		{"getCommissionById", map[string]any{"operatorId": 341}, "GET /operators/341/commissions", ""},
		{"getAllPromotions", map[string]any{"languageCode": "FR", "size": "10"}, "GET /promotions?languageCode=FR&size=10", ""},
		{"getPromotionById", map[string]any{"promotionId": 9341}, "GET /promotions/9341", ""},
		{"getPromotionsByCountry", map[string]any{"countryCode": "NG"}, "GET /promotions/country-codes/NG", ""},
		{"getPromotionsByOperator", map[string]any{"operatorId": 341}, "GET /promotions/operators/341", ""},
		{"getTopupStatus", map[string]any{"transactionId": json.Number("4602843")}, "GET /topups/4602843/status", ""},
		{"getAllTransactions", map[string]any{"customIdentifier": "a b&c", "startDate": "2026-01-01 00:00:00", "endDate": "2026-01-02 00:00:00"},
			"GET /topups/reports/transactions?customIdentifier=a+b%26c&endDate=2026-01-02+00%3A00%3A00&startDate=2026-01-01+00%3A00%3A00", ""},
		{"getTransactionById", map[string]any{"transactionId": int64(4602843)}, "GET /topups/reports/transactions/4602843", ""},
		{"mnpLookupGet", map[string]any{"phone": "3001234567", "countryCode": "PK"}, "GET /operators/mnp-lookup/phone/3001234567/countries/PK", ""},
		{"mnpLookupPost", map[string]any{"number": "3001234567", "countryCode": "PK"}, "POST /mnp-lookup/operators", `{"countryCode":"PK","number":"3001234567"}`},
	}
	for _, test := range tests {
		t.Run(test.action, func(t *testing.T) {
			t.Parallel()
			var got, body string
			s := &script{next: func(_ int64, w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got, body = r.Method+" "+r.URL.RequestURI(), string(b)
				io.WriteString(w, ` {"answer": 505.00000000000, "more": null} `)
			}}
			raw, err := newClient(t, s).Run(t.Context(), test.action, test.params)
			if err != nil || got != test.want || body != test.body {
				t.Errorf("%v\n got %s %s\nwant %s %s", err, got, body, test.want, test.body)
			}
			if !strings.Contains(string(raw), "505.00000000000") {
				t.Errorf("answer changed: %s", raw)
			}
		})
	}
}

func TestMNPFieldIsASetting(t *testing.T) {
	t.Parallel()
	var body string
	s := &script{next: func(_ int64, w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		io.WriteString(w, `{}`)
	}}
	c := newClient(t, s, func(cfg *reloadly.Config) { cfg.MNPField = reloadly.MNPPhone })
	if _, err := c.Run(t.Context(), "mnpLookupPost", map[string]any{"phone": "3001234567", "countryCode": "PK"}); err != nil || body != `{"countryCode":"PK","phone":"3001234567"}` {
		t.Errorf("%s, %v", body, err)
	}
}

func TestRunRefusesWrongParametersWithoutACall(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	c := newClient(t, sim)
	tests := []struct {
		action string
		params map[string]any
		field  string
	}{
		{"getCountryByCode", nil, "countryCode"},
		{"getCountryByCode", map[string]any{"countryCode": "NGA"}, "countryCode"},
		{"getCountryByCode", map[string]any{"countryCode": "../x"}, "countryCode"},
		{"getAccountBalance", map[string]any{"page": 1}, "page"},
		{"getAccessToken", map[string]any{"client_id": "x"}, "client_id"},
		{"getOperatorById", map[string]any{"operatorId": "../../topups"}, "operatorId"},
		{"getOperatorById", map[string]any{"operatorId": 0}, "operatorId"},
		{"getOperatorById", map[string]any{"operatorId": 1, "suggestedAmounts": "yes"}, "suggestedAmounts"},
		{"getFxRate", map[string]any{"operatorId": 1, "amount": "1e999999999"}, "amount"},
		{"getFxRate", map[string]any{"operatorId": 1, "amount": "-1"}, "amount"},
		{"getFxRate", map[string]any{"operatorId": 1, "amount": []any{1}}, "amount"},
		{"autoDetectOperator", map[string]any{"phone": "080x", "countryCode": "NG"}, "phone"},
		{"autoDetectOperator", map[string]any{"phone": "٠٨٠٣١٢٣٤٥٦٧", "countryCode": "NG"}, "phone"},
		{"getAllOperators", map[string]any{"size": -1}, "size"},
		{"getTopupStatus", map[string]any{"transactionId": "1.5"}, "transactionId"},
		{"makeTopup", map[string]any{"operatorId": 1}, "action"},
		{"makeAsyncTopup", nil, "action"},
		{"getEverything", nil, "action"},
	}
	for _, test := range tests {
		_, err := c.Run(t.Context(), test.action, test.params)
		var re *reloadly.RequestError
		if !errors.As(err, &re) || re.Field != test.field {
			t.Errorf("%s %v: %v", test.action, test.params, err)
		}
	}
	if got := sim.Requests(); len(got) != 0 {
		t.Errorf("calls made: %v", got)
	}
}

func TestRunNeverTellsTheTokenOrAVoucher(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	c := newClient(t, sim)
	raw, err := c.Run(t.Context(), "getAccessToken", nil)
	var told map[string]any
	if err != nil || json.Unmarshal(raw, &told) != nil || strings.Contains(string(raw), "simulated-token") {
		t.Fatalf("%s, %v", raw, err)
	}
	for _, field := range []string{"token_type", "scope", "expires_at"} {
		if told[field] == nil {
			t.Errorf("%s is missing in %s", field, raw)
		}
	}
	order := topupRequest("pin")
	order.OperatorID, order.Amount = 69, decimal.NewFromInt(15)
	tr, err := c.Topup(t.Context(), order)
	if err != nil || tr.PINDetail == nil {
		t.Fatalf("%+v, %v", tr, err)
	}
	id := fmt.Sprint(tr.TransactionID)
	for action, params := range map[string]map[string]any{
		"getTopupStatus": {"transactionId": id}, "getTransactionById": {"transactionId": id}, "getAllTransactions": nil,
	} {
		raw, err := c.Run(t.Context(), action, params)
		if err != nil || !strings.Contains(string(raw), id) || strings.Contains(string(raw), tr.PINDetail.Code.Reveal()) ||
			strings.Contains(string(raw), tr.PINDetail.Serial.Reveal()) {
			t.Errorf("%s: %s, %v", action, raw, err)
		}
	}
}

// typed checks results of typed methods.
type typed struct {
	*testing.T
	c *reloadly.Client
}

func newTyped(t *testing.T) typed {
	t.Helper()
	sim := reloadlysim.New(reloadlysim.Options{Ported: map[string]int64{"2348031234567": 342}})
	return typed{t, newClient(t, sim)}
}

func (t typed) check(what string, err error, ok bool) {
	t.Helper()
	if err != nil || !ok {
		t.Errorf("%s: ok %v, %v", what, ok, err)
	}
}

// TestAccountMethods and the three after it call every action's method once.
func TestAccountMethods(tt *testing.T) {
	tt.Parallel()
	t := newTyped(tt)
	token, err := t.c.AccessToken(t.Context())
	t.check("token", err, token.Type == "Bearer" && token.ExpiresAt.After(token.RenewAt))
	balance, err := t.c.AccountBalance(t.Context())
	t.check("balance", err, balance.Balance.String() == "1000000" && balance.CurrencyCode == "USD")
	list, err := t.c.Countries(t.Context())
	t.check("countries", err, len(list) == 17)
	country, err := t.c.Country(t.Context(), "ng")
	t.check("country", err, country.CallingCodes[0] == "+234")
}

func TestOperatorMethods(tt *testing.T) {
	tt.Parallel()
	t := newTyped(tt)
	operators := 0
	for op, err := range t.c.Operators(t.Context(), nil) {
		t.check("operators", err, op.Key() > 0)
		operators++
	}
	t.check("operators", nil, operators > 30)
	op, err := t.c.Operator(t.Context(), 646)
	t.check("operator", err, bool(op.Data) && op.DenominationType == reloadly.Fixed && op.FixedAmountsDescriptions["2.50"] == "Plan 2.50")
	op, err = t.c.AutoDetect(t.Context(), "+2348031234567", "NG")
	t.check("auto-detect", err, op.Key() == 341)
	ops, err := t.c.OperatorsByCountry(t.Context(), "NG", reloadly.OperatorFilter{"dataOnly": true})
	t.check("operators by country", err, len(ops) == 1 && ops[0].Key() == 646)
	fx, err := t.c.FXRate(t.Context(), 174, decimal.RequireFromString("2.5"))
	t.check("fx", err, fx.FXRate.String() == "327.5")
	for com, err := range t.c.Commissions(t.Context()) {
		t.check("commissions", err, com.Operator.OperatorID > 0)
	}
	com, err := t.c.Commission(t.Context(), 88)
	t.check("commission", err, com.InternationalPercentage.String() == "4.42")
	op, err = t.c.MNPLookup(t.Context(), "+2348031234567", "NG")
	t.check("mnp get", err, op.Key() == 342)
	op, err = t.c.MNPLookupPost(t.Context(), "+2348031234567", "NG")
	t.check("mnp post", err, op.Key() == 342)
}

func TestPromotionMethods(tt *testing.T) {
	tt.Parallel()
	t := newTyped(tt)
	promotions := 0
	for p, err := range t.c.Promotions(t.Context(), "EN") {
		t.check("promotions", err, p.Key() > 0)
		promotions++
	}
	t.check("promotions", nil, promotions > 0)
	p, err := t.c.Promotion(t.Context(), 9341, "")
	_, dated := p.StartDate.Time()
	t.check("promotion", err, p.OperatorID == 341 && dated)
	ps, err := t.c.PromotionsByCountry(t.Context(), "NG", "")
	t.check("promotions by country", err, len(ps) == 1)
	ps, err = t.c.PromotionsByOperator(t.Context(), 341, "")
	t.check("promotions by operator", err, len(ps) == 1)
}

func TestTopupMethods(tt *testing.T) {
	tt.Parallel()
	t := newTyped(tt)
	tr, err := t.c.Topup(t.Context(), topupRequest("sync"))
	t.check("topup", err, tr.Status == reloadly.StatusSuccessful && tr.BalanceInfo.Cost.String() == "2.425")
	id, err := t.c.TopupAsync(t.Context(), topupRequest("async"))
	t.check("async", err, id > 0)
	status, err := t.c.TopupStatus(t.Context(), id)
	t.check("status", err, status.Status == reloadly.StatusSuccessful && status.Transaction.CustomIdentifier == "async")
	tr, err = t.c.Transaction(t.Context(), id)
	t.check("transaction", err, tr.CustomIdentifier == "async")
	rows := 0
	for row, err := range t.c.Transactions(t.Context(), reloadly.ReportFilter{CustomIdentifier: "ASYNC"}) {
		t.check("report", err, row.CustomIdentifier == "async")
		rows++
	}
	t.check("report", nil, rows == 1)
	if _, err := t.c.TopupStatus(t.Context(), 1); !reloadly.IsNotFound(err) {
		t.Errorf("unknown transaction: %v", err)
	}
}

func TestReportNeedsBothEndsOfAWindow(t *testing.T) {
	t.Parallel()
	c := newClient(t, reloadlysim.New(reloadlysim.Options{}))
	_, err := c.TransactionsPage(t.Context(), reloadly.ReportFilter{Start: time.Unix(1, 0)}, 1, 10)
	var re *reloadly.RequestError
	if !errors.As(err, &re) {
		t.Errorf("%v", err)
	}
}
