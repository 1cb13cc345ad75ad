package topup_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

func keyring(t *testing.T, seed byte) topup.Keyring {
	t.Helper()
	ring, err := topup.ParseKeyring("k1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestWebhookSecret(t *testing.T) {
	t.Parallel()
	secret := topup.NewWebhookSecret()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), "whsec_"))
	if err != nil || len(raw) != 32 || secret == topup.NewWebhookSecret() {
		t.Fatalf("secret of %d bytes: %v", len(raw), err)
	}
	ring := keyring(t, 1)
	sealed, err := topup.SealWebhookSecret(ring, "mer1", secret)
	if err != nil || bytes.Contains(sealed.Sealed, raw) || bytes.Contains(sealed.Sealed, []byte("whsec_")) {
		t.Fatalf("sealed %q: %v", sealed.Sealed, err)
	}
	if got, err := topup.OpenWebhookSecret(ring, "mer1", sealed); err != nil || got != secret {
		t.Errorf("opened %v: %v", got == secret, err)
	}
	if _, err := topup.OpenWebhookSecret(ring, "mer2", sealed); err == nil {
		t.Error("opened for another merchant")
	}
	if _, err := topup.OpenWebhookSecret(topup.Keyring{}, "mer1", sealed); !errors.Is(err, topup.ErrNoKey) {
		t.Errorf("without the key: %v", err)
	}
	if _, err := topup.OpenWebhookSecret(ring, "mer1", topup.WebhookSecret{}); err == nil {
		t.Error("opened nothing")
	}
}

// An installation without a key still signs, and goes on signing after it has got one.
func TestWebhookSecretWithoutKey(t *testing.T) {
	t.Parallel()
	secret := topup.NewWebhookSecret()
	kept, err := topup.SealWebhookSecret(topup.Keyring{}, "mer1", secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range []topup.Keyring{{}, keyring(t, 1)} {
		if got, err := topup.OpenWebhookSecret(ring, "mer1", kept); err != nil || got != secret {
			t.Errorf("opened %v: %v", got == secret, err)
		}
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var hook topup.Webhook
	for i := range 6 {
		hook.Rotate(topup.WebhookSecret{Sealed: []byte{byte(i)}}, 24*time.Hour, now.Add(time.Duration(i)*time.Hour))
	}
	live := func(at time.Duration) (names []byte) {
		for _, s := range hook.LiveSecrets(now.Add(at)) {
			names = append(names, s.Sealed[0])
		}
		return names
	}
	for at, want := range map[time.Duration][]byte{
		5 * time.Hour: {5, 4, 3, 2}, 27 * time.Hour: {5, 4, 3}, 28 * time.Hour: {5, 4}, 29 * time.Hour: {5}, 900 * time.Hour: {5},
	} {
		if got := live(at); !bytes.Equal(got, want) {
			t.Errorf("after %s: %v, want %v", at, got, want)
		}
	}
}
