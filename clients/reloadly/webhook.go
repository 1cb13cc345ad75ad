package reloadly

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Headers of a call-back.
const (
	SignatureHeader = "X-Reloadly-Signature"
	TimestampHeader = "X-Reloadly-Request-Timestamp"
)

const (
	// callbackWindow is how far a call-back's time stamp may be from now.
	callbackWindow = 300 * time.Second
	// milliseconds is the value from which a time stamp must be in milliseconds: users report both units.
	milliseconds = 100_000_000_000
)

// Errors of VerifyCallback. All mean: answer 401 and do nothing.
var (
	ErrCallbackSignature = errors.New("call-back signature does not match")
	ErrCallbackTime      = errors.New("call-back time stamp is missing, unreadable or more than 300 s from now")
)

// VerifyCallback checks that body comes from Reloadly and is fresh. body is the raw one, timestamp and signature the
// texts of the two headers, secret the endpoint's signing secret (not the client secret). The signature is the
// lower-case hex of HMAC-SHA256 over body, ":" and the time stamp. A verified call-back is still no proof of an
// outcome: take the IDs from it and ask.
func VerifyCallback(body []byte, timestamp, signature string, secret Secret, now time.Time) error {
	if secret == "" {
		return ErrCallbackSignature
	}
	got, err := hex.DecodeString(strings.ToLower(strings.TrimSpace(signature)))
	if err != nil {
		return ErrCallbackSignature
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	mac.Write([]byte(":" + timestamp))
	if !hmac.Equal(got, mac.Sum(nil)) {
		return ErrCallbackSignature
	}
	sent, err := callbackTime(timestamp)
	if err != nil {
		return err
	}
	if d := now.Sub(sent); d > callbackWindow || d < -callbackWindow {
		return ErrCallbackTime
	}
	return nil
}

// callbackTime reads seconds or milliseconds since 1970.
func callbackTime(s string) (time.Time, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}, ErrCallbackTime
	case n > milliseconds:
		return time.UnixMilli(n), nil
	default:
		return time.Unix(n, 0), nil
	}
}

// Callback is what a call-back is about. Its outcome is left out on purpose.
type Callback struct {
	// Type is the event, such as "airtime_transaction.status".
	Type string
	// TransactionID is Reloadly's, CustomIdentifier ours; either may be empty, not both.
	TransactionID    string
	CustomIdentifier string
}

// ParseCallback reads the IDs, which are searched under data.transaction, then data, then at the top: no complete
// example of the body is published. The error means that there is none.
func ParseCallback(body []byte) (Callback, error) {
	type ids struct {
		TransactionID    Text `json:"transactionId"`
		CustomIdentifier Text `json:"customIdentifier"`
	}
	var b struct {
		ids
		Type Text `json:"type"`
		Data struct {
			ids
			Transaction *ids `json:"transaction"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return Callback{}, fmt.Errorf("read call-back: %w", errNotJSON)
	}
	for _, found := range []*ids{b.Data.Transaction, &b.Data.ids, &b.ids} {
		if found != nil && (found.TransactionID != "" || found.CustomIdentifier != "") {
			return Callback{string(b.Type), string(found.TransactionID), string(found.CustomIdentifier)}, nil
		}
	}
	return Callback{}, fmt.Errorf("read call-back: %w", errIncomplete)
}
