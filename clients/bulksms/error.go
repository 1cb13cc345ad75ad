package bulksms

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

// Causes of an Error that is no answer of BulkSMS. Compare with errors.Is.
var (
	// ErrRequest means that the request could not be made; nothing was sent.
	ErrRequest = errors.New("request cannot be sent")
	// ErrUnreadable means that the answer was not what BulkSMS documents; the text may have gone out.
	ErrUnreadable = errors.New("unreadable answer")
	// ErrNotDelivered means that BulkSMS took the text and answered at once that it failed.
	ErrNotDelivered = errors.New("message failed")
)

// The fragments of error types that are known (bad-request, insufficient-credits and not-found from the provider's
// description, authentication-failed second hand).
const (
	BadRequest           = "bad-request"
	AuthenticationFailed = "authentication-failed"
	InsufficientCredits  = "insufficient-credits"
	NotFound             = "not-found"
)

// Error is every failure of a call.
type Error struct {
	// Op is the call, such as "POST /messages".
	Op string
	// HTTPStatus is 0 where no answer came.
	HTTPStatus int
	// Fragment is what follows # in the error's type, such as InsufficientCredits; Title its title.
	Fragment string
	Title    string
	// RetryAfter is the wait asked for by the header of that name, 0 without one.
	RetryAfter time.Duration
	// Err is the cause where it is not BulkSMS' own answer: a transport error or one of the Err values.
	Err error
}

// Error is the call and the reason. BulkSMS' detail is left out, since it may repeat what was sent.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: refused with HTTP %d %s", e.Op, e.HTTPStatus, e.Fragment)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call, with the same deduplication-id, may do better later: no answer or an
// unreadable one, 408, 429 and 5xx. Everything else needs a person.
func (e *Error) Retryable() bool {
	switch {
	case errors.Is(e.Err, ErrRequest), errors.Is(e.Err, ErrNotDelivered):
		return false
	case e.Err != nil:
		return true
	default:
		return e.HTTPStatus >= 500 || e.HTTPStatus == http.StatusTooManyRequests || e.HTTPStatus == http.StatusRequestTimeout
	}
}

// problem is BulkSMS' error body.
type problem struct {
	Type  string `json:"type"`
	Title string `json:"title"`
}

func newError(op string, resp *httpcall.Response) *Error {
	e := &Error{Op: op, HTTPStatus: resp.Status}
	var p problem
	if json.Unmarshal(resp.Body, &p) == nil {
		_, e.Fragment, _ = strings.Cut(p.Type, "#")
		e.Title = p.Title
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 && s <= 86400 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
