package rechargekit

import (
	"context"
	"encoding/json"
	"net/http"
)

const pathPostPaidBillFetch = "/recharge/postPaidBillFetch"

// Bill is what a postpaid number owes, in rupees.
type Bill struct {
	Amount Number
	Raw    json.RawMessage
}

// PostPaidBillFetch reads the open bill of a postpaid number (10 digits). Second hand.
func (c *Client) PostPaidBillFetch(ctx context.Context, mobileNo string, operatorCode int64) (Bill, error) {
	cl := call{method: http.MethodPost, path: pathPostPaidBillFetch, body: struct {
		MobileNo     string `json:"mobile_no"`
		OperatorCode int64  `json:"operator_code"`
	}{mobileNo, operatorCode}}
	m, err := c.do(ctx, c.read, cl)
	if err != nil {
		return Bill{}, err
	}
	b := Bill{Raw: m.raw}
	if err := m.number("billAmount", &b.Amount); err != nil {
		return Bill{}, &UnreadableError{Op: cl.method + " " + cl.path, Err: err}
	}
	return b, nil
}
