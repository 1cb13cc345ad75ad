package rechargekit

import (
	"context"
	"errors"
	"strings"
)

// The values of Order.Status, as on the provider's pages. Any other is not documented.
const (
	StatusSuccess = 1
	StatusPending = 2
	StatusFailed  = 3
)

// Order is the answer to a recharge and to statusCheck. Members that were missing are empty.
type Order struct {
	// Error is 0 or untold; every other value is an *Error.
	Error  Number
	Status Number
	Msg    string
	// OrderID is RechargeKit's (a UUID), OpTransID the mobile operator's, PartnerReqID ours (partnerreqid, or
	// partner_request_id). The last is missing in the postpaid example.
	OrderID      string
	OpTransID    string
	PartnerReqID string
	// Amount is in rupees; only statusCheck is known to tell it (second hand).
	Amount Number
	// MobileNo is not documented in any answer; it is read, and can be compared, where it comes.
	MobileNo string
	// Commission is what we earn, in rupees.
	Commission Number
	UserVars   [3]string
}

// newOrder reads the members of an order. Members that decide (error, status, the ids, amount, number) must be
// readable; the others may be anything, since a recharge must not become unknown over its commission.
func newOrder(m members) (Order, error) {
	var o Order
	err := errors.Join(
		m.number("error", &o.Error), m.number("status", &o.Status), m.number("amount", &o.Amount),
		m.text("orderid", &o.OrderID), m.text("optransid", &o.OpTransID), m.text("mobile_no", &o.MobileNo),
		m.text("partner_request_id", &o.PartnerReqID),
	)
	if _, documented := m.values["partnerreqid"]; documented && err == nil {
		err = m.text("partnerreqid", &o.PartnerReqID)
	}
	if err != nil {
		return Order{}, err
	}
	o.Msg = m.looseText("msg")
	o.Commission, _ = ParseNumber(m.looseText("commission"))
	for i, name := range [...]string{"user_var1", "user_var2", "user_var3"} {
		o.UserVars[i] = m.looseText(name)
	}
	return o, nil
}

// order makes a paying call and reads its answer.
func (c *Client) order(ctx context.Context, cl call) (Order, error) {
	m, err := c.do(ctx, c.pay, cl)
	if err != nil {
		return Order{}, err
	}
	return readOrder(m, cl)
}

func readOrder(m members, cl call) (Order, error) {
	o, err := newOrder(m)
	if err != nil {
		return Order{}, &UnreadableError{Op: cl.method + " " + cl.path, Err: err}
	}
	return o, nil
}

// orDefault is s, or d where s is empty.
func orDefault(s, d string) string {
	if strings.TrimSpace(s) == "" {
		return d
	}
	return s
}
