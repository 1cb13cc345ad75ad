package reloadly

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"topupq/clients/internal/httpcall"
)

// Error is an answer with a status other than 2xx, redirects included. Its text shows status and code only: the
// message may quote a number.
type Error struct {
	// Op names the call with placeholders, such as "GET /operators/{operatorId}".
	Op string
	// Status is the HTTP status.
	Status int
	// Code is errorCode, "" where the body has none or is not Reloadly's own form (HTML, empty, a framework's).
	Code string
	// Message and Path are as received.
	Message string
	Path    string
	Details []Detail
	// Own means that the body has Reloadly's own form, be its errorCode null.
	Own bool
	// RetryAfter is the wait that the header of that name asks for, 0 without one.
	RetryAfter time.Duration
}

// Detail names one field of the request and what is wrong with it.
type Detail struct {
	Field string `json:"field"`
	Issue string `json:"issue"`
}

// Error is the operation, the status and the code.
func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: answered %d %s", e.Op, e.Status, e.Code))
}

// AsError finds the *Error in err's chain.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// TokenError means that no token could be had, so the call itself was never sent. It wraps an *Error, an
// *AnswerError or a transport error of the token call.
type TokenError struct{ Err error }

// Error says that the token call failed and how.
func (e *TokenError) Error() string { return "get token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// RequestError means that the request broke Reloadly's rules and was not sent.
type RequestError struct {
	// Field is Reloadly's name of the parameter, Problem what is wrong, in words that may be shown.
	Field   string
	Problem string
}

// Error is the field and the problem.
func (e *RequestError) Error() string { return e.Field + ": " + e.Problem }

// Reached reports whether the request behind err can have reached Reloadly's airtime host. A failed token call, a
// refused request and a connection that never stood are proof that it cannot; whatever is unsure is a yes.
func Reached(err error) bool {
	var te *TokenError
	var re *RequestError
	if errors.As(err, &te) || errors.As(err, &re) {
		return false
	}
	return httpcall.Reached(err)
}

// newError reads an answer other than 2xx. A body in another form than Reloadly's leaves Code empty.
func newError(op string, r *httpcall.Response, now time.Time) *Error {
	e := &Error{Op: op, Status: r.Status, RetryAfter: retryAfter(r.Header, now)}
	var body struct {
		ErrorCode   json.RawMessage `json:"errorCode"`
		Message     Text            `json:"message"`
		Path        Text            `json:"path"`
		Details     json.RawMessage `json:"details"`
		OAuth       Text            `json:"error"`
		Description *Text           `json:"error_description"`
	}
	if decodeOnce(r.Body, &body) != nil {
		return e
	}
	var code Text
	if json.Unmarshal(body.ErrorCode, &code) == nil {
		e.Own = true
	}
	e.Code, e.Message, e.Path = string(code), string(body.Message), string(body.Path)
	if e.Code == "" && body.Description != nil {
		e.Code, e.Message = string(body.OAuth), string(*body.Description)
	}
	var details []Detail
	if json.Unmarshal(body.Details, &details) == nil {
		e.Details = details
	}
	return e
}

// retryAfter reads the header Retry-After: seconds or a date. A moment in the past is 0.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}
