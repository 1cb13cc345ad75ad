package clients

import (
	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
	"topupq/topup"
)

const (
	// reloadlyCostPlaces is how many decimal places Reloadly debits.
	reloadlyCostPlaces = 5
	// reloadlyRatePlaces is how far amounts are divided by an exchange rate before the sum is rounded.
	reloadlyRatePlaces = 16
)

var hundred = decimal.NewFromInt(100)

// reloadlyPredict is what an order should cost in the account's currency, by the operator's published discount, fees and
// rate:
//
//	S × (1 − discount % + fee %) + flat fee, rounded half up to 5 places
//
// where S is the amount, or the local amount through the rate. An order in the account's currency has the international
// discount and fees, one in the local currency the local ones, its flat fee through the rate too. Where there is a fee in
// per cent the discount is not given. Measured by others on the sandbox, not promised by a document: balanceInfo.cost is the
// truth. Zero where the operator tells no rate or no currency.
func reloadlyPredict(amount decimal.Decimal, local bool, op reloadly.Operator) topup.Money {
	price := reloadlyPrice{discount: op.InternationalDiscount, fee: op.Fees.InternationalPercentage, flat: op.Fees.International.Decimal}
	if !price.discount.Known {
		price.discount = op.Commission // the older name of the same figure
	}
	if local {
		rate := op.FX.Rate
		if !rate.Known || rate.Sign() <= 0 {
			return topup.Money{}
		}
		amount = amount.DivRound(rate.Decimal, reloadlyRatePlaces)
		price = reloadlyPrice{discount: op.LocalDiscount, fee: op.Fees.LocalPercentage, flat: op.Fees.Local.DivRound(rate.Decimal, reloadlyRatePlaces)}
	}
	if op.SenderCurrencyCode == "" {
		return topup.Money{}
	}
	return topup.Money{Amount: price.of(amount).Round(reloadlyCostPlaces), Currency: string(op.SenderCurrencyCode)}
}

// reloadlyPrice is what is taken off an amount and put on it, percentages and a flat sum in the account's currency.
type reloadlyPrice struct {
	discount, fee reloadly.Number
	flat          decimal.Decimal
}

func (p reloadlyPrice) of(amount decimal.Decimal) decimal.Decimal {
	percent := hundred.Sub(p.discount.Decimal)
	if p.fee.Sign() != 0 {
		percent = hundred.Add(p.fee.Decimal)
	}
	return amount.Mul(percent).Div(hundred).Add(p.flat)
}
