package clients

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// expected is what the rules of money say about a code, written here independently of the adapter's table.
type expected struct {
	answer  topup.Answer
	code    topup.Code
	pause   bool
	unspent bool
}

// TestReloadlyEveryCode: every code of the provider's documents, in a 400 and in a 500.
func TestReloadlyEveryCode(t *testing.T) {
	t.Parallel()
	blocked := expected{topup.Blocked, topup.CodeCredentialsRefused, true, false}
	unclear := expected{topup.Unclear, topup.CodeProviderError, false, false}
	refused := func(code topup.Code) expected { return expected{topup.Refused, code, false, false} }
	later := expected{topup.NotTaken, topup.CodeOperatorUnavailable, false, false}
	recent := expected{topup.NotTaken, topup.CodeRecentlyRecharged, false, true}
	tests := map[string]expected{
		"TOKEN_EXPIRED": blocked, "INVALID_TOKEN": blocked, "MISSING_TOKEN": blocked, "INVALID_CREDENTIALS": blocked,
		"INVALID_AUDIENCE": blocked, "INACTIVE_ACCOUNT": blocked, "ACCOUNT_NOT_FOUND": blocked,
		"INSUFFICIENT_BALANCE":                 {topup.Blocked, topup.CodeFloatEmpty, true, false},
		"MAX_DAILY_TRANSACTION_COUNT_REACHED":  {topup.Blocked, topup.CodeAccountLimit, true, false},
		"MAX_DAILY_TRANSACTION_AMOUNT_REACHED": {topup.Blocked, topup.CodeAccountLimit, true, false},

		"INVALID_INPUT_PROVIDED": refused(topup.CodeInvalidRequest), "INVALID_SENDER_PHONE": refused(topup.CodeInvalidRequest),
		"INVALID_RECIPIENT_PHONE": refused(topup.CodeInvalidRecipient), "INVALID_PHONE_NUMBER": refused(topup.CodeInvalidRecipient),
		"OPERATOR_AND_RECIPIENT_PHONE_MISMATCH": refused(topup.CodeOperatorMismatch),
		"INVALID_AMOUNT":                        refused(topup.CodeInvalidAmount), "INVALID_AMOUNT_FOR_OPERATOR": refused(topup.CodeInvalidAmount),
		"INVALID_LOCAL_AMOUNT_FOR_OPERATOR": refused(topup.CodeInvalidAmount), "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR": refused(topup.CodeInvalidAmount),
		"INVALID_AMOUNT_FOR_RECIPIENT_PHONE": refused(topup.CodeInvalidAmount),
		"COULD_NOT_AUTO_DETECT_OPERATOR":     refused(topup.CodeNotResolved), "COUNTRY_NOT_SUPPORTED": refused(topup.CodeProductUnavailable),
		"TRANSACTION_REJECTED_BY_OPERATOR": refused(topup.CodeOperatorRefused), "TRANSACTION_REFUSED_BY_OPERATOR": refused(topup.CodeOperatorRefused),
		"RECIPIENT_REACHED_MAX_TOPUP_NUMBER": refused(topup.CodeOperatorRefused), "PHONE_BANNED_BY_OPERATOR": refused(topup.CodeOperatorRefused),
		"RECIPIENT_PHONE_INACTIVE": refused(topup.CodeOperatorRefused),

		"CUSTOM_IDENTIFIER_ALREADY_USED": {topup.Duplicate, topup.CodeDuplicateReference, false, false},

		"PHONE_RECENTLY_RECHARGED": recent, "RECIPIENT_HAS_PENDING_TRANSACTION": recent,
		"OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE": later, "OPERATOR_NOT_IN_SERVICE": later,
		"SERVICE_TO_OPERATOR_TEMPORARILY_UNAVAILABLE": later,

		"CONNECTION_TO_OPERATOR_TEMPORARILY_DOWN": unclear, "CONNECTION_TO_OPERATOR_FAILED": unclear,
		"TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT": unclear, "TOPUP_TRANSACTION_FAILED": unclear,
		"TRANSACTION_FAILED_ON_OPERATOR": unclear, "PROVIDER_INTERNAL_ERROR": unclear, "REQUEST_FAILED_ON_PROVIDER": unclear,
		"REQUEST_PROCESSING_FAILED": unclear, "UNMAPPED_PROVIDER_ERROR_CODE": unclear, "TRANSACTION_NOT_FOUND": unclear,
		"FX_RATE_NOT_AVAILABLE": unclear, "A_CODE_OF_TOMORROW": unclear, "": unclear,
	}
	for code, want := range tests {
		out := reloadlyVerdict(&reloadly.Error{Status: http.StatusBadRequest, Code: code, Message: "words"})
		got := expected{out.Answer, out.Code, out.Pause, out.Unspent}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(expected{})); diff != "" || out.Message == "" || out.ProviderMessage != "words" {
			t.Errorf("%s in a 400: %s", code, diff)
		}
		if code != "" && out.ProviderCode != code || code == "" && out.ProviderCode != "HTTP 400" {
			t.Errorf("%s: provider code %q", code, out.ProviderCode)
		}
		if out := reloadlyVerdict(&reloadly.Error{Status: http.StatusInternalServerError, Code: code}); out.Answer != topup.Unclear {
			t.Errorf("%s in a 500: %+v", code, out)
		}
	}
	for code := range reloadlyCodes {
		if _, ok := tests[code]; !ok {
			t.Errorf("%s is in the adapter's table and not in this one", code)
		}
	}
}

func TestReloadlyStatusBeforeCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		code   string
		want   expected
	}{
		{401, "", expected{topup.Blocked, topup.CodeCredentialsRefused, true, false}},
		{401, "INSUFFICIENT_BALANCE", expected{topup.Blocked, topup.CodeCredentialsRefused, true, false}},
		{429, "", expected{topup.NotTaken, topup.CodeRateLimited, false, true}},
		{429, "CUSTOM_IDENTIFIER_ALREADY_USED", expected{topup.NotTaken, topup.CodeRateLimited, false, true}},
		{503, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", expected{topup.NotTaken, topup.CodeOperatorUnavailable, false, false}},
		{503, "OPERATOR_NOT_IN_SERVICE", expected{topup.Unclear, topup.CodeProviderError, false, false}},
		{500, "OPERATOR_UNAVAILABLE_OR_CURRENTLY_INACTIVE", expected{topup.Unclear, topup.CodeProviderError, false, false}},
		{408, "INVALID_AMOUNT", expected{topup.Unclear, topup.CodeProviderError, false, false}},
		{302, "", expected{topup.Unclear, topup.CodeAnswerUnreadable, true, false}},
		{403, "", expected{topup.Unclear, topup.CodeProviderError, true, false}},
		{403, "INSUFFICIENT_BALANCE", expected{topup.Blocked, topup.CodeFloatEmpty, true, false}},
		{404, "", expected{topup.Unclear, topup.CodeProviderError, true, false}},
		{405, "", expected{topup.Unclear, topup.CodeProviderError, true, false}},
		{406, "", expected{topup.Unclear, topup.CodeProviderError, true, false}},
		{415, "", expected{topup.Unclear, topup.CodeProviderError, true, false}},
		{409, "PHONE_RECENTLY_RECHARGED", expected{topup.NotTaken, topup.CodeRecentlyRecharged, false, true}},
		{422, "INVALID_AMOUNT", expected{topup.Refused, topup.CodeInvalidAmount, false, false}},
		{502, "", expected{topup.Unclear, topup.CodeProviderError, false, false}},
	}
	for _, test := range tests {
		out := reloadlyVerdict(&reloadly.Error{Status: test.status, Code: test.code, RetryAfter: 48 * time.Hour})
		got := expected{out.Answer, out.Code, out.Pause, out.Unspent}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(expected{})); diff != "" {
			t.Errorf("%d %s: %s", test.status, test.code, diff)
		}
		if wait := out.RetryAfter; out.Answer == topup.NotTaken != (wait == 24*time.Hour) {
			t.Errorf("%d %s: retry after %v", test.status, test.code, wait)
		}
	}
}

func reloadlyRow(status string, change ...func(*reloadly.Transaction)) reloadly.Transaction {
	t := reloadly.Transaction{
		TransactionID: 7, Status: reloadly.Text(status), CustomIdentifier: "ref", RecipientPhone: "2348031234567",
		RequestedAmount: reloadlyNumberOf("5.00"), RequestedAmountCurrencyCode: "USD",
		DeliveredAmount: reloadlyNumberOf("7500"), DeliveredAmountCurrencyCode: "NGN",
	}
	for _, f := range change {
		f(&t)
	}
	return t
}

func reloadlyNumberOf(s string) reloadly.Number {
	return reloadly.Number{Decimal: decimal.RequireFromString(s), Known: true}
}

func TestReloadlyJudge(t *testing.T) {
	t.Parallel()
	usd := topup.Money{Amount: decimal.NewFromInt(5), Currency: "USD"}
	ngn := topup.Money{Amount: decimal.NewFromInt(7500), Currency: "NGN"}
	plain := topup.Ref{Reference: "ref", Recipient: "+2348031234567", Amount: usd}
	local := plain
	local.Amount, local.Product.UseLocalAmount = ngn, true
	mail := plain
	mail.Product.RecipientEmail = "peter@nauta.com.cu"
	delivered := func(s string) func(*reloadly.Transaction) {
		return func(t *reloadly.Transaction) { t.DeliveredAmount = reloadlyNumberOf(s) }
	}
	tests := map[string]struct {
		row  reloadly.Transaction
		ref  topup.Ref
		want topup.Answer
	}{
		"success":                {reloadlyRow("SUCCESSFUL"), plain, topup.Delivered},
		"with a plus":            {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RecipientPhone = "+2348031234567" }), plain, topup.Delivered},
		"other reference":        {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.CustomIdentifier = "REF" }), plain, topup.Mismatch},
		"no reference":           {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.CustomIdentifier = "" }), plain, topup.Unclear},
		"other number":           {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RecipientPhone = "2348031234568" }), plain, topup.Mismatch},
		"no number":              {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RecipientPhone = "" }), plain, topup.Unclear},
		"other amount":           {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RequestedAmount = reloadlyNumberOf("5.01") }), plain, topup.Mismatch},
		"no amount":              {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RequestedAmount = reloadly.Number{} }), plain, topup.Unclear},
		"other currency":         {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RequestedAmountCurrencyCode = "EUR" }), plain, topup.Mismatch},
		"no currency":            {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RequestedAmountCurrencyCode = "" }), plain, topup.Unclear},
		"local told in sender's": {reloadlyRow("SUCCESSFUL"), local, topup.Delivered},
		"local nearly":           {reloadlyRow("SUCCESSFUL", delivered("7425")), local, topup.Delivered},
		"local too little":       {reloadlyRow("SUCCESSFUL", delivered("7424.99")), local, topup.Mismatch},
		"mail":                   {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RecipientPhone, t.RecipientEmail = "", "Peter@nauta.com.cu" }), mail, topup.Delivered},
		"mail to another":        {reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.RecipientEmail = "paul@nauta.com.cu" }), mail, topup.Mismatch},
		"failed":                 {reloadlyRow("FAILED"), plain, topup.Refused},
		"refunded":               {reloadlyRow("REFUNDED"), plain, topup.Refused},
		"another's failure":      {reloadlyRow("FAILED", func(t *reloadly.Transaction) { t.CustomIdentifier = "REF" }), plain, topup.Unclear},
		"failure of nobody":      {reloadlyRow("REFUNDED", func(t *reloadly.Transaction) { t.CustomIdentifier = "" }), plain, topup.Unclear},
		"processing":             {reloadlyRow("PROCESSING"), plain, topup.InProgress},
		"another's processing":   {reloadlyRow("PROCESSING", func(t *reloadly.Transaction) { t.CustomIdentifier = "x" }), plain, topup.Unclear},
		"a word of tomorrow":     {reloadlyRow("COMPLETED"), plain, topup.InProgress},
		"in lower case":          {reloadlyRow("successful"), plain, topup.InProgress},
	}
	for name, test := range tests {
		out := reloadlyJudge(&test.row, test.ref)
		if out.Answer != test.want || out.Message == "" || (out.Answer == topup.Mismatch) != out.Pause {
			t.Errorf("%s: %+v, want %v", name, out, test.want)
		}
	}
	strange := reloadlyRow("COMPLETED")
	if out := reloadlyAnswered(&strange, plain); out.Answer != topup.Unclear || out.TransactionID != "7" {
		t.Errorf("strange word in the answer to the order: %+v", out)
	}
}

func TestReloadlyRowsTogether(t *testing.T) {
	t.Parallel()
	ref := topup.Ref{Reference: "ref", Recipient: "+2348031234567", Amount: topup.Money{Amount: decimal.NewFromInt(5), Currency: "USD"}}
	for words, want := range map[string]topup.Answer{
		"": topup.Absent, "SUCCESSFUL": topup.Delivered, "FAILED": topup.Refused, "REFUNDED FAILED": topup.Refused,
		"FAILED SUCCESSFUL": topup.Delivered, "SUCCESSFUL REFUNDED": topup.Delivered, "FAILED PROCESSING": topup.InProgress,
		"SUCCESSFUL SUCCESSFUL": topup.Mismatch, "SUCCESSFUL PROCESSING": topup.InProgress, "FAILED WHATEVER": topup.InProgress,
	} {
		var rows []reloadly.Transaction
		for i, word := range strings.Fields(words) {
			rows = append(rows, reloadlyRow(word, func(t *reloadly.Transaction) { t.TransactionID = reloadly.Int(i + 1) }))
		}
		if out := reloadlyRows(rows, ref); out.Answer != want {
			t.Errorf("%q: %v, want %v", words, out.Answer, want)
		}
	}
}

func TestReloadlyCost(t *testing.T) {
	t.Parallel()
	info := reloadly.BalanceInfo{OldBalance: reloadlyNumberOf("5109.53732"), NewBalance: reloadlyNumberOf("2004.50532"), CurrencyCode: "NGN"}
	row := reloadlyRow("SUCCESSFUL", func(t *reloadly.Transaction) { t.BalanceInfo = &info })
	if got := reloadlyCost(&row); got.Amount.String() != "3105.032" || got.Currency != "NGN" {
		t.Errorf("from the balances: %v", got)
	}
	info.Cost = reloadlyNumberOf("1")
	if got := reloadlyCost(&row); got.Amount.String() != "1" {
		t.Errorf("as told: %v", got)
	}
	row.BalanceInfo = nil
	if got := reloadlyCost(&row); !got.IsZero() {
		t.Errorf("not told: %v", got)
	}
}

// BenchmarkReloadlyDecodeAndClassify reads the documented answer to an order, filled up to 1 KB, and judges it.
func BenchmarkReloadlyDecodeAndClassify(b *testing.B) {
	body, err := os.ReadFile(filepath.Join("reloadly", "testdata", "topup.json"))
	if err != nil {
		b.Fatal(err)
	}
	body = bytes.TrimSpace(body)
	pad := strings.Repeat("x", max(1024-len(body)-len(`,"note":""`), 0))
	body = append(body[:len(body)-1], `,"note":"`+pad+`"}`...)
	ref := topup.Ref{
		Reference: "This is example identifier 130", Recipient: "+447951631337",
		Amount: topup.Money{Amount: decimal.RequireFromString("3168.4"), Currency: "NGN"},
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		t, err := reloadly.DecodeTransaction(body)
		if err != nil {
			b.Fatal(err)
		}
		if out := reloadlyAnswered(&t, ref); out.Answer != topup.Delivered {
			b.Fatalf("%+v", out)
		}
	}
}
