package reloadlysim

import (
	"encoding/json"
	"strconv"

	"github.com/shopspring/decimal"
)

// json is an operator as the catalogue shows it; the suggestions only on request.
func (op *operator) json(c *call) fields {
	f := fields{
		"id": op.id, "operatorId": op.id, "name": op.name, "bundle": op.bundle, "data": op.data, "comboProduct": false,
		"pin": op.pin, "supportsLocalAmounts": op.local, "supportsGeographicalRechargePlans": op.plans,
		"senderCurrencyCode": accountCurrency, "senderCurrencySymbol": "$",
		"destinationCurrencyCode": op.currency, "destinationCurrencySymbol": op.symbol,
		"commission": number(op.discount), "internationalDiscount": number(op.discount), "localDiscount": 0,
		"mostPopularAmount": nil, "mostPopularLocalAmount": nil,
		"country":          fields{"isoName": op.iso, "name": op.country},
		"fx":               fields{"rate": number(op.rate), "currencyCode": op.currency},
		"logoUrls":         []string{"https://s3.amazonaws.com/rld-operator/" + strconv.FormatInt(op.id, 10) + "-size-1.png"},
		"suggestedAmounts": []any{}, "suggestedAmountsMap": fields{}, "promotions": []any{}, "status": "ACTIVE",
		"fees": fields{"international": number(op.feeFlat), "internationalPercentage": number(op.feePart),
			"local": number(op.feeFlat), "localPercentage": number(op.feePart)},
		"geographicalRechargePlans": op.planList(),
	}
	if op.inactive {
		f["status"] = "INACTIVE"
	}
	op.addAmounts(f)
	if c.query.Get("suggestedAmounts") == "true" {
		f["suggestedAmounts"] = numbers(op.suggestions())
	}
	if c.query.Get("suggestedAmountsMap") == "true" {
		f["suggestedAmountsMap"] = op.suggestionMap()
	}
	return f
}

func (op *operator) addAmounts(f fields) {
	for _, name := range []string{"minAmount", "maxAmount", "localMinAmount", "localMaxAmount"} {
		f[name] = nil
	}
	f["fixedAmounts"], f["localFixedAmounts"] = []any{}, []any{}
	f["fixedAmountsDescriptions"], f["localFixedAmountsDescriptions"] = fields{}, fields{}
	if len(op.fixed) == 0 {
		f["denominationType"] = "RANGE"
		f["minAmount"], f["maxAmount"] = number(op.least), number(op.most)
		if op.local {
			f["localMinAmount"], f["localMaxAmount"] = number(op.localLeast), number(op.localMost)
		}
		return
	}
	f["denominationType"] = "FIXED"
	f["fixedAmounts"] = numbers(op.fixed)
	if op.local {
		f["localFixedAmounts"] = numbers(op.localFixed)
	}
	if op.data || op.bundle {
		f["fixedAmountsDescriptions"] = describe(op.fixed)
	}
}

func (op *operator) planList() []any {
	if !op.plans {
		return []any{}
	}
	return []any{fields{
		"locationCode": "MUM", "locationName": "Mumbai", "fixedAmounts": numbers(op.fixed), "localAmounts": numbers(op.localFixed),
		"fixedAmountsPlanNames": describe(op.fixed), "fixedAmountsDescriptions": describe(op.fixed),
		"localFixedAmountsPlanNames": describe(op.localFixed), "localFixedAmountsDescriptions": describe(op.localFixed),
	}}
}

// describe maps each amount, written with two decimals, to a text.
func describe(list []decimal.Decimal) fields {
	f := fields{}
	for _, d := range list {
		f[d.StringFixed(2)] = "Plan " + d.StringFixed(2)
	}
	return f
}

func (op *operator) suggestions() []decimal.Decimal {
	if len(op.fixed) > 0 {
		return op.fixed
	}
	return []decimal.Decimal{op.least, op.least.Add(op.most).Div(decimal.NewFromInt(2)).Round(2), op.most}
}

func (op *operator) suggestionMap() fields {
	f := fields{}
	for _, d := range op.suggestions() {
		f[d.String()] = number(op.toLocal(d))
	}
	return f
}

func numbers(list []decimal.Decimal) []json.Number {
	out := make([]json.Number, len(list))
	for i, d := range list {
		out[i] = number(d)
	}
	return out
}

// promotion has the ID of its operator with a 9 before it.
func (op *operator) promotion() fields {
	id := json.Number("9" + strconv.FormatInt(op.id, 10))
	return fields{
		"id": id, "promotionId": id, "operatorId": op.id, "title": op.name + " double credit", "title2": "Get twice as much",
		"description": "<p>For top ups of $10 or more</p>", "startDate": "2026-01-01T06:00:00Z", "endDate": "2026-12-31T05:59:00Z",
		"denominations": "USD 10 and up", "localDenominations": nil,
	}
}
