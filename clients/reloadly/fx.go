package reloadly

import (
	"context"
	"encoding/json"

	"github.com/shopspring/decimal"
)

// FXRate is what an amount becomes at one operator.
type FXRate struct {
	ID   Int  `json:"id"`
	Name Text `json:"name"`
	// FXRate is the converted total of the amount asked for, not the unit rate, whatever its name says.
	FXRate       Number `json:"fxRate"`
	CurrencyCode Text   `json:"currencyCode"`
}

func fxCall(operatorID int64, amount decimal.Decimal) call {
	return post("/operators/fx-rate", struct {
		OperatorID int64       `json:"operatorId"`
		Amount     json.Number `json:"amount"`
	}{operatorID, json.Number(amount.String())})
}

// FXRate is getFxRate; amount is above 0 and in the account's currency. Without a rate it is an *Error 500
// FX_RATE_NOT_AVAILABLE, which is a business answer despite its status.
// https://docs.reloadly.com/airtime (POST /operators/fx-rate)
func (c *Client) FXRate(ctx context.Context, operatorID int64, amount decimal.Decimal) (FXRate, error) {
	if amount.Sign() <= 0 {
		return FXRate{}, &RequestError{Field: "amount", Problem: "must be above 0"}
	}
	return one[FXRate](ctx, c, fxCall(operatorID, amount))
}
