package clients

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"unicode"

	"topupq/topup"
)

// maxWords is the longest provider text that is kept, in bytes.
const maxWords = 200

// longDigits are runs that may be a phone number or a PIN; codes are shorter.
var longDigits = regexp.MustCompile(`\p{Nd}{7,}`)

// notSent wraps err as proof that nothing of a paying call was written. It does not decide: call it only after the
// wire client's Reached(err) said false, or where no paying request had been started (lookups before it, the token).
// An err that is a *topup.NotSentError already is returned as it is.
func notSent(err error) error {
	var e *topup.NotSentError
	if errors.As(err, &e) {
		return err
	}
	return &topup.NotSentError{Code: topup.CodeProviderUnreachable, Err: err}
}

// unclear is the outcome of a paying call whose answer did not come: the request may have reached the provider.
// The text of err stays out of the outcome, since outcomes are shown to merchants.
func unclear(err error) topup.Outcome {
	message := "The connection broke before the provider's answer was complete."
	if timedOut(err) {
		message = "The provider did not answer in time."
	}
	return topup.Outcome{Answer: topup.Unclear, Code: topup.CodeAnswerLost, Message: message}
}

// noAnswer is the result of a paying call that ended in err: reached is the wire client's Reached(err).
func noAnswer(err error, reached bool) (topup.Outcome, error) {
	if !reached {
		return topup.Outcome{}, notSent(err)
	}
	return unclear(err), nil
}

// unreadable is the outcome of an answer that cannot be what the provider documents: HTML, truncated, empty,
// of another type, or with a word that nobody knows. providerCode is that word or the HTTP status.
func unreadable(providerCode string) topup.Outcome {
	return topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeAnswerUnreadable, ProviderCode: cut(providerCode),
		Message: "The provider's answer could not be read.",
	}
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// cut makes a provider's text fit to be stored and shown: at most 200 bytes on one line of printable characters,
// with runs of seven or more digits hidden.
func cut(s string) string {
	if len(s) > 4*maxWords {
		s = s[:4*maxWords]
	}
	s = strings.Map(printable, strings.ToValidUTF8(s, ""))
	s = longDigits.ReplaceAllStringFunc(s, func(run string) string { return strings.Repeat("*", len([]rune(run))) })
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "")
	}
	return strings.TrimSpace(s)
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return ' '
	}
	return r
}
