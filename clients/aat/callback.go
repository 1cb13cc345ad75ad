package aat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Callback is what AAT posts when it has checked a transaction again: hourly for up to three hours after it ended,
// and once more at the end of the day (guide, section on the call-back). It is not signed and proves nothing: ask
// GetTransactionInfo before believing it. It can tell Success false of what was answered as a success.
type Callback struct {
	// TransactionID is AAT's, ClientRef ours. All texts are as received, numbers written out.
	TransactionID string
	ClientRef     string
	OrderRef      string
	MSISDN        string
	Amount        string
	VoucherType   string
	Description   string
	Network       string
	Success       bool
	// FailReason is empty where Success is true, or where AAT gives none.
	FailReason string
}

// ErrCallback is wrapped by every error of ParseCallback.
var ErrCallback = errors.New("not an AAT call-back")

// ParseCallback reads the ten members of a call-back's JSON body. Only Success has a documented type, boolean; the
// others, and Success too, may be text or numbers here. The error wraps ErrCallback: not one JSON object, no
// ClientRef, or a Success that is neither yes nor no.
func ParseCallback(body []byte) (Callback, error) {
	var w struct {
		TransactionID loose `json:"TransactionId"`
		ClientRef     loose
		OrderRef      loose
		MSISDN        loose
		Amount        loose
		VoucherType   loose
		Description   loose
		Network       loose
		Success       loose
		FailReason    loose
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return Callback{}, fmt.Errorf("%w: not a JSON object of single values", ErrCallback)
	}
	cb := Callback{
		TransactionID: string(w.TransactionID), ClientRef: string(w.ClientRef), OrderRef: string(w.OrderRef),
		MSISDN: string(w.MSISDN), Amount: string(w.Amount), VoucherType: string(w.VoucherType),
		Description: string(w.Description), Network: string(w.Network), FailReason: string(w.FailReason),
	}
	if cb.ClientRef == "" {
		return Callback{}, fmt.Errorf("%w: no ClientRef", ErrCallback)
	}
	switch strings.ToLower(string(w.Success)) {
	case "true", "1":
		cb.Success = true
	case "false", "0":
	default:
		return Callback{}, fmt.Errorf("%w: Success is neither true nor false", ErrCallback)
	}
	return cb, nil
}

// loose is a text, a number or a boolean of JSON as trimmed text; null is empty.
type loose string

// UnmarshalJSON reads any single value and refuses objects and arrays.
func (l *loose) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] == '{' || b[0] == '[':
		return errors.New("not a single value")
	case b[0] != '"':
		*l = loose(b)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*l = loose(strings.TrimSpace(s))
	return nil
}
