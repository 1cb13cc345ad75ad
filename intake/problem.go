package intake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Codes of problems, as in the member "code". Codes of outcomes are those of package topup.
const (
	codeMalformed       = "malformed"
	codeUnauthorized    = "unauthorized"
	codeForbidden       = "forbidden"
	codeNotFound        = "not_found"
	codeNoMethod        = "method_not_allowed"
	codeConflict        = "reference_conflict"
	codeNotCancellable  = "not_cancellable"
	codeNoEndpoint      = "no_endpoint"
	codeNoTestEvent     = "no_test_event"
	codeSequenceAhead   = "sequence_ahead"
	codeEventsGone      = "events_gone"
	codeTooLarge        = "too_large"
	codeMediaType       = "unsupported_media_type"
	codeInvalid         = "invalid"
	codeNotConfigured   = "provider_not_configured"
	codeKeyMissing      = "encryption_key_missing"
	codePINUnreadable   = "pin_unreadable"
	codeTooMany         = "too_many_requests"
	codeUnavailable     = "unavailable"
	codeInternal        = "internal"
	codeStreamBroken    = "stream_broken"
	codeControl         = "control_mismatch"
	codeNotHoldable     = "batch_closed"
	retryAfterBusy      = time.Second
	retryAfterStoreAway = 5 * time.Second
)

// FieldError is one mistake in a request: where, which kind, and what to write instead.
type FieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Problem is an RFC 9457 answer. It is an error, so that handlers return it.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   string       `json:"code"`
	Detail string       `json:"detail,omitempty"`
	Errors []FieldError `json:"errors,omitempty"`
	// BatchID is the batch that was written all the same, where there is one.
	BatchID topup.BatchID `json:"batch_id,omitempty"`

	retryAfter time.Duration
}

// Error is the code and the detail.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(status int, code, detail string) *Problem {
	return &Problem{Type: "/docs#" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func malformed(detail string) *Problem { return problem(http.StatusBadRequest, codeMalformed, detail) }

func notFound() *Problem {
	return problem(http.StatusNotFound, codeNotFound, "There is nothing here, or it is not yours.")
}

func tooLarge() *Problem {
	return problem(http.StatusRequestEntityTooLarge, codeTooLarge, "The body is too large. Send many top-ups to /v1/batches.")
}

func unavailable() *Problem {
	p := problem(http.StatusServiceUnavailable, codeUnavailable,
		"The ledger cannot be reached or written at the moment. Repeat the same request: nothing is done twice.")
	p.retryAfter = retryAfterStoreAway
	return p
}

func tooMany(detail string) *Problem {
	p := problem(http.StatusTooManyRequests, codeTooMany, detail)
	p.retryAfter = retryAfterBusy
	return p
}

// invalid is the 422 for mistakes in fields. Its code is "invalid", except where one special thing is wrong.
func invalid(errs []FieldError) *Problem {
	p := problem(http.StatusUnprocessableEntity, rowCode(errs), "The request is understood, but not acceptable; see errors.")
	p.Errors = errs
	return p
}

// rowCode is the code for a set of mistakes: the special one where nothing else is wrong.
func rowCode(errs []FieldError) string {
	if len(errs) == 1 {
		switch errs[0].Code {
		case codeNotConfigured, codeKeyMissing:
			return errs[0].Code
		}
	}
	return codeInvalid
}

// asProblem is what a merchant is told about an error; whether it is a fault of ours to be logged comes with it.
func asProblem(err error) (p *Problem, fault bool) {
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, false
	case errors.As(err, &tooBig):
		return tooLarge(), false
	case errors.Is(err, topup.ErrNotFound):
		return notFound(), false
	case errors.Is(err, topup.ErrCursor):
		return malformed("cursor must be next_cursor of the page before, unchanged, with the same filters."), false
	case errors.Is(err, topup.ErrUnavailable), errors.Is(err, topup.ErrContention), errors.Is(err, context.DeadlineExceeded):
		return unavailable(), true
	default:
		return problem(http.StatusInternalServerError, codeInternal, "Something went wrong here. The request ID finds it in our log."), true
	}
}

// fail answers with the problem that err is, and logs it when it is our fault.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, fault := asProblem(err)
	if fault && r.Context().Err() == nil {
		s.log.Error("request failed", zap.String("route", r.Pattern), zap.String("request", requestID(w)), zap.Error(err))
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="topupq"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone when this fails
}
