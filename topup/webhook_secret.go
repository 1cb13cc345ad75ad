package topup

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// webhookSecretPrefix and webhookSecretBytes are those of Standard Webhooks.
const (
	webhookSecretPrefix = "whsec_"
	webhookSecretBytes  = 32
)

// plainSecret marks a secret that was kept without a key: a sealed text always names its key after the length of
// the name, and no key has an empty name.
const plainSecret = 0

// NewWebhookSecret returns a random signing secret: "whsec_" and base64 of 32 bytes.
func NewWebhookSecret() Secret {
	b := make([]byte, webhookSecretBytes)
	rand.Read(b) // crypto/rand never returns an error since Go 1.24
	return Secret(webhookSecretPrefix + base64.StdEncoding.EncodeToString(b))
}

// SealWebhookSecret seals a merchant's signing secret for the record. Without a key in the ring it is kept as it
// is, marked so that OpenWebhookSecret knows: an installation without TOPUPQ_ENCRYPTION_KEY can still sign.
func SealWebhookSecret(ring Keyring, merchant MerchantID, s Secret) (WebhookSecret, error) {
	if !ring.CanSeal() {
		return WebhookSecret{Sealed: append([]byte{plainSecret}, s.Reveal()...)}, nil
	}
	sealed, err := ring.Seal(s, webhookSecretOwner(merchant))
	if err != nil {
		return WebhookSecret{}, fmt.Errorf("seal webhook secret: %w", err)
	}
	return WebhookSecret{Sealed: sealed}, nil
}

// OpenWebhookSecret is the inverse of SealWebhookSecret, for whoever signs. ErrNoKey when the ring does not have
// the key; another error when the text was changed or is another merchant's.
func OpenWebhookSecret(ring Keyring, merchant MerchantID, s WebhookSecret) (Secret, error) {
	if len(s.Sealed) == 0 {
		return "", errors.New("open webhook secret: there is none")
	}
	if s.Sealed[0] == plainSecret {
		return Secret(s.Sealed[1:]), nil
	}
	plain, err := ring.Open(s.Sealed, webhookSecretOwner(merchant))
	if err != nil {
		return "", fmt.Errorf("open webhook secret: %w", err)
	}
	return plain, nil
}

func webhookSecretOwner(merchant MerchantID) string { return "webhook:" + string(merchant) }

// maxWebhookSecrets bounds the secrets kept: more than this many rotations within the grace end the oldest.
const maxWebhookSecrets = 4

// Rotate makes s the secret that signs first. The others go on signing beside it until the grace is over, counted
// from the rotation that replaced them, so that a merchant can change over and a repeated call breaks nothing.
func (w *Webhook) Rotate(s WebhookSecret, grace time.Duration, now time.Time) {
	kept := []WebhookSecret{s}
	for _, old := range w.LiveSecrets(now) {
		if old.EndsAt.IsZero() {
			old.EndsAt = now.Add(grace)
		}
		kept = append(kept, old)
	}
	w.Secrets = kept[:min(len(kept), maxWebhookSecrets)]
}

// LiveSecrets are the secrets that sign at now, the newest first.
func (w Webhook) LiveSecrets(now time.Time) []WebhookSecret {
	var live []WebhookSecret
	for _, s := range w.Secrets {
		if s.EndsAt.IsZero() || now.Before(s.EndsAt) {
			live = append(live, s)
		}
	}
	return live
}
