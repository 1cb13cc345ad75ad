package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a merchant is told when no answer came. Generic on purpose: the words of the network would show what our
// network looks like from the inside.
const (
	wordRefused  = "connection refused"
	wordTimeout  = "timeout"
	wordTLS      = "tls failed"
	wordName     = "name not found"
	wordAddress  = "address not allowed"
	wordRedirect = "redirected"
	wordFailed   = "connection failed"
)

// tlsError marks a failed handshake.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return "tls handshake: " + e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// word names what went wrong.
func word(err error) string {
	var dns *net.DNSError
	var handshake *tlsError
	switch {
	case errors.Is(err, ErrAddress):
		return wordAddress
	case isTimeout(err):
		return wordTimeout
	case errors.As(err, &handshake):
		return wordTLS
	case errors.As(err, &dns):
		return wordName
	case errors.Is(err, syscall.ECONNREFUSED):
		return wordRefused
	default:
		return wordFailed
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &ne) && ne.Timeout())
}

// hostFailure is what the breaker counts: no answer, or the host's own trouble. A refusal of one callback (4xx) says
// nothing about the host, which may serve other merchants.
func (r Result) hostFailure() error {
	if r.Status == 0 || r.Status >= http.StatusInternalServerError {
		return fmt.Errorf("host failed with status %d", r.Status)
	}
	return nil
}

const maxExcerpt = 200

// excerpt is the start of an answer as one line of printable text, at most 200 bytes.
func excerpt(answer []byte) string {
	var b strings.Builder
	for len(answer) > 0 {
		r, size := utf8.DecodeRune(answer)
		answer = answer[size:]
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			r = ' '
		}
		if r == ' ' && (b.Len() == 0 || strings.HasSuffix(b.String(), " ")) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxExcerpt {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header of that name, seconds or an HTTP date, and caps it at a day. What cannot be read, and a
// time in the past, is no wish.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
