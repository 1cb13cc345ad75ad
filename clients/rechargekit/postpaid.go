package rechargekit

import (
	"context"
	"net/http"
)

const pathPostpaid = "/recharge/postpaid"

// PostpaidRequest is the payment of a postpaid bill.
type PostpaidRequest struct {
	// MobileNo has 10 digits, without country code.
	MobileNo     string
	OperatorCode int64
	// Amount is in whole rupees.
	Amount int64
	// PartnerRequestID is ours and must never have been used before.
	PartnerRequestID string
	Circle           int64
	// RechargeType is DefaultRechargeType where empty.
	RechargeType string
	// UserVars come back in the answer.
	UserVars [3]string
}

// postpaidBody has the member types of the provider's example: here the number is text.
type postpaidBody struct {
	MobileNo         string `json:"mobile_no"`
	OperatorCode     int64  `json:"operator_code"`
	Amount           int64  `json:"amount"`
	PartnerRequestID string `json:"partner_request_id"`
	Circle           int64  `json:"circle"`
	RechargeType     string `json:"recharge_type"`
	UserVar1         string `json:"user_var1"`
	UserVar2         string `json:"user_var2"`
	UserVar3         string `json:"user_var3"`
}

// Postpaid pays towards a postpaid bill. It moves money; see Prepaid for what that asks of the caller.
//
// Body and answer: https://apidocs.rechargkit.biz/postpaidPost.html. The path is second hand.
func (c *Client) Postpaid(ctx context.Context, r PostpaidRequest) (Order, error) {
	return c.order(ctx, call{method: http.MethodPost, path: pathPostpaid, body: postpaidBody{
		MobileNo: r.MobileNo, OperatorCode: r.OperatorCode, Amount: r.Amount,
		PartnerRequestID: r.PartnerRequestID, Circle: r.Circle,
		RechargeType: orDefault(r.RechargeType, DefaultRechargeType),
		UserVar1:     r.UserVars[0], UserVar2: r.UserVars[1], UserVar3: r.UserVars[2],
	}})
}
