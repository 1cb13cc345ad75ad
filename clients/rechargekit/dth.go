package rechargekit

import (
	"context"
	"net/http"
)

const pathDTH = "/recharge/dth"

// DTHRequest is the recharge of a satellite-television account.
type DTHRequest struct {
	// CustomerID is the subscriber's number as the operator prints it.
	CustomerID   string `json:"customer_id"`
	OperatorCode int64  `json:"operator_code"`
	// Amount is in whole rupees.
	Amount int64 `json:"amount"`
	// PartnerRequestID is ours and must never have been used before.
	PartnerRequestID string `json:"partner_request_id"`
}

// DTH recharges a satellite-television account. It moves money; see Prepaid for what that asks of the caller.
// The whole call is second hand.
func (c *Client) DTH(ctx context.Context, r DTHRequest) (Order, error) {
	return c.order(ctx, call{method: http.MethodPost, path: pathDTH, body: r})
}
