package aat

import (
	"context"
	"net/url"
	"strconv"

	"github.com/shopspring/decimal"
)

// VoucherTypeInfo is a kind of product of one network, such as "Airtime Voucher". FixedAmount means that its
// vouchers are bought with the FixedAmount calls, which send no amount.
type VoucherTypeInfo struct {
	ID          int    `json:"Id"`
	NetworkID   int    `json:"NetworkId"`
	Name        string `json:"Name,omitempty"`
	FixedAmount bool   `json:"FixedAmount"`
}

// VoucherDetails is one product. Amounts are rand; equal ones mean a single price. PinnedVoucher says whether it is
// bought with the Pinned calls.
type VoucherDetails struct {
	ID            int             `json:"Id"`
	Name          string          `json:"Name,omitempty"`
	Description   string          `json:"Description,omitempty"`
	MaxAmount     decimal.Decimal `json:"MaxAmount"`
	MinAmount     decimal.Decimal `json:"MinAmount"`
	PinnedVoucher bool            `json:"PinnedVoucher"`
}

// GetVoucherType returns the voucher types of a network (guide, operation 3). A network without any is an
// *APIError of KindNoVoucherTypes.
func (c *Client) GetVoucherType(ctx context.Context, networkID int) ([]VoucherTypeInfo, error) {
	params := url.Values{"networkId": {strconv.Itoa(networkID)}}
	root, err := c.do(ctx, call{op: "GetVoucherType", root: "ArrayOfVoucherTypeInfo", params: params})
	if err != nil {
		return nil, err
	}
	types := []VoucherTypeInfo{}
	err = list(root, "VoucherTypeInfo", func(m *members) {
		types = append(types, VoucherTypeInfo{
			ID: m.integer("Id"), NetworkID: m.integer("NetworkId"), Name: m.text("Name"), FixedAmount: m.boolean("FixedAmount"),
		})
	})
	if err != nil {
		return nil, err
	}
	return types, nil
}

// GetVoucher returns the vouchers of a type of a network (guide, operation 4, headed "Getvouchers" there while its
// address says GetVoucher). An unknown network is an *APIError of KindNoNetwork, an unknown type of KindNoVoucher.
func (c *Client) GetVoucher(ctx context.Context, networkID, voucherType int) ([]VoucherDetails, error) {
	params := url.Values{"networkId": {strconv.Itoa(networkID)}, "vouchertype": {strconv.Itoa(voucherType)}}
	root, err := c.do(ctx, call{op: "GetVoucher", root: "ArrayOfVoucherDetails", params: params})
	if err != nil {
		return nil, err
	}
	vouchers := []VoucherDetails{}
	err = list(root, "VoucherDetails", func(m *members) {
		vouchers = append(vouchers, VoucherDetails{
			ID: m.integer("Id"), Name: m.text("Name"), Description: m.text("Description"),
			MaxAmount: m.amount("MaxAmount"), MinAmount: m.amount("MinAmount"), PinnedVoucher: m.boolean("PinnedVoucher"),
		})
	})
	if err != nil {
		return nil, err
	}
	return vouchers, nil
}
