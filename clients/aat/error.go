package aat

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"topupq/clients/internal/httpcall"
)

// Kind is what an error text of AAT means. The service has no codes, so the text is all there is.
type Kind string

// The kinds.
const (
	// KindOther is a text that the guide does not print. After a paying call it proves nothing.
	KindOther              Kind = ""
	KindDuplicate          Kind = "duplicate_reference"
	KindInsufficientCredit Kind = "insufficient_credit"
	KindInvalidAmount      Kind = "invalid_amount"
	KindNoSuchVoucher      Kind = "no_such_voucher"
	KindNotFixedAmount     Kind = "not_fixed_amount"
	KindInvalidRecipient   Kind = "invalid_recipient"
	KindUnauthorized       Kind = "unauthorized"
	KindNoTransaction      Kind = "no_transaction"
	KindNoNetwork          Kind = "no_network"
	KindInvalidMSISDN      Kind = "invalid_msisdn"
	KindNoVoucherTypes     Kind = "no_voucher_types"
	KindNoVoucher          Kind = "no_voucher"
)

// KindText is one row of the table of error texts.
type KindText struct {
	// Prefix is how the text begins, trimmed and in lower case.
	Prefix string
	Kind   Kind
}

// kinds is the table of every error text that the guide prints. Texts go on after the prefix with amounts, network
// names, full stops and spaces. "client reference already use" covers that text's three spellings.
var kinds = [...]KindText{
	{"client reference already use", KindDuplicate},
	{"insufficient credit", KindInsufficientCredit},
	{"invalid amount", KindInvalidAmount},
	{"voucher id doesn't exist", KindNoSuchVoucher},
	{"this isn't a fixed", KindNotFixedAmount},
	{"invalid recharge cell no", KindInvalidRecipient},
	{"unauthorised", KindUnauthorized},
	{"unauthorized", KindUnauthorized},
	{"no transaction information found", KindNoTransaction},
	{"no network found", KindNoNetwork},
	{"invalid msisdn", KindInvalidMSISDN},
	{"no voucher types found", KindNoVoucherTypes},
	{"no voucher found", KindNoVoucher},
}

// Kinds is a copy of the table that KindOf reads.
func Kinds() []KindText { return slices.Clone(kinds[:]) }

// KindOf is the kind of an error text, compared by prefix, without regard to case and surrounding space. A curly
// apostrophe counts as a straight one. KindOther for anything that the guide does not print.
func KindOf(text string) Kind { return find(text).Kind }

// find is the row of an error text, the zero row where there is none.
func find(text string) KindText {
	text = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), "’", "'"))
	for _, row := range kinds {
		if strings.HasPrefix(text, row.Prefix) {
			return row
		}
	}
	return KindText{}
}

// APIError is AAT's own word that it did not do what was asked: a filled member Error, with HTTP 200.
type APIError struct {
	// Op is the operation, such as "PerformPinlessRecharge".
	Op   string
	Kind Kind
	// Prefix is the beginning of Text that decided the kind, as in Kinds; empty for KindOther.
	Prefix string
	// Text is AAT's text, trimmed, without our password. It may hold amounts.
	Text string
}

// Error is the operation and the kind; the text is left out, since nobody knows what unlisted ones hold.
func (e *APIError) Error() string {
	if e.Kind == KindOther {
		return e.Op + ": refused with an undocumented text"
	}
	return e.Op + ": refused: " + string(e.Kind)
}

// StatusError is an answer with an HTTP status other than 200. After a paying call nothing is known.
type StatusError struct {
	Op     string
	Status int
	// Text is the first line of a text/plain body, at most 200 bytes, without our password: that is where the
	// service names a missing parameter. Empty for HTML.
	Text string
	// RetryAfter is the header of that name in seconds, 0 without one. AAT does not document it.
	RetryAfter time.Duration
}

// Error is the operation and the status.
func (e *StatusError) Error() string { return fmt.Sprintf("%s: HTTP %d", e.Op, e.Status) }

// UndecodableError is an answer with HTTP 200 that is not what the service documents. After a paying call nothing
// is known: the money may have moved.
type UndecodableError struct {
	Op  string
	Err error
}

// Error is the operation and what could not be read, never the answer itself.
func (e *UndecodableError) Error() string { return e.Op + ": unreadable answer: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UndecodableError) Unwrap() error { return e.Err }

// Reached reports whether the request behind err can have reached AAT. False is proof that nothing was written;
// unsure is true.
func Reached(err error) bool { return httpcall.Reached(err) }

// maxStatusText is the most that is kept of a plain-text error body, in bytes.
const maxStatusText = 200

func (c *Client) statusError(op string, resp *httpcall.Response) *StatusError {
	e := &StatusError{Op: op, Status: resp.Status, RetryAfter: retryAfter(resp.Header)}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == "text/plain" {
		// Redacted before it is cut, or half a password could stay.
		e.Text = plainLine(c.redact(string(resp.Body)))
	}
	return e
}

// plainLine is the first line of s, printable and cut to maxStatusText.
func plainLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > maxStatusText {
		line = line[:maxStatusText]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "")))
}

// retryAfter reads the header in its form of seconds, up to a day; anything else is 0.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 86400 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
