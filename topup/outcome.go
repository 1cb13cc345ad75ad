package topup

import (
	"fmt"
	"time"
)

// Answer is what one exchange with a provider allows us to conclude.
type Answer uint8

// The answers. Submit may give every one but Absent; Check gives Delivered, Refused, InProgress, Absent,
// Mismatch or Unclear.
const (
	// Unclear proves nothing: after Submit the top-up is Unknown; after Check nothing was learned.
	Unclear Answer = iota
	// Delivered means that the provider says delivered, and reference, number and amount are ours.
	Delivered
	// Refused is the provider's documented word that nobody was charged: refused, failed or refunded.
	Refused
	// InProgress means that the provider has it and has not said how it ends.
	InProgress
	// Absent means that the provider explicitly does not know our reference (now).
	Absent
	// Duplicate means that the provider already knows our reference: it arrived, the outcome is not told.
	Duplicate
	// NotTaken means provably not processed, and worth the same request later: see RetryAfter.
	NotTaken
	// Blocked means provably not processed, and only a person can help: float empty, credentials refused.
	Blocked
	// Mismatch means that the provider reports success for our reference with another number or amount.
	Mismatch
)

var answerNames = [...]string{"unclear", "delivered", "refused", "in_progress", "absent", "duplicate", "not_taken", "blocked", "mismatch"}

// String is the answer's name in logs.
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return fmt.Sprintf("answer(%d)", uint8(a))
}

// Outcome is what a provider's adapter makes of one answer. The zero Outcome is Unclear.
type Outcome struct {
	Answer Answer
	// Code is our reason; Message one plain sentence without secrets, numbers or PINs.
	Code    Code
	Message string
	// ProviderCode and ProviderMessage are the provider's own words, cut to a sane length, without secrets.
	ProviderCode    string
	ProviderMessage string
	// RetryAfter, with NotTaken, is the wait the provider asked for; 0 leaves it to our backoff.
	RetryAfter time.Duration
	// Unspent, with NotTaken, means that the try does not count towards the limit of tries (429, busy).
	Unspent bool
	// Pause asks for the provider to be paused: float empty, credentials refused, mismatch.
	Pause bool
	// RefreshCatalogue, with Refused, means that the product we chose is stale: one retry with a fresh
	// catalogue may follow where we had chosen it ourselves.
	RefreshCatalogue bool
	// Reference is the provider's reference of the order (order reference, order ID), TransactionID its
	// number for status calls, OperatorID the mobile operator's own confirmation. Empty where not told.
	Reference     string
	TransactionID string
	OperatorID    string
	// Delivered is what the phone got, Cost what we were debited. Zero where not told.
	Delivered Money
	Cost      Money
	// Fee is the part of Cost that is a fee. Zero where not told.
	Fee Money
	// Predicted is what the order was expected to cost before it was sent, zero where that cannot be told.
	Predicted Money
	// Network names the mobile network of the voucher or number, "" where the provider was not asked for it.
	Network string
	// PIN is the voucher of a pinned product; the worker seals it before anything is stored.
	PIN Secret
	// Resolved is the product as completed by lookups (voucher, operator), to be kept on the record.
	Resolved *Product
}

// NotSentError means that nothing of a paying call can have reached the provider: no connection, the token call
// failed, the catalogue could not be read. Any other error of Provider.Submit is recorded as Unclear.
type NotSentError struct {
	Code Code
	// RetryAfter is the wait the provider asked for, 0 for our own backoff.
	RetryAfter time.Duration
	Err        error
}

// Error says what was not sent and why.
func (e *NotSentError) Error() string { return fmt.Sprintf("not sent (%s): %v", e.Code, e.Err) }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// Secret is text that never prints: not with fmt, JSON, or zap. Reveal is the only way to it.
type Secret string

// Redacted stands wherever a Secret is printed.
const Redacted = "[redacted]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return Redacted }

// GoString hides the text from %#v.
func (s Secret) GoString() string { return Redacted }

// Format hides the text from every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, Redacted) }

// MarshalText hides the text from JSON, YAML and zap.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
