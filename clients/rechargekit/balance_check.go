package rechargekit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

const pathBalanceCheck = "/recharge/balanceCheck"

// Balance is what our wallets hold, in rupees. Which of the last two exists depends on the account.
type Balance struct {
	Wallet       Number
	DMRWallet    Number
	PayoutWallet Number
	Raw          json.RawMessage
}

// BalanceCheck reads our wallet. Second hand.
func (c *Client) BalanceCheck(ctx context.Context) (Balance, error) {
	m, err := c.do(ctx, c.read, call{method: http.MethodGet, path: pathBalanceCheck})
	if err != nil {
		return Balance{}, err
	}
	b := Balance{Raw: m.raw}
	err = errors.Join(
		m.number("wallet_amount", &b.Wallet),
		m.number("dmr_wallet_amount", &b.DMRWallet),
		m.number("payout_wallet_amount", &b.PayoutWallet),
	)
	if err == nil && !b.Wallet.Told() {
		err = errors.New("no wallet_amount")
	}
	if err != nil {
		return Balance{}, &UnreadableError{Op: "GET " + pathBalanceCheck, Err: err}
	}
	return b, nil
}
