package aat

import (
	"context"
	"net/url"
	"time"

	"github.com/shopspring/decimal"
)

// StatusOK is the only Status of GetTransactionInfo that has been seen. It means done; what others mean is not
// documented.
const StatusOK = "OK"

// TransactionVoucherInfo is what the service knows of one transaction. Numbers are text without stray spaces.
type TransactionVoucherInfo struct {
	MSISDN string `json:"MSISDN,omitempty"`
	// Amount is rand.
	Amount       decimal.Decimal `json:"Amount"`
	VoucherType  string          `json:"VoucherType,omitempty"`
	VoucherPIN   Secret          `json:"VoucherPin,omitempty"`
	TicketNumber string          `json:"TicketNumber,omitempty"`
	OrderRef     string          `json:"OrderRef,omitempty"`
	BoxNumber    string          `json:"BoxNumber,omitempty"`
	BatchNumber  string          `json:"BatchNumber,omitempty"`
	// ExpiryDate is as received; Expires reads it.
	ExpiryDate string `json:"ExpiryDate,omitempty"`
	Status     string `json:"Status,omitempty"`
}

// Expires is the voucher's expiry in South African time, false where there is none or it cannot be read.
func (t TransactionVoucherInfo) Expires() (time.Time, bool) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05", t.ExpiryDate, time.FixedZone("SAST", 2*60*60))
	return at, err == nil && at.Year() > 1
}

// TotalTransaction is how many transactions the service counts from Start to End, both as received.
type TotalTransaction struct {
	Start        string `json:"Start,omitempty"`
	End          string `json:"End,omitempty"`
	Transactions int    `json:"Transactions"`
}

// GetTransactionInfo asks what became of clientRef (guide, operation 12;
// https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx?op=GetTransactionInfo). An *APIError of KindNoTransaction
// means that the service has no record of it now; it may still be at work. The guide speaks of the "last
// transaction" here, so callers must compare number and amount with their own before they believe the rest.
func (c *Client) GetTransactionInfo(ctx context.Context, clientRef string) (TransactionVoucherInfo, error) {
	params := url.Values{"clientRef": {clientRef}}
	root, err := c.do(ctx, call{op: "GetTransactionInfo", root: "TransactionVoucherInfo", params: params})
	if err != nil {
		return TransactionVoucherInfo{}, err
	}
	var t TransactionVoucherInfo
	err = object(root, root, func(m *members) {
		t = TransactionVoucherInfo{
			MSISDN: m.text("MSISDN"), Amount: m.amount("Amount"), VoucherType: m.text("VoucherType"),
			VoucherPIN: Secret(m.text("VoucherPin")), TicketNumber: m.text("TicketNumber"), OrderRef: m.text("OrderRef"),
			BoxNumber: m.text("BoxNumber"), BatchNumber: m.text("BatchNumber"),
			ExpiryDate: m.text("ExpiryDate"), Status: m.value("Status"),
		}
	})
	if err != nil {
		return TransactionVoucherInfo{}, err
	}
	return t, nil
}

// GetTransactionCount counts the transactions from start to end, both days in South Africa (guide, operation 13).
// The guide documents no error for it.
func (c *Client) GetTransactionCount(ctx context.Context, start, end time.Time) (TotalTransaction, error) {
	params := url.Values{"startdate": {start.Format(time.DateOnly)}, "enddate": {end.Format(time.DateOnly)}}
	root, err := c.do(ctx, call{op: "GetTransactionCount", root: "TotalTransaction", params: params})
	if err != nil {
		return TotalTransaction{}, err
	}
	var t TotalTransaction
	err = object(root, root, func(m *members) {
		t = TotalTransaction{Start: m.text("Start"), End: m.text("End"), Transactions: m.integer("Transactions")}
	})
	if err != nil {
		return TotalTransaction{}, err
	}
	return t, nil
}
