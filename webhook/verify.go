package webhook

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// Errors of Verify. Answer a callback that fails with 400 and do not act on it.
var (
	// ErrHeaders means that webhook-id, webhook-timestamp or webhook-signature is missing or unreadable.
	ErrHeaders = errors.New("webhook headers missing or unreadable")
	// ErrTimestamp means that the callback was signed more than Tolerance ago, or ahead: a replay, or a wrong clock.
	ErrTimestamp = errors.New("webhook timestamp outside of the tolerance")
	// ErrSignature means that no signature is of this secret and these bytes.
	ErrSignature = errors.New("webhook signature does not match")
)

// Tolerance is how far webhook-timestamp may be from the receiver's clock.
const Tolerance = 5 * time.Minute

// maxSignatures bounds the signatures that are looked at; two are sent during a rotation.
const maxSignatures = 16

// Verify reports whether a callback was signed with secret ("whsec_…"): header and body are as received, body
// before any parsing, now is the present time. It returns ErrSecret, ErrHeaders, ErrTimestamp or ErrSignature.
//
// The same event can arrive more than once, always with the same webhook-id: remember the ones you have acted on.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	key, err := ParseKey(topup.Secret(secret))
	if err != nil {
		return err
	}
	id, stamp, signatures := header.Get(HeaderID), header.Get(HeaderTimestamp), header.Get(HeaderSignature)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || signatures == "" || err != nil {
		return ErrHeaders
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return ErrTimestamp
	}
	want := key.sum(id, stamp, body)
	for _, s := range strings.SplitN(signatures, " ", maxSignatures) {
		if matches(s, want) {
			return nil
		}
	}
	return ErrSignature
}

// matches compares one "v1,<base64>" in constant time.
func matches(signature string, want []byte) bool {
	version, encoded, ok := strings.Cut(signature, ",")
	if !ok || version != signatureVersion {
		return false
	}
	got, err := base64.StdEncoding.DecodeString(encoded)
	return err == nil && hmac.Equal(got, want)
}
