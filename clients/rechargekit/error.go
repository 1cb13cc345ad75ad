package rechargekit

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"topupq/clients/internal/httpcall"
)

// Error is an answer that is no success: HTTP 200 with error other than 0, or any other HTTP status.
type Error struct {
	// Op is the call, such as "POST /recharge/prepaid".
	Op string
	// HTTPStatus is 200 for a refusal in the provider's own form.
	HTTPStatus int
	// Code is the member error and Message the member msg, both as received and empty where not told. Only the
	// codes 0 and 1 have been seen; the text decides.
	Code    string
	Message string
	// RetryAfter is the wait asked for by the header of that name, 0 without one.
	RetryAfter time.Duration
}

// Error is the call and the codes; the provider's text is left out, since it may repeat what we sent.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: refused with HTTP %d, error %q", e.Op, e.HTTPStatus, e.Code)
}

// UnreadableError is an answer with HTTP 200 that is not what the provider documents. After a paying call nothing
// is known: the order may exist.
type UnreadableError struct {
	Op  string
	Err error
}

// Error is the call and what could not be read, without the answer itself.
func (e *UnreadableError) Error() string { return e.Op + ": unreadable answer: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreadableError) Unwrap() error { return e.Err }

// ErrStatusCheckOff is returned by StatusCheck where Config.NoStatusCheck is set.
var ErrStatusCheckOff = errors.New("rechargekit: statusCheck is switched off")

// Reached reports whether the request behind err can have reached RechargeKit. False is proof that nothing was
// written; unsure is true.
func Reached(err error) bool { return httpcall.Reached(err) }

// retryAfter reads the header in its form of seconds; a date is ignored. The provider documents neither.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 86400 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
