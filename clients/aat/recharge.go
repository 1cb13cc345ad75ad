package aat

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/shopspring/decimal"
)

// RechargeRequest is what the six Perform calls take. Each call's comment says which fields it sends; the others
// are not looked at.
type RechargeRequest struct {
	// RecipientMSISDN is 27 and nine digits, without "+".
	RecipientMSISDN string
	// VoucherID is VoucherDetails.ID.
	VoucherID int
	// Amount is rand, sent with two decimal places.
	Amount decimal.Decimal
	// ClientRef is our reference. Its length and characters are not documented; up to 20 letters and digits are safe.
	ClientRef string
}

// RechargeInfo is the answer to a Perform call that was carried out. Numbers are text, without the spaces that the
// service adds; which of them are filled depends on the product.
type RechargeInfo struct {
	VoucherPIN   Secret `json:"VoucherPin,omitempty"`
	OrderRef     string `json:"OrderRef,omitempty"`
	TicketNumber string `json:"TicketNumber,omitempty"`
	BoxNumber    string `json:"BoxNumber,omitempty"`
	BatchNumber  string `json:"BatchNumber,omitempty"`
}

// PerformPinlessRecharge tops up RecipientMSISDN with Amount of VoucherID (guide, operation 5;
// https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx?op=PerformPinlessRecharge).
//
// It and the five calls below pay. They fail with an *APIError when the service says TransactionError, which for
// KindOther is no proof that nothing was charged; with an *httpcall.Error (see Reached), a *StatusError or an
// *UndecodableError, after which nothing is known. An answer without any number counts as undecodable: it is what
// an empty RechargeInfo looks like.
func (c *Client) PerformPinlessRecharge(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinlessRecharge", r, sendMSISDN|sendAmount)
}

// PerformPinnedRecharge buys a PIN of VoucherID worth Amount for RecipientMSISDN (guide, operation 6).
func (c *Client) PerformPinnedRecharge(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinnedRecharge", r, sendMSISDN|sendAmount)
}

// PerformPinnedRechargeWithoutMsisdn buys a PIN of VoucherID worth Amount for nobody in particular (guide,
// operation 7). RecipientMSISDN is not sent.
func (c *Client) PerformPinnedRechargeWithoutMsisdn(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinnedRechargeWithoutMsisdn", r, sendAmount)
}

// PerformPinlessRechargeFixedAmount tops up RecipientMSISDN with VoucherID at its own price (guide, operation 8).
// Amount is not sent: the caller must know the price.
func (c *Client) PerformPinlessRechargeFixedAmount(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinlessRechargeFixedAmount", r, sendMSISDN)
}

// PerformPinnedRechargeFixedAmount buys a PIN of VoucherID at its own price for RecipientMSISDN (guide,
// operation 9). Amount is not sent.
func (c *Client) PerformPinnedRechargeFixedAmount(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinnedRechargeFixedAmount", r, sendMSISDN)
}

// PerformPinnedRechargeWithoutMsisdnFixedAmount buys a PIN of VoucherID at its own price (guide, operation 10).
// Neither RecipientMSISDN nor Amount is sent.
func (c *Client) PerformPinnedRechargeWithoutMsisdnFixedAmount(ctx context.Context, r RechargeRequest) (RechargeInfo, error) {
	return c.perform(ctx, "PerformPinnedRechargeWithoutMsisdnFixedAmount", r, 0)
}

// sends says which of the optional parameters a Perform call has.
type sends uint8

const (
	sendMSISDN sends = 1 << iota
	sendAmount
)

func (c *Client) perform(ctx context.Context, op string, r RechargeRequest, s sends) (RechargeInfo, error) {
	params := url.Values{"voucherId": {strconv.Itoa(r.VoucherID)}, "clientRef": {r.ClientRef}}
	if s&sendMSISDN != 0 {
		params.Set("recipientMsisdn", r.RecipientMSISDN)
	}
	if s&sendAmount != 0 {
		params.Set("amount", amountText(r.Amount))
	}
	root, err := c.do(ctx, call{op: op, root: "RechargeInfo", params: params, pays: true})
	if err != nil {
		return RechargeInfo{}, err
	}
	info, err := decodeRecharge(root)
	if err != nil {
		return RechargeInfo{}, err
	}
	return info, nil
}

// Causes of an *UndecodableError after a Perform call.
var (
	errNoNumbers      = errors.New("success without any order, ticket or PIN number")
	errErrorOfSuccess = errors.New("success and an error text at once")
	errNoErrorText    = errors.New("an error without a text")
)

// decodeRecharge reads a RechargeInfo. Only an answer that is whole and says one thing is a success or a refusal.
func decodeRecharge(root node) (RechargeInfo, error) {
	m := members{node: root}
	info := RechargeInfo{
		VoucherPIN: Secret(m.text("VoucherPin")), OrderRef: m.text("OrderRef"), TicketNumber: m.text("TicketNumber"),
		BoxNumber: m.text("BoxNumber"), BatchNumber: m.text("BatchNumber"),
	}
	failed, text := m.boolean("TransactionError"), m.text("Error")
	err := m.err
	switch {
	case err != nil:
	case failed && text != "":
		return RechargeInfo{}, root.apiError(text)
	case failed:
		err = errNoErrorText
	case text != "":
		err = errErrorOfSuccess
	case info == RechargeInfo{}:
		err = errNoNumbers
	}
	if err != nil {
		return RechargeInfo{}, &UndecodableError{Op: root.op, Err: err}
	}
	return info, nil
}
