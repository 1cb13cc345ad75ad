package rechargekit

import (
	"context"
	"encoding/json"
	"net/http"
)

const pathStatusCheck = "/recharge/statusCheck"

// Status is the answer to StatusCheck: the order, and the answer as received.
type Status struct {
	Order
	Raw json.RawMessage
}

// StatusCheck asks what became of the order with our id. It moves no money. What RechargeKit answers for an id it
// does not know is not documented; an *Error is therefore no proof that there is no such order. It returns
// ErrStatusCheckOff where the call is switched off.
//
// Second hand. By POST: one integrator reports HTTP 401 "access denied." for GET, another one uses GET.
func (c *Client) StatusCheck(ctx context.Context, partnerRequestID string) (Status, error) {
	if c.noStatusCheck {
		return Status{}, ErrStatusCheckOff
	}
	cl := call{method: http.MethodPost, path: pathStatusCheck, body: struct {
		PartnerRequestID string `json:"partner_request_id"`
	}{partnerRequestID}}
	m, err := c.do(ctx, c.read, cl)
	if err != nil {
		return Status{}, err
	}
	o, err := readOrder(m, cl)
	return Status{Order: o, Raw: m.raw}, err
}
