package reloadlysim

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

const accountCurrency = "USD"

// operator is one entry of the catalogue with its arithmetic.
type operator struct {
	id       int64
	iso      string
	country  string
	name     string
	currency string
	symbol   string
	prefixes []string

	local, data, bundle, pin, email, plans, inactive bool

	rate     decimal.Decimal
	discount decimal.Decimal
	feeFlat  decimal.Decimal
	feePart  decimal.Decimal // percent
	// fixed and localFixed belong together; empty for RANGE, which has the bounds.
	fixed, localFixed                  []decimal.Decimal
	least, most, localLeast, localMost decimal.Decimal
}

func newOperator(row operatorRow, c country) *operator {
	has := func(kind string) bool { return slices.Contains(strings.Fields(row.kinds), kind) }
	op := &operator{
		id: row.id, iso: row.iso, country: c.name, name: row.name, currency: c.currency, symbol: c.symbol,
		prefixes: strings.Fields(row.prefixes), local: has(kindLocal), data: has(kindData), bundle: has(kindBundle),
		pin: has(kindPIN), email: has(kindEmail), plans: has(kindPlans), inactive: has(kindOff),
		rate: decimal.RequireFromString(c.rate), discount: decimal.RequireFromString(row.discount),
	}
	if has(kindFees) {
		op.feeFlat, op.feePart = decimal.RequireFromString("0.25"), decimal.NewFromInt(1)
	}
	if least, most, isRange := strings.Cut(row.amounts, "-"); isRange {
		op.least, op.most = decimal.RequireFromString(least), decimal.RequireFromString(most)
		op.localLeast, op.localMost = op.toLocal(op.least), op.toLocal(op.most)
		return op
	}
	for _, text := range strings.Split(row.amounts, ",") {
		amount := decimal.RequireFromString(text)
		op.fixed = append(op.fixed, amount)
		op.localFixed = append(op.localFixed, op.toLocal(amount))
	}
	return op
}

func (op *operator) toLocal(usd decimal.Decimal) decimal.Decimal { return usd.Mul(op.rate).Round(2) }

// refuses says why an amount cannot be ordered, "" if it can.
func (op *operator) refuses(amount decimal.Decimal, local bool) (code, message string) {
	list, least, most, wrong := op.fixed, op.least, op.most, "INVALID_AMOUNT_FOR_OPERATOR"
	if local {
		if !op.local {
			return "LOCAL_AMOUNTS_NOT_SUPPORTED_BY_OPERATOR", "Local amounts are not supported by operator"
		}
		list, least, most, wrong = op.localFixed, op.localLeast, op.localMost, "INVALID_LOCAL_AMOUNT_FOR_OPERATOR"
	}
	if len(list) > 0 {
		if !slices.ContainsFunc(list, amount.Equal) {
			return wrong, "Amount is not one of the operator's denominations"
		}
		return "", ""
	}
	if amount.LessThan(least) || amount.GreaterThan(most) {
		return wrong, "Amount must be between " + least.String() + " and " + most.String()
	}
	return "", ""
}

// price is what an order costs and brings.
type price struct {
	cost, discount, fee, delivered decimal.Decimal
}

var hundred = decimal.NewFromInt(100)

// price: with S the amount in USD, cost = S × (1 − discount% + fee%) + flat fee, rounded to 5 places; the discount is
// not given where there is a percentage fee, nor for orders in local currency (measured on the sandbox).
func (op *operator) price(amount decimal.Decimal, local bool) price {
	usd, discount, flat := amount, op.discount, op.feeFlat
	delivered := amount
	if local {
		usd, discount, flat = amount.Div(op.rate), decimal.Zero, op.feeFlat.Div(op.rate)
	} else {
		delivered = amount.Mul(op.rate)
	}
	if !op.feePart.IsZero() {
		discount = decimal.Zero
	}
	p := price{
		discount: usd.Mul(discount).Div(hundred), fee: usd.Mul(op.feePart).Div(hundred).Add(flat), delivered: delivered,
	}
	p.cost = usd.Sub(p.discount).Add(p.fee).Round(5)
	return p
}
