package reloadly

import (
	"context"
	"net/url"
)

// Balance is the float of the account, shared by all Reloadly products.
type Balance struct {
	Balance      Number `json:"balance"`
	CurrencyCode Text   `json:"currencyCode"`
	CurrencyName Text   `json:"currencyName"`
	// UpdatedAt is not reliable: it was seen to lie before the last order.
	UpdatedAt              Text   `json:"updatedAt"`
	FrozenBalance          Number `json:"frozenBalance"`
	LowBalanceThreshold    Number `json:"lowBalanceThreshold"`
	MaxLowBalanceThreshold Number `json:"maxLowBalanceThreshold"`
}

func balanceCall() call { return get("/accounts/balance", "/accounts/balance", nil) }

// AccountBalance is getAccountBalance.
// https://docs.reloadly.com/airtime (GET /accounts/balance)
func (c *Client) AccountBalance(ctx context.Context) (Balance, error) {
	b, err := one[Balance](ctx, c, balanceCall())
	if err == nil && (!b.Balance.Known || b.CurrencyCode == "") {
		err = &AnswerError{Op: balanceCall().op, Err: errIncomplete}
	}
	return b, err
}

// one sends k and decodes an object.
func one[T any](ctx context.Context, c *Client, k call) (T, error) {
	return decoded(ctx, c, k, decodeOne[T])
}

// many sends k and decodes a list.
func many[T any](ctx context.Context, c *Client, k call) ([]T, error) {
	return decoded(ctx, c, k, decodeMany[T])
}

func decoded[T any](ctx context.Context, c *Client, k call, decode func([]byte) (T, error)) (T, error) {
	var zero T
	body, err := c.do(ctx, k)
	if err != nil {
		return zero, err
	}
	v, err := decode(body)
	if err != nil {
		return zero, &AnswerError{Op: k.op, Err: err}
	}
	return v, nil
}

// with copies q with one more parameter; an empty value adds nothing.
func with(q url.Values, name, value string) url.Values {
	if value == "" {
		return q
	}
	if q == nil {
		q = url.Values{}
	}
	q.Set(name, value)
	return q
}
