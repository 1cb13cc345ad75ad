package topup

import "errors"

// Errors of the domain and of every Store. Compare with errors.Is.
var (
	// ErrNotFound means that there is no such record, or that it is another merchant's.
	ErrNotFound = errors.New("not found")
	// ErrUnchanged is returned by the function given to Store.Update to leave the record as it is.
	ErrUnchanged = errors.New("unchanged")
	// ErrNotAllowed means that a transition does not apply to the state the record is in. It is no failure:
	// somebody else was first.
	ErrNotAllowed = errors.New("not allowed in this state")
	// ErrContention means that a record changed under a Store.Update again and again. Nothing was written.
	ErrContention = errors.New("record is changing too fast")
	// ErrCursor means that a cursor was not made by the listing that it is given to.
	ErrCursor = errors.New("bad cursor: use next_cursor of the page before, unchanged")
	// ErrUnavailable wraps every failure of the store itself: away, full, read-only. Whether a write took
	// effect is then not known, and a repeated one is recognised.
	ErrUnavailable = errors.New("store unavailable")
)

// Code is a stable machine-readable reason, shown to merchants and kept in the history.
type Code string

// The codes of failures and of reasons in the history. Provider codes are kept beside them, as received.
const (
	CodeExpired              Code = "expired"
	CodeCancelled            Code = "cancelled"
	CodeInvalidRecipient     Code = "invalid_recipient"
	CodeInvalidAmount        Code = "invalid_amount"
	CodeOperatorMismatch     Code = "operator_mismatch"
	CodeOperatorUnavailable  Code = "operator_unavailable"
	CodeOperatorRefused      Code = "operator_refused"
	CodeProductUnavailable   Code = "product_unavailable"
	CodeNotResolved          Code = "not_resolved"
	CodeProviderFailed       Code = "provider_failed"
	CodeProviderRefunded     Code = "provider_refunded"
	CodeInvalidRequest       Code = "invalid_request"
	CodeFloatEmpty           Code = "float_empty"
	CodeAccountLimit         Code = "account_limit"
	CodeCredentialsRefused   Code = "credentials_refused"
	CodeProviderUnreachable  Code = "provider_unreachable"
	CodeProviderError        Code = "provider_error"
	CodeProviderBusy         Code = "provider_busy"
	CodeProviderPaused       Code = "provider_paused"
	CodePaused               Code = "paused"
	CodeRecentlyRecharged    Code = "recently_recharged"
	CodeRateLimited          Code = "rate_limited"
	CodeAnswerLost           Code = "answer_lost"
	CodeAnswerUnreadable     Code = "answer_unreadable"
	CodeDuplicateReference   Code = "duplicate_reference"
	CodeMismatch             Code = "mismatch"
	CodeAbsenceProved        Code = "absence_proved"
	CodeNotFoundAtProvider   Code = "not_found_at_provider"
	CodeRetriesUsedUp        Code = "retries_used_up"
	CodeResendsUsedUp        Code = "resends_used_up"
	CodeWorkerLost           Code = "worker_lost"
	CodeRestored             Code = "store_restored"
	CodeNoOutcome            Code = "no_outcome"
	CodeNotAskedBudget       Code = "not_asked_budget"
	CodeContradiction        Code = "contradiction"
	CodeProviderNotAvailable Code = "provider_not_configured"
	CodeDelivered            Code = "delivered"
	CodeInProgress           Code = "in_progress"
	CodeSubmitted            Code = "submitted"
	CodeSending              Code = "sending"
	CodeReplayed             Code = "replayed"
	CodeResolved             Code = "resolved"
)

// Failure says why a top-up failed, is held or was reversed.
type Failure struct {
	// Code is ours, Message one plain sentence for the merchant, ProviderCode the provider's word as received.
	Code         Code
	Message      string
	ProviderCode string
}
