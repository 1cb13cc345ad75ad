package reloadly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

const (
	maxCustomIdentifier       = 150
	maxAmountPlaces     int32 = 5
)

// Phone is a number with its country. Number is safest as country code and national digits.
type Phone struct {
	CountryCode string `json:"countryCode"`
	Number      string `json:"number"`
}

// TopupRequest is one order.
type TopupRequest struct {
	OperatorID int64
	// Amount is in the account's currency, or in the destination's with UseLocalAmount; above 0, 5 places at most.
	Amount         decimal.Decimal
	UseLocalAmount bool
	// CustomIdentifier is our reference, 1 to 150 characters, unique for ever. Required here: without it the fate
	// of an order whose answer is lost cannot be found out.
	CustomIdentifier string
	// RecipientPhone, or RecipientEmail for Nauta Cuba.
	RecipientPhone *Phone
	RecipientEmail string
	// SenderPhone is optional and echoed back.
	SenderPhone *Phone
}

// MarshalJSON writes the amount as an exact JSON number.
func (r TopupRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		OperatorID       int64       `json:"operatorId"`
		Amount           json.Number `json:"amount"`
		UseLocalAmount   bool        `json:"useLocalAmount"`
		CustomIdentifier string      `json:"customIdentifier"`
		RecipientPhone   *Phone      `json:"recipientPhone,omitempty"`
		RecipientEmail   string      `json:"recipientEmail,omitempty"`
		SenderPhone      *Phone      `json:"senderPhone,omitempty"`
	}{r.OperatorID, json.Number(r.Amount.String()), r.UseLocalAmount, r.CustomIdentifier,
		r.RecipientPhone, r.RecipientEmail, r.SenderPhone})
}

// check applies the rules that need no catalogue.
func (r TopupRequest) check() error {
	n := utf8.RuneCountInString(r.CustomIdentifier)
	switch {
	case r.OperatorID <= 0:
		return &RequestError{Field: "operatorId", Problem: "must be above 0"}
	case r.Amount.Sign() <= 0:
		return &RequestError{Field: "amount", Problem: "must be above 0"}
	case !r.Amount.Equal(r.Amount.Truncate(maxAmountPlaces)):
		return &RequestError{Field: "amount", Problem: "has more than 5 decimal places"}
	case n < 1 || n > maxCustomIdentifier:
		return &RequestError{Field: "customIdentifier", Problem: "must have 1 to 150 characters"}
	case (r.RecipientPhone == nil) == (r.RecipientEmail == ""):
		return &RequestError{Field: "recipientPhone", Problem: "give either it or recipientEmail"}
	}
	return nil
}

// Topup is makeTopup: it pays, and waits for the operator. A 200 is no success by itself, the transaction's Status
// decides. It is sent once; see Reached for what an error proves.
// https://docs.reloadly.com/airtime (POST /topups)
func (c *Client) Topup(ctx context.Context, r TopupRequest) (Transaction, error) {
	if err := r.check(); err != nil {
		return Transaction{}, err
	}
	k := post("/topups", r)
	k.paying = true
	return decoded(ctx, c, k, DecodeTransaction)
}

// TopupAsync is makeAsyncTopup: it pays, and answers with the transaction's ID before the operator's verdict, which
// TopupStatus, the report or a call-back tells. Validation errors come at once.
// https://docs.reloadly.com/airtime (POST /topups-async)
func (c *Client) TopupAsync(ctx context.Context, r TopupRequest) (int64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	k := post("/topups-async", r)
	k.paying = true
	t, err := decoded(ctx, c, k, DecodeTransaction)
	return int64(t.TransactionID), err
}

// TopupStatus is what became of an order.
type TopupStatus struct {
	// Code and Message explain an end other than success, where told.
	Code    Text `json:"code"`
	Message Text `json:"message"`
	Status  Text `json:"status"`
	// Transaction is nil while processing, and was seen nil for a refund.
	Transaction *Transaction `json:"transaction"`
}

func statusCall(id int64) call {
	return get("/topups/{transactionId}/status", "/topups/"+strconv.FormatInt(id, 10)+"/status", nil)
}

// TopupStatus is getTopupStatus. An unknown ID is an *Error 404.
// https://docs.reloadly.com/airtime (GET /topups/{transactionId}/status; older documents show a bare transaction)
func (c *Client) TopupStatus(ctx context.Context, transactionID int64) (TopupStatus, error) {
	return decoded(ctx, c, statusCall(transactionID), decodeStatus)
}

// decodeStatus reads the envelope, or a bare transaction.
func decodeStatus(body []byte) (TopupStatus, error) {
	var s TopupStatus
	if err := decodeOnce(body, &s); err != nil {
		return TopupStatus{}, err
	}
	if s.Transaction == nil {
		var flat Transaction
		if err := decodeJSON(body, &flat); err != nil {
			return TopupStatus{}, err
		}
		if flat.TransactionID != 0 {
			s.Transaction = &flat
		}
	}
	if s.Status == "" {
		return TopupStatus{}, errIncomplete
	}
	return s, nil
}

// DecodeTransaction reads an answer of makeTopup, makeAsyncTopup or getTransactionById as it was received. One without
// an ID, with a key twice, or of another form is an error that quotes nothing of it.
func DecodeTransaction(body []byte) (Transaction, error) {
	var t Transaction
	if err := decodeOnce(body, &t); err != nil {
		return Transaction{}, err
	}
	if t.TransactionID <= 0 {
		return Transaction{}, errIncomplete
	}
	return t, nil
}

// IsNotFound reports whether err is Reloadly's answer that there is no such thing: a 404, whatever its body, since
// the form of that body varies.
func IsNotFound(err error) bool {
	e, ok := AsError(err)
	var te *TokenError
	return ok && !errors.As(err, &te) && e.Status == http.StatusNotFound
}
