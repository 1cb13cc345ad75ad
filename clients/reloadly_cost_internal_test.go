package clients

import (
	"testing"

	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
)

func TestReloadlyPredictedCost(t *testing.T) {
	t.Parallel()
	n := reloadlyNumberOf
	type op = reloadly.Operator
	base := op{SenderCurrencyCode: "USD", FX: reloadly.FX{Rate: n("1500")}}
	with := func(change func(*op)) op {
		o := base
		change(&o)
		return o
	}
	for name, test := range map[string]struct {
		amount string
		local  bool
		op     op
		want   string
	}{
		"the documents' example":                    {"3168.4", false, with(func(o *op) { o.SenderCurrencyCode, o.InternationalDiscount = "NGN", n("2") }), "3105.032"},
		"no discount, no fee":                       {"5", false, base, "5"},
		"commission for older operators":            {"10", false, with(func(o *op) { o.Commission = n("10") }), "9"},
		"discount before commission":                {"10", false, with(func(o *op) { o.Commission, o.InternationalDiscount = n("10"), n("5") }), "9.5"},
		"flat fee":                                  {"10", false, with(func(o *op) { o.InternationalDiscount, o.Fees.International = n("10"), n("0.943054") }), "9.94305"},
		"a fee in per cent takes the discount away": {"10", false, with(func(o *op) { o.InternationalDiscount, o.Fees.InternationalPercentage = n("10"), n("3") }), "10.3"},
		"both fees":                                 {"10", false, with(func(o *op) { o.Fees.International, o.Fees.InternationalPercentage = n("1"), n("3") }), "11.3"},
		"half is rounded up":                        {"0.00005", false, with(func(o *op) { o.InternationalDiscount = n("10") }), "0.00005"},
		"half is rounded up too":                    {"0.00003", false, with(func(o *op) { o.InternationalDiscount = n("50") }), "0.00002"},
		"local":                                     {"500", true, base, "0.33333"},
		"local has its own discount":                {"1500", true, with(func(o *op) { o.InternationalDiscount, o.LocalDiscount = n("10"), n("4") }), "0.96"},
		"local flat fee goes through the rate":      {"1500", true, with(func(o *op) { o.Fees.Local, o.Fees.International = n("300"), n("9") }), "1.2"},
		"local fee in per cent":                     {"1500", true, with(func(o *op) { o.LocalDiscount, o.Fees.LocalPercentage = n("4"), n("5") }), "1.05"},
		"local without a rate":                      {"1500", true, op{SenderCurrencyCode: "USD"}, ""},
		"local at the rate of nothing":              {"1500", true, op{SenderCurrencyCode: "USD", FX: reloadly.FX{Rate: n("0")}}, ""},
		"no currency":                               {"5", false, op{}, ""},
	} {
		got := reloadlyPredict(decimal.RequireFromString(test.amount), test.local, test.op)
		text := ""
		if !got.IsZero() {
			text = got.Amount.String()
		}
		if text != test.want || text != "" && got.Currency != string(test.op.SenderCurrencyCode) {
			t.Errorf("%s: %q %s, want %q", name, text, got.Currency, test.want)
		}
	}
}
