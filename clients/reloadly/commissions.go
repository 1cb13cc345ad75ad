package reloadly

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// Commission is the discount on one operator's orders, in percent.
type Commission struct {
	Operator                CommissionOperator `json:"operator"`
	Percentage              Number             `json:"percentage"`
	InternationalPercentage Number             `json:"internationalPercentage"`
	LocalPercentage         Number             `json:"localPercentage"`
	UpdatedAt               Text               `json:"updatedAt"`
}

// CommissionOperator names the operator of a commission. Status says whether it is active.
type CommissionOperator struct {
	ID          Int  `json:"id"`
	OperatorID  Int  `json:"operatorId"`
	Name        Text `json:"name"`
	CountryCode Text `json:"countryCode"`
	Data        Flag `json:"data"`
	Bundle      Flag `json:"bundle"`
	Status      Flag `json:"status"`
}

func commissionsCall(q url.Values) call {
	return get("/operators/commissions", "/operators/commissions", q)
}

func commissionCall(id int64) call {
	return get("/operators/{operatorId}/commissions", "/operators/"+strconv.FormatInt(id, 10)+"/commissions", nil)
}

// Commissions is getAllCommissions, page by page. An error ends the iteration.
// https://docs.reloadly.com/airtime (GET /operators/commissions)
func (c *Client) Commissions(ctx context.Context) iter.Seq2[Commission, error] {
	id := func(m Commission) int64 { return int64(max(m.Operator.OperatorID, m.Operator.ID)) }
	return pages(catalogueSize, id, func(page, size int) (Page[Commission], error) {
		return c.CommissionsPage(ctx, page, size)
	})
}

// CommissionsPage is one page of getAllCommissions; page counts from 1.
func (c *Client) CommissionsPage(ctx context.Context, page, size int) (Page[Commission], error) {
	return decoded(ctx, c, commissionsCall(paging(nil, page, size)), decodePage[Commission])
}

// Commission is getCommissionById. An unknown operator is an *Error 404 without code.
// https://docs.reloadly.com/airtime (GET /operators/{operatorId}/commissions)
func (c *Client) Commission(ctx context.Context, operatorID int64) (Commission, error) {
	return one[Commission](ctx, c, commissionCall(operatorID))
}
