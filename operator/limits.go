package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Limits are amounts by currency above which two people are needed; the entry "*" is for the currencies not named.
// No entry for a currency means that one person may do it.
type Limits map[string]decimal.Decimal

// ParseLimits reads "1000 ZAR, 50 USD" or, for every currency, "1000". Empty text is no limit.
func ParseLimits(text string) (Limits, error) {
	out := Limits{}
	for _, part := range strings.Split(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		amount, err := topup.ParseAmount(words[0])
		currency := "*"
		if len(words) == 2 {
			currency = strings.ToUpper(words[1])
		}
		if err != nil || len(words) > 2 || (currency != "*" && len(currency) != 3) {
			return nil, fmt.Errorf("%q is no limit: write an amount and a currency, such as 1000 ZAR", strings.TrimSpace(part))
		}
		if _, twice := out[currency]; twice {
			return nil, fmt.Errorf("%s has two limits: keep one", currency)
		}
		out[currency] = amount
	}
	return out, nil
}

// Exceeded reports whether m is above its limit.
func (l Limits) Exceeded(m topup.Money) bool {
	limit, ok := l[m.Currency]
	if !ok {
		limit, ok = l["*"]
	}
	return ok && m.Amount.GreaterThan(limit)
}

// String lists the limits, "none" without any.
func (l Limits) String() string {
	if len(l) == 0 {
		return "none"
	}
	var out []string
	for _, c := range slices.Sorted(maps.Keys(l)) {
		name := c
		if c == "*" {
			name = "of any other currency"
		}
		out = append(out, l[c].String()+" "+name)
	}
	return strings.Join(out, ", ")
}
