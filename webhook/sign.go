package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix     = "whsec_"
	signatureVersion = "v1"
	// minKey keeps a key from being guessable; Standard Webhooks asks for 24 to 64 bytes.
	minKey = 24
)

// ErrSecret means that a text is no signing secret: "whsec_" and base64 of at least 24 bytes. It never shows it.
var ErrSecret = errors.New(`no webhook secret: want "whsec_" and base64 of at least 24 bytes`)

// Key is a signing secret made ready to sign. It never prints: raw is a function because fmt prints what lies in
// unexported fields without asking its type how. The zero Key signs with nothing, and nobody accepts that.
type Key struct{ raw func() []byte }

// ParseKey reads a secret such as topup.NewWebhookSecret gives. ErrSecret.
func ParseKey(secret topup.Secret) (Key, error) {
	encoded, ok := strings.CutPrefix(secret.Reveal(), secretPrefix)
	if !ok {
		return Key{}, ErrSecret
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) < minKey {
		return Key{}, ErrSecret
	}
	return Key{raw: func() []byte { return raw }}, nil
}

// LiveKeys are the keys that sign a merchant's callbacks at now, the newest first: one, or two during a rotation. A
// merchant without any is an error that wraps ErrSecret, since nothing goes out unsigned; topup.ErrNoKey means that
// the ring lacks the key which its secrets were sealed with.
func LiveKeys(ring topup.Keyring, m *topup.Merchant, now time.Time) ([]Key, error) {
	var keys []Key
	for _, sealed := range m.Webhook.LiveSecrets(now) {
		secret, err := topup.OpenWebhookSecret(ring, m.ID, sealed)
		if err != nil {
			return nil, fmt.Errorf("read signing secret: %w", err)
		}
		key, err := ParseKey(secret)
		if err != nil {
			return nil, fmt.Errorf("read signing secret: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("merchant has no signing secret: %w", ErrSecret)
	}
	return keys, nil
}

// Format hides the key from every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, topup.Redacted) }

// MarshalText hides the key from JSON, YAML and zap.
func (k Key) MarshalText() ([]byte, error) { return []byte(topup.Redacted), nil }

// Sign returns the webhook-signature of exactly these bytes: one "v1,…" per key, separated by spaces. While a secret
// is being rotated both sign, and the receiver needs to know only one of them.
func Sign(keys []Key, id string, at time.Time, body []byte) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(signatureVersion + ",")
		b.WriteString(base64.StdEncoding.EncodeToString(k.sum(id, stamp, body)))
	}
	return b.String()
}

// sum is the HMAC-SHA256 of "id.stamp.body".
func (k Key) sum(id, stamp string, body []byte) []byte {
	var raw []byte
	if k.raw != nil {
		raw = k.raw()
	}
	h := hmac.New(sha256.New, raw)
	h.Write([]byte(id + "." + stamp + "."))
	h.Write(body)
	return h.Sum(nil)
}
