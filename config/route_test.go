package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	base := []Route{{Country: "IN", Providers: []string{"rechargekit"}}, {Providers: []string{"reloadly"}}}
	want := append(base,
		Route{Country: "ZA", Providers: []string{"aat", "reloadly"}},
		Route{Country: "NG", Operator: "MTN Nigeria", Providers: []string{"reloadly"}},
		Route{Country: "ZA", Merchant: "merabcdefghij", Providers: []string{"reloadly"}},
		Route{Operator: "341", Merchant: "merabcdefghij", Providers: []string{"reloadly", "aat"}},
	)
	env := map[string]string{"TOPUPQ_ROUTES": "ZA:aat > reloadly, NG/operator=MTN Nigeria:reloadly, za/merchant=merabcdefghij:reloadly,*/operator=341/merchant=merabcdefghij:reloadly>aat"}
	byEnv, err := load(t, "", env)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, byEnv.Routes); d != "" {
		t.Error(d)
	}
	for name, yaml := range map[string]string{
		"list": `
routes:
  - {country: ZA, providers: [aat, reloadly]}
  - {country: NG, operator: MTN Nigeria, providers: reloadly}
  - country: ZA
    merchant: merabcdefghij
    providers: [reloadly]
  - {operator: 341, merchant: merabcdefghij, providers: reloadly>aat}
`,
		"mapping": `
routes:
  ZA: aat>reloadly
  NG/operator=MTN Nigeria: reloadly
  ZA/merchant=merabcdefghij: reloadly
  "*/operator=341/merchant=merabcdefghij": reloadly>aat
`,
	} {
		c, err := load(t, yaml, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, c.Routes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	c, err := load(t, "routes: {ZA: reloadly, za/operator=MTN: aat, ZA/operator=mtn: reloadly}", nil)
	if err != nil || len(c.Routes) != 4 || c.Routes[3].Operator != "mtn" {
		t.Errorf("the later entry of two does not count: %+v, %v", c.Routes, err)
	}
}

func TestRouteMistakes(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"routes: [ZA]":                                   "is not a route",
		"routes: ['ZA:']":                                "names no provider",
		"routes: ['ZA:aat>aat']":                         "one twice",
		"routes: ['ZA:aat>']":                            "names no provider",
		"routes: ['ZA/merchant=acme:aat']":               "is not a route",
		"routes: ['ZA/operator=:aat']":                   "is not a route",
		"routes: ['ZA/operator=a/operator=b:aat']":       "is not a route",
		"routes: ['ZA/till=7:aat']":                      "is not a route",
		"routes: [{country: ZA}]":                        "must be plain text",
		"routes: [{country: ZA, provider: aat}]":         "must be plain text",
		"routes: [{country: ZA, providers: [[aat]]}]":    "must be plain text",
		"routes: [{country: Africa, providers: aat}]":    "is not a route",
		"rechargekit: {operators: {98: 0}}":              "a code above 0",
		"rechargekit: {operators: {9x: 1}}":              "first digits",
		"rechargekit: {circles: ['98:1', '98:2']}":       "is there twice",
		"rechargekit: {refusals: [blocked]}":             "write answer:code:text",
		"rechargekit: {refusals: ['kept:x_y:text']}":     "write answer:code:text",
		"rechargekit: {refusals: ['refused:BAD:text']}":  "write answer:code:text",
		"rechargekit: {refusals: ['refused:invalid:(']}": "not a regular expression",
		"catalogue: {age: 0s}":                           "must be from 1ms",
	} {
		all := ""
		for _, m := range mistakes(t, yaml, nil) {
			all += m + "\n"
		}
		if !strings.Contains(all, want) {
			t.Errorf("%s: %q, want %q", yaml, all, want)
		}
	}
}

func TestProviderTables(t *testing.T) {
	t.Parallel()
	c, err := load(t, `
rechargekit:
  operators: {"98": 1, "700": 103}
  postpaid_operators: ["98:25"]
  circles: 98:2,7:5
  refusals:
    - "refused:invalid_recipient:^invalid (mobile|number), sorry"
    - "blocked:float_empty:^insufficient: .*"
aat: {airtime_types: [airtime, talk]}
reloadly: {mnp: true}
bulksms: {callback_token: sesame}
lookups: {deny: [reloadly.mnpLookupGet, aat.GetUserCredit]}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.RechargeKit.Operators, c.RechargeKit.PostpaidOperators, c.RechargeKit.Circles, c.RechargeKit.Refusals, c.AAT.AirtimeTypes,
		c.Reloadly.MNP, c.BulkSMS.CallbackToken.Reveal(), c.Lookups.Deny,
	}
	want := []any{
		map[string]int64{"98": 1, "700": 103}, map[string]int64{"98": 25}, map[string]int64{"98": 2, "7": 5},
		[]Refusal{{"refused", "invalid_recipient", "^invalid (mobile|number), sorry"}, {"blocked", "float_empty", "^insufficient: .*"}},
		[]string{"airtime", "talk"}, true, "sesame", []string{"reloadly.mnpLookupGet", "aat.GetUserCredit"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
