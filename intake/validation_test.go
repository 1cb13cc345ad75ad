package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

// with is a valid top-up with members added or replaced.
func with(members string) string {
	base := map[string]string{
		"reference": `"v"`, "recipient": `"+27831234567"`, "amount": `"5"`, "currency": `"ZAR"`,
	}
	var parts []string
	for _, name := range []string{"reference", "recipient", "amount", "currency"} {
		if !strings.Contains(members, `"`+name+`":`) {
			parts = append(parts, `"`+name+`":`+base[name])
		}
	}
	if members != "" {
		parts = append(parts, members)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestInvalidTopups(t *testing.T) {
	t.Parallel()
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	for _, c := range []struct {
		name, body string
		fields     []string
	}{
		{"nothing", `{}`, []string{"amount", "currency", "recipient", "reference"}},
		{"unknown", with(`"foo":1`), []string{"foo"}},
		{"unknown in product", with(`"product":{"voucherid":1}`), []string{"product.voucherid"}},
		{"misspelt twice", with(`"Reference":"x","produkt":{}`), []string{"Reference", "produkt"}},
		{"twice", `{"reference":"a","reference":"b"}`, []string{"reference"}},
		{"twice in product", with(`"product":{"voucher_id":1,"voucher_id":2}`), []string{"product.voucher_id"}},
		{"twice by escape", with(`"metadata":{"a":"1","\u0061":"2"}`), []string{"metadata.a"}},
		{"reference empty", with(`"reference":""`), []string{"reference"}},
		{"reference null", with(`"reference":null`), []string{"reference"}},
		{"reference number", with(`"reference":7`), []string{"reference"}},
		{"reference long", with(`"reference":"` + strings.Repeat("x", 65) + `"`), []string{"reference"}},
		{"reference with password", with(`"reference":"a&password=x"`), []string{"reference"}},
		{"reference with CRLF", with(`"reference":"a\r\nX-Evil: 1"`), []string{"reference"}},
		{"reference with path", with(`"reference":"../../etc"`), []string{"reference"}},
		{"recipient without plus", with(`"recipient":"27831234567"`), []string{"recipient"}},
		{"recipient 00", with(`"recipient":"0027831234567"`), []string{"recipient"}},
		{"recipient letters", with(`"recipient":"+27831234abc"`), []string{"recipient"}},
		{"recipient spaces", with(`"recipient":"+27 83 123 4567"`), []string{"recipient"}},
		{"recipient RTL mark", with(`"recipient":"\u200f+27831234567"`), []string{"recipient"}},
		{"recipient full width", with(`"recipient":"+２７831234567"`), []string{"recipient"}},
		{"recipient arabic digits", with(`"recipient":"+٢٧٨٣١٢٣٤٥٦٧"`), []string{"recipient"}},
		{"recipient 200 digits", with(`"recipient":"+` + strings.Repeat("1", 200) + `"`), []string{"recipient"}},
		{"recipient short", with(`"recipient":"+2783"`), []string{"recipient"}},
		{"recipient of no plan", with(`"recipient":"+27031234567"`), []string{"recipient"}},
		{"recipient with national 0", with(`"recipient":"+270831234567"`), []string{"recipient"}},
		{"recipient of no country", with(`"recipient":"+80012345678","provider":"reloadly"`), []string{"recipient"}},
		{"recipient unassigned code", with(`"recipient":"+999123456789"`), []string{"recipient"}},
		{"amount zero", with(`"amount":"0"`), []string{"amount"}},
		{"amount 0.00", with(`"amount":"0.00"`), []string{"amount"}},
		{"amount negative", with(`"amount":"-5"`), []string{"amount"}},
		{"amount negative number", with(`"amount":-5`), []string{"amount"}},
		{"amount exponent", with(`"amount":5e0`), []string{"amount"}},
		{"amount exponent text", with(`"amount":"5e0"`), []string{"amount"}},
		{"amount NaN", with(`"amount":"NaN"`), []string{"amount"}},
		{"amount plus", with(`"amount":"+5"`), []string{"amount"}},
		{"amount comma", with(`"amount":"2,50"`), []string{"amount"}},
		{"amount spaces", with(`"amount":" 5"`), []string{"amount"}},
		{"amount 2^63", with(`"amount":"9223372036854775808"`), []string{"amount"}},
		{"amount too many places", with(`"amount":"0.001"`), []string{"amount"}},
		{"amount true", with(`"amount":true`), []string{"amount"}},
		{"amount yen places", with(`"recipient":"+819012345678","currency":"JPY","amount":"10.5"`), []string{"amount"}},
		{"currency small", with(`"currency":"zar"`), []string{"currency"}},
		{"currency unknown", with(`"currency":"ZZZ"`), []string{"currency"}},
		{"currency of another provider", with(`"currency":"USD"`), []string{"currency"}},
		{"provider unknown", with(`"provider":"acme"`), []string{"provider"}},
		{"provider of another country", with(`"provider":"rechargekit","currency":"INR"`), []string{"recipient"}},
		{"product of another provider", with(`"product":{"operator_id":1,"service":"dth"}`), []string{"product.operator_id", "product.service"}},
		{"product false of another provider", with(`"product":{"use_local_amount":false}`), []string{"product.use_local_amount"}},
		{"product no object", with(`"product":[]`), []string{"product"}},
		{"voucher zero", with(`"product":{"voucher_id":0}`), []string{"product.voucher_id"}},
		{"voucher fraction", with(`"product":{"voucher_id":1.5}`), []string{"product.voucher_id"}},
		{"voucher text", with(`"product":{"voucher_id":"121"}`), []string{"product.voucher_id"}},
		{"voucher huge", with(`"product":{"voucher_id":99999999999999999999}`), []string{"product.voucher_id"}},
		{"recharge unknown", with(`"product":{"recharge":"free"}`), []string{"product.recharge"}},
		{"fixed_amount text", with(`"product":{"fixed_amount":"true"}`), []string{"product.fixed_amount"}},
		{"deliver_pin unknown", with(`"product":{"recharge":"pinned","deliver_pin":"fax"}`), []string{"product.deliver_pin"}},
		{"deliver_pin without a PIN", with(`"product":{"deliver_pin":"sms"}`), []string{"product.deliver_pin"}},
		{"mode unknown", with(`"provider":"reloadly","product":{"mode":"fast"}`), []string{"product.mode"}},
		{"sender phone", with(`"provider":"reloadly","product":{"sender_phone":"0831234567"}`), []string{"product.sender_phone"}},
		{"e-mail", with(`"provider":"reloadly","product":{"recipient_email":"nobody"}`), []string{"product.recipient_email"}},
		{"user_vars many", indian(`"product":{"user_vars":["1","2","3","4"]}`), []string{"product.user_vars"}},
		{"user_vars number", indian(`"product":{"user_vars":["1",2]}`), []string{"product.user_vars[1]"}},
		{"dest unknown", indian(`"product":{"dest":"moon"}`), []string{"product.dest"}},
		{"recharge_type text", indian(`"product":{"recharge_type":"one"}`), []string{"product.recharge_type"}},
		{"expires_at no time", with(`"expires_at":"tomorrow"`), []string{"expires_at"}},
		{"expires_at no zone", with(`"expires_at":"2026-11-23T00:00:00"`), []string{"expires_at"}},
		{"expires_at past", with(`"expires_at":"2026-11-20T10:00:00Z"`), []string{"expires_at"}},
		{"metadata no object", with(`"metadata":"x"`), []string{"metadata"}},
		{"metadata number", with(`"metadata":{"till":7}`), []string{"metadata.till"}},
		{"metadata null", with(`"metadata":{"till":null}`), []string{"metadata.till"}},
		{"metadata many", with(`"metadata":{` + strings.Join(many, ",") + `}`), []string{"metadata"}},
		{"metadata long", with(`"metadata":{"k":"` + strings.Repeat("x", 513) + `"}`), []string{"metadata.k"}},
		{"metadata control", with(`"metadata":{"k":"a\nb"}`), []string{"metadata.k"}},
		{"metadata empty key", with(`"metadata":{"":"x"}`), []string{"metadata."}},
		{"an array", `[]`, []string{""}},
		{"a string", `"x"`, []string{""}},
		{"everything at once", `{"reference":"a b","recipient":"x","amount":"x","currency":"x","provider":"x","expires_at":"x","x":1}`,
			[]string{"amount", "currency", "expires_at", "provider", "recipient", "reference", "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			if d := cmp.Diff(c.fields, a.do("POST", "/v1/topups", c.body).problem(422, "invalid")); d != "" {
				t.Error(d)
			}
			rec := a.do("POST", "/v1/batches", c.body+"\n"+good("other"), "Content-Type", "application/x-ndjson").receipt(202)
			if rec.Accepted != 1 || rec.Rejected != 1 || rec.Errors[0].Code != "invalid" || rec.Errors[0].Line != 1 {
				t.Errorf("in a batch: %+v", rec)
			}
			if a.store.count() != 1 {
				t.Errorf("%d records", a.store.count())
			}
		})
	}
}

func indian(members string) string {
	return with(`"recipient":"+919812345678","currency":"INR"` + comma(members))
}

func TestValidTopups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for i, members := range []string{
		``, `"amount":5`, `"amount":5.50`, `"amount":"0.01"`, `"amount":"9999999"`, `"amount":"5.000"`,
		`"expires_at":"2026-11-20T10:00:01Z"`, `"expires_at":"2030-01-01T00:00:00.123+02:00"`,
		`"product":{}`, `"product":{"recharge":"pinned","deliver_pin":"sms","fixed_amount":true}`,
		`"product":{"recharge":"pinned_without_msisdn","voucher_id":121}`, `"product":{"recharge":null}`,
		`"metadata":{"note":"ünïcode 😀","empty":""}`, `"metadata":{}`, `"provider":null`,
		`"provider":"reloadly","currency":"USD","product":{"operator_id":173,"use_local_amount":true,"sender_phone":"+15551234567","recipient_email":"a@b.co","mode":"sync"}`,
	} {
		t.Log(members)
		a.do("POST", "/v1/topups", with(fmt.Sprintf(`"reference":"ok-%d"`, i)+comma(members))).want(202)
	}
	r := a.do("POST", "/v1/topups", indian(`"reference":"in","product":{"service":"postpaid","operator_code":1,"circle":23,"recharge_type":1,"dest":"online","user_vars":["a","","c"]}`)).want(202)
	want := topup.Product{Service: "postpaid", OperatorCode: 1, Circle: 23, RechargeType: "1", Dest: "online", UserVars: []string{"a", "", "c"}}
	if d := cmp.Diff(want, a.store.topups[topup.ID(r.text("id"))].Product); d != "" {
		t.Error(d)
	}
	// A subscriber number of satellite television is in no numbering plan.
	a.do("POST", "/v1/topups", with(`"reference":"dth","recipient":"+910034567890","currency":"INR","product":{"service":"dth"}`)).want(202)
	a.do("POST", "/v1/topups", with(`"reference":"no","recipient":"+910034567890","currency":"INR"`)).problem(422, "invalid")
}

func comma(members string) string {
	if members == "" {
		return ""
	}
	return "," + members
}

func TestProviderNotConfigured(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { delete(c.Providers, topup.RechargeKit) })
	if f := a.do("POST", "/v1/topups", indian("")).problem(422, "provider_not_configured"); f[0] != "provider" {
		t.Errorf("fields %v", f)
	}
	a.do("POST", "/v1/topups", indian(`"provider":"rechargekit"`)).problem(422, "provider_not_configured")
	a.do("POST", "/v1/lookups", `{"provider":"rechargekit","action":"balanceCheck"}`).problem(422, "provider_not_configured")
	rec := a.do("POST", "/v1/batches", indian(""), "Content-Type", "application/x-ndjson").receipt(202)
	if rec.Errors[0].Code != "provider_not_configured" {
		t.Errorf("%+v", rec.Errors)
	}
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		c.Routes = []intake.Route{{Country: "ZA", Providers: []topup.ProviderName{topup.AAT}}}
	})
	a.do("POST", "/v1/topups", good("za")).want(202)
	a.do("POST", "/v1/topups", indian("")).problem(422, "provider_not_configured")
}

func TestKeyMissing(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Keyring = topup.Keyring{} })
	for _, recharge := range []string{"pinned", "pinned_without_msisdn"} {
		f := a.do("POST", "/v1/topups", with(`"product":{"recharge":"`+recharge+`"}`)).problem(422, "encryption_key_missing")
		if f[0] != "product.recharge" {
			t.Errorf("fields %v", f)
		}
	}
	a.do("POST", "/v1/topups", with(`"product":{"recharge":"pinless"}`)).want(202)
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, body := range map[string]string{
		"empty": "", "spaces": "  ", "cut": `{"reference":"a"`, "trailing": good("a") + "x", "two": good("a") + good("b"),
		"comment": `{/**/}`, "single quotes": `{'a':1}`, "trailing comma": `{"a":1,}`, "NaN": with(`"amount":NaN`),
		"infinity": with(`"amount":Infinity`), "leading zero": with(`"amount":05`), "plus": with(`"amount":+5`),
		"bare point": with(`"amount":5.`), "exponent": with(`"amount":5e`), "hex": with(`"amount":0x5`),
		"bad escape": with(`"metadata":{"a":"\x41"}`), "cut escape": with(`"metadata":{"a":"\u00`),
		"lone surrogate": with(`"metadata":{"a":"\ud800"}`), "surrogate pair broken": with(`"metadata":{"a":"\ud800\u0041"}`),
		"control character": with("\"metadata\":{\"a\":\"\x01\"}"), "not UTF-8": with("\"metadata\":{\"a\":\"\xff\"}"),
		"deep": with(`"metadata":` + strings.Repeat("[", 1_000_00)), "deep and closed": with(`"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)),
		"many members": "{" + strings.Repeat(`"a":1,`, 0) + manyMembers(300) + "}",
		"many items":   with(`"x":[` + strings.Repeat("1,", 5000) + `1]`),
	} {
		t.Log(name)
		a.do("POST", "/v1/topups", body).problem(400, "malformed")
	}
	if a.store.count() != 0 {
		t.Errorf("%d records", a.store.count())
	}
}

func manyMembers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"m%d":1`, i)
	}
	return strings.Join(parts, ",")
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := `{"reference":"a","metadata":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`
	a.do("POST", "/v1/topups", body).problem(413, "too_large")
	a.do("POST", "/v1/lookups", body).problem(413, "too_large")
	a.do("PUT", "/v1/webhook", body).problem(413, "too_large")
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for typ, want := range map[string]int{
		"application/json": 202, "application/json; charset=utf-8": 202, "": 202, "text/plain": 415,
		"application/x-www-form-urlencoded": 415, "application/json; charset=utf-16": 415, "application/x-ndjson": 415, ";": 415,
	} {
		r := a.do("POST", "/v1/topups", good("m"+fmt.Sprint(len(typ))), "Content-Type", typ)
		if r.status != want {
			t.Errorf("%q: %d, want %d", typ, r.status, want)
		}
	}
	a.do("POST", "/v1/topups", good("z"), "Content-Encoding", "gzip").problem(415, "unsupported_media_type")
	a.do("POST", "/v1/batches", good("z"), "Content-Type", "text/plain").problem(415, "unsupported_media_type")
	a.do("POST", "/v1/batches", good("z"), "Content-Type", "").problem(415, "unsupported_media_type")
	a.do("POST", "/v1/batches", good("z"), "Content-Encoding", "br").problem(415, "unsupported_media_type")
}
