package rechargekit

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
)

// Callback is what RechargeKit tells when a pending order becomes final. It is not signed and proves nothing: ask
// StatusCheck before believing it.
type Callback struct {
	// PartnerRequestID is ours; OrderID is RechargeKit's and may be empty, as may OpTransID and Msg.
	PartnerRequestID string
	OrderID          string
	OpTransID        string
	Status           Number
	Commission       Number
	Msg              string
}

// The names under which integrators have seen each value (second hand; the format is not documented).
var (
	callbackPartnerID = [...]string{"pid", "partner_request_id", "partnerreqid", "Prid"}
	callbackOrderID   = [...]string{"orderid", "OrderId"}
	callbackOpTransID = [...]string{"opttranid", "optransid", "Optransid"}
)

// ErrCallback is wrapped by every error of ParseCallback.
var ErrCallback = errors.New("not a RechargeKit call-back")

// ParseCallback reads a call-back in any of its known shapes: a JSON object or a form in the body, or, where the
// body is empty, the query (GET). Other members, such as a token in the query, are ignored. The error wraps
// ErrCallback: unreadable, without our id, or with two different values for one id.
func ParseCallback(query url.Values, body []byte) (Callback, error) {
	get, err := callbackValues(query, body)
	if err != nil {
		return Callback{}, fmt.Errorf("%w: %w", ErrCallback, err)
	}
	var cb Callback
	err = errors.Join(
		pick(get, callbackPartnerID[:], &cb.PartnerRequestID),
		pick(get, callbackOrderID[:], &cb.OrderID),
		pick(get, callbackOpTransID[:], &cb.OpTransID),
	)
	if err == nil && cb.PartnerRequestID == "" {
		err = errors.New("no id of ours")
	}
	if err != nil {
		return Callback{}, fmt.Errorf("%w: %w", ErrCallback, err)
	}
	// What cannot be read here is left untold: statusCheck will say it.
	cb.Status, _ = ParseNumber(get("status"))
	cb.Commission, _ = ParseNumber(get("commission"))
	cb.Msg = get("msg")
	return cb, nil
}

// callbackValues returns the look-up of values by name in whichever place they came.
func callbackValues(query url.Values, body []byte) (func(string) string, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return query.Get, nil
	}
	if body[0] == '{' {
		m, err := parseMembers(body)
		return m.looseText, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("neither JSON nor a form")
	}
	return form.Get, nil
}

// pick reads the value that stands under any of names; two different ones are an error.
func pick(get func(string) string, names []string, s *string) error {
	for _, name := range names {
		v := get(name)
		if v == "" {
			continue
		}
		if *s != "" && *s != v {
			return fmt.Errorf("%s contradicts another name of the same value", name)
		}
		*s = v
	}
	return nil
}
