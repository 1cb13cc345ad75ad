package rechargekit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

const pathPrepaid = "/recharge/prepaid"

// DefaultRechargeType is the documented default of recharge_type.
const DefaultRechargeType = "1"

// PrepaidRequest is a prepaid recharge.
type PrepaidRequest struct {
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
	// Dest is "online", "offline" or empty.
	Dest string
	// UserVars come back in the answer.
	UserVars [3]string
}

// prepaidBody has the member types of the provider's example: the number as a number, the type as text.
type prepaidBody struct {
	MobileNo         json.Number `json:"mobile_no"`
	OperatorCode     int64       `json:"operator_code"`
	Amount           int64       `json:"amount"`
	PartnerRequestID string      `json:"partner_request_id"`
	Circle           int64       `json:"circle"`
	RechargeType     string      `json:"recharge_type"`
	Dest             string      `json:"dest,omitempty"`
	UserVar1         string      `json:"user_var1"`
	UserVar2         string      `json:"user_var2"`
	UserVar3         string      `json:"user_var3"`
}

// Prepaid recharges a prepaid number. It moves money: call it once for each PartnerRequestID, and after any error
// for which Reached is true find out with StatusCheck. Refusals are *Error.
//
// Body and answer: https://apidocs.rechargkit.biz/prepaidGet.html. The path is second hand.
func (c *Client) Prepaid(ctx context.Context, r PrepaidRequest) (Order, error) {
	rechargeType := orDefault(r.RechargeType, DefaultRechargeType)
	if c.method == http.MethodGet {
		return c.order(ctx, call{method: http.MethodGet, path: pathPrepaid, query: prepaidQuery(r, rechargeType)})
	}
	return c.order(ctx, call{method: http.MethodPost, path: pathPrepaid, body: prepaidBody{
		MobileNo: json.Number(r.MobileNo), OperatorCode: r.OperatorCode, Amount: r.Amount,
		PartnerRequestID: r.PartnerRequestID, Circle: r.Circle, RechargeType: rechargeType, Dest: r.Dest,
		UserVar1: r.UserVars[0], UserVar2: r.UserVars[1], UserVar3: r.UserVars[2],
	}})
}

func prepaidQuery(r PrepaidRequest, rechargeType string) url.Values {
	q := url.Values{
		"mobile_no":          {r.MobileNo},
		"operator_code":      {strconv.FormatInt(r.OperatorCode, 10)},
		"amount":             {strconv.FormatInt(r.Amount, 10)},
		"partner_request_id": {r.PartnerRequestID},
		"circle":             {strconv.FormatInt(r.Circle, 10)},
		"recharge_type":      {rechargeType},
		"user_var1":          {r.UserVars[0]},
		"user_var2":          {r.UserVars[1]},
		"user_var3":          {r.UserVars[2]},
	}
	if r.Dest != "" {
		q.Set("dest", r.Dest)
	}
	return q
}
