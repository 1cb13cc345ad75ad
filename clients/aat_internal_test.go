package clients

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/aat"
	"topupq/topup"
)

// aatTexts are all error texts of the guide for the Perform calls, with their stray spaces, and some that it lacks.
var aatTexts = []struct {
	text             string
	answer           topup.Answer
	code             topup.Code
	pause, catalogue bool
}{
	{"voucher id doesn't exist for mobile network", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"voucher id doesn't exist for mobile network MTN", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"invalid amount. Amount needs to be between R2 and R5 (Max Recharge Amount Set: R5)", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"invalid amount. Amount needs to be between R2 and R5 (Max Recharge Amount Set: R5) ", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"invalid amount. Amount needs to exactly be: 2", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"This isn't a fixed amount voucher. You need to use the PerformPinlessRecharge, PerformPinnedRecharge, PerformPinnedRechargeWithoutMsisdn calls. ", topup.Refused, topup.CodeProductUnavailable, false, true},
	{"Invalid recharge Cell No provided", topup.Refused, topup.CodeInvalidRecipient, false, false},
	{"insufficient credit to complete the transaction. Current credit - R1", topup.Blocked, topup.CodeFloatEmpty, true, false},
	{"client reference already used ", topup.Duplicate, topup.CodeDuplicateReference, false, false},
	{"client reference already used. ", topup.Duplicate, topup.CodeDuplicateReference, false, false},
	{"client reference already use ", topup.Duplicate, topup.CodeDuplicateReference, false, false},
	{"unauthorized", topup.Unclear, topup.CodeCredentialsRefused, true, false},
	{"unAuthorised user. ", topup.Unclear, topup.CodeCredentialsRefused, true, false},
	// Texts of other calls, and texts that nobody has seen, prove nothing here.
	{"no network found", topup.Unclear, topup.CodeProviderError, false, false},
	{"invalid msisdn. ", topup.Unclear, topup.CodeProviderError, false, false},
	{"no voucher types found for network. ", topup.Unclear, topup.CodeProviderError, false, false},
	{"no Network found. ", topup.Unclear, topup.CodeProviderError, false, false},
	{"no Voucher found. ", topup.Unclear, topup.CodeProviderError, false, false},
	{"no transaction information found", topup.Unclear, topup.CodeProviderError, false, false},
	{"Network error, please try again", topup.Unclear, topup.CodeProviderError, false, false},
	{"recharge failed", topup.Unclear, topup.CodeProviderError, false, false},
	{"not charged: client reference already used", topup.Unclear, topup.CodeProviderError, false, false},
}

// aatAPIError classifies a text as the wire client does.
func aatAPIError(text string) *aat.APIError {
	e := &aat.APIError{Op: "Perform", Kind: aat.KindOf(text), Text: text}
	for _, row := range aat.Kinds() {
		if e.Kind == row.Kind && e.Prefix == "" {
			e.Prefix = row.Prefix
		}
	}
	return e
}

func TestAATPerformTexts(t *testing.T) {
	t.Parallel()
	for _, test := range aatTexts {
		out, err := aatSubmitError(fmt.Errorf("wrapped: %w", aatAPIError(test.text)))
		if err != nil || out.Answer != test.answer || out.Code != test.code || out.Pause != test.pause || out.RefreshCatalogue != test.catalogue {
			t.Errorf("%q: got %+v, %v", test.text, out, err)
		}
		if out.Message == "" || out.ProviderCode == "" || out.ProviderMessage == "" {
			t.Errorf("%q: says nothing: %+v", test.text, out)
		}
	}
}

// TestAATTablesAreComplete: every kind of the wire client is decided somewhere, and only documented refusals of a
// Perform call are proof that nothing was charged.
func TestAATTablesAreComplete(t *testing.T) {
	t.Parallel()
	proof := []topup.Answer{topup.Refused, topup.Blocked, topup.NotTaken}
	documented := []aat.Kind{aat.KindInsufficientCredit, aat.KindInvalidAmount, aat.KindNoSuchVoucher, aat.KindNotFixedAmount, aat.KindInvalidRecipient}
	for _, row := range aat.Kinds() {
		_, perform := aatPerformKinds[row.Kind]
		_, check := aatCheckKinds[row.Kind]
		_, before := aatCatalogueKinds[row.Kind]
		if !perform && !check && !before {
			t.Errorf("kind %s is in no table", row.Kind)
		}
	}
	for kind, out := range aatPerformKinds {
		if slices.Contains(proof, out.Answer) != slices.Contains(documented, kind) {
			t.Errorf("%s after a Perform call is %s", kind, out.Answer)
		}
	}
	for kind, out := range aatCheckKinds {
		if out.Answer != topup.Absent && out.Answer != topup.Unclear {
			t.Errorf("%s after GetTransactionInfo is %s", kind, out.Answer)
		}
	}
}

func TestAATPerformStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]topup.Outcome{
		429: {Answer: topup.NotTaken, Code: topup.CodeRateLimited, RetryAfter: 7 * time.Second, Unspent: true},
		401: {Answer: topup.Unclear, Code: topup.CodeCredentialsRefused, Pause: true},
		403: {Answer: topup.Unclear, Code: topup.CodeCredentialsRefused, Pause: true},
		500: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		502: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		503: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		504: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		408: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		404: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		400: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		307: {Answer: topup.Unclear, Code: topup.CodeProviderError},
		204: {Answer: topup.Unclear, Code: topup.CodeProviderError},
	} {
		got, err := aatSubmitError(&aat.StatusError{Op: "Perform", Status: status, RetryAfter: 7 * time.Second})
		if err != nil || got.Answer != want.Answer || got.Code != want.Code || got.Pause != want.Pause || got.RetryAfter != want.RetryAfter || got.Unspent != want.Unspent {
			t.Errorf("%d: got %+v, %v", status, got, err)
		}
	}
}

// TestAATJudge: what a transaction shown for our reference proves.
func TestAATJudge(t *testing.T) {
	t.Parallel()
	client, err := aat.New(aat.Config{Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAAT(client, AATConfig{})
	if err != nil {
		t.Fatal(err)
	}
	type info = aat.TransactionVoucherInfo
	ref := topup.Ref{Reference: "abcdefghij234567abcd", Recipient: "+27831234567", Amount: topup.Money{Amount: decimal.RequireFromString("2.00"), Currency: aatCurrency}}
	for _, test := range []struct {
		name   string
		change func(*info, *topup.Ref)
		answer topup.Answer
		code   topup.Code
	}{
		{"ours", func(*info, *topup.Ref) {}, topup.Delivered, topup.CodeDelivered},
		{"ok in small letters", func(i *info, _ *topup.Ref) { i.Status = " ok " }, topup.Delivered, topup.CodeDelivered},
		{"number with +", func(i *info, _ *topup.Ref) { i.MSISDN = "+27831234567" }, topup.Delivered, topup.CodeDelivered},
		{"number with 0", func(i *info, _ *topup.Ref) { i.MSISDN = "0831234567" }, topup.Delivered, topup.CodeDelivered},
		{"same order number", func(_ *info, r *topup.Ref) { r.TransactionID = "98187964" }, topup.Delivered, topup.CodeDelivered},
		{"another number", func(i *info, _ *topup.Ref) { i.MSISDN = "27831234568" }, topup.Mismatch, topup.CodeMismatch},
		{"another amount", func(i *info, _ *topup.Ref) { i.Amount = decimal.RequireFromString("2.01") }, topup.Mismatch, topup.CodeMismatch},
		{"no number", func(i *info, _ *topup.Ref) { i.MSISDN = "" }, topup.Unclear, topup.CodeMismatch},
		{"another order number", func(_ *info, r *topup.Ref) { r.TransactionID = "98187965" }, topup.Unclear, topup.CodeMismatch},
		{"failed", func(i *info, _ *topup.Ref) { i.Status = "FAILED" }, topup.Refused, topup.CodeProviderFailed},
		{"cancelled", func(i *info, _ *topup.Ref) { i.Status = "Cancelled" }, topup.Refused, topup.CodeProviderFailed},
		{"reversed", func(i *info, _ *topup.Ref) { i.Status = "Reversed" }, topup.Refused, topup.CodeProviderRefunded},
		{"refunded", func(i *info, _ *topup.Ref) { i.Status = "refunded" }, topup.Refused, topup.CodeProviderRefunded},
		{"failed, but another number", func(i *info, _ *topup.Ref) { i.Status, i.MSISDN = "Failed", "27831234568" }, topup.Unclear, topup.CodeMismatch},
		{"failed, but another amount", func(i *info, _ *topup.Ref) { i.Status, i.Amount = "Failed", decimal.Zero }, topup.Unclear, topup.CodeMismatch},
		{"unknown word", func(i *info, _ *topup.Ref) { i.Status = "Processing" }, topup.Unclear, topup.CodeAnswerUnreadable},
		{"a word that begins like OK", func(i *info, _ *topup.Ref) { i.Status = "OKAY" }, topup.Unclear, topup.CodeAnswerUnreadable},
		{"a word that begins like Failed", func(i *info, _ *topup.Ref) { i.Status = "Failed?" }, topup.Unclear, topup.CodeAnswerUnreadable},
		{"pinned", func(_ *info, r *topup.Ref) { r.Product.Recharge = topup.RechargePinned }, topup.Delivered, topup.CodeDelivered},
		{"pinned without PIN", func(i *info, r *topup.Ref) { r.Product.Recharge, i.VoucherPIN = topup.RechargePinned, "" }, topup.Unclear, topup.CodeAnswerUnreadable},
		{"without number", func(i *info, r *topup.Ref) { r.Product.Recharge, i.MSISDN = topup.RechargePinnedNoPhone, "" }, topup.Delivered, topup.CodeDelivered},
		{"without number, another amount", func(i *info, r *topup.Ref) {
			r.Product.Recharge, i.Amount = topup.RechargePinnedNoPhone, decimal.RequireFromString("3")
		}, topup.Mismatch, topup.CodeMismatch},
	} {
		i := info{MSISDN: "27831234567", Amount: decimal.RequireFromString("2"), OrderRef: "98187964", TicketNumber: "T1", VoucherPIN: "0011", Status: "OK"}
		r := ref
		test.change(&i, &r)
		out := a.judge(i, r)
		if out.Answer != test.answer || out.Code != test.code || out.Pause != (test.answer == topup.Mismatch) {
			t.Errorf("%s: got %+v", test.name, out)
		}
		if delivered := out.Answer == topup.Delivered; delivered != (out.Delivered.Text() == "2.00") || delivered && out.Reference != "98187964" ||
			(out.PIN == "0011") != (delivered && r.Product.Pinned()) {
			t.Errorf("%s: tells %+v", test.name, out)
		}
	}
}

func TestAATConfig(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{{"ok"}, {"Failed", " OK "}, {""}} {
		if _, err := NewAAT(nil, AATConfig{StatusFailed: words}); err == nil {
			t.Errorf("%q are words for failure", words)
		}
	}
	a, err := NewAAT(nil, AATConfig{StatusFailed: []string{"Kaput"}, Hold: time.Minute})
	if err != nil || !a.meansFailed("kaput") || a.meansFailed("Failed") || a.Traits().Hold != time.Minute {
		t.Errorf("settings are not kept: %v", err)
	}
}

func TestAATDialCode(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]string{
		"Vodacom": "*100*01*0011#", "MTN": "*141*0011#", "Cell C": "*102*0011#", "CellC": "*102*0011#",
		"Telkom Mobile": "*188*0011#", "telkom": "*188*0011#",
	} {
		if got, ok := AATDialCode(network, "0011 "); !ok || got.Reveal() != want {
			t.Errorf("%s: got %q, %v, want %q", network, got.Reveal(), ok, want)
		}
	}
	for network, pin := range map[string]topup.Secret{"Virgin Mobile": "0011", "MTN": "", "Vodacom": "00*11", "": "0011"} {
		if got, ok := AATDialCode(network, pin); ok || got != "" {
			t.Errorf("%q: got %q", network, got.Reveal())
		}
	}
}

// BenchmarkAATClassify measures the verdicts on a recharge, a refusal and a transaction that have been read.
func BenchmarkAATClassify(b *testing.B) {
	client, err := aat.New(aat.Config{Username: "u", Password: "p"})
	if err != nil {
		b.Fatal(err)
	}
	a, err := NewAAT(client, AATConfig{})
	if err != nil {
		b.Fatal(err)
	}
	info := aat.TransactionVoucherInfo{MSISDN: "27831234567", Amount: decimal.NewFromInt(2), OrderRef: "98187964", Status: "OK"}
	ref := topup.Ref{Reference: "abcdefghij234567abcd", Recipient: "+27831234567", Amount: topup.Money{Amount: decimal.NewFromInt(2), Currency: aatCurrency}}
	refused := aatAPIError("insufficient credit to complete the transaction. Current credit - R1")
	b.ReportAllocs()
	for b.Loop() {
		if a.judge(info, ref).Answer != topup.Delivered || aatPerformKind(refused).Answer != topup.Blocked {
			b.Fatal("misjudged")
		}
	}
}
