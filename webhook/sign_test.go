package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"topupq/topup"
	"topupq/webhook"
)

// signed is a callback as it arrives.
type signed struct {
	header http.Header
	body   []byte
}

func sign(t *testing.T, at time.Time, body string, secrets ...topup.Secret) signed {
	t.Helper()
	var keys []webhook.Key
	for _, s := range secrets {
		k, err := webhook.ParseKey(s)
		must(t, err)
		keys = append(keys, k)
	}
	h := http.Header{}
	h.Set("webhook-id", "msg_abcdefghijklmnopqrst_3")
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", webhook.Sign(keys, "msg_abcdefghijklmnopqrst_3", at, []byte(body)))
	return signed{h, []byte(body)}
}

// TestSignKnown is the example of the Standard Webhooks specification.
func TestSignKnown(t *testing.T) {
	t.Parallel()
	key, err := webhook.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	must(t, err)
	got := webhook.Sign([]webhook.Key{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	secret, other := topup.NewWebhookSecret(), topup.NewWebhookSecret()
	good := sign(t, t0, `{"type":"topup.succeeded"}`, secret)
	with := func(header, value string) http.Header {
		h := good.header.Clone()
		h.Set(header, value)
		return h
	}
	signature := good.header.Get(webhook.HeaderSignature)
	cases := []struct {
		name   string
		secret topup.Secret
		header http.Header
		body   string
		now    time.Time
		want   error
	}{
		{"as sent", secret, good.header, string(good.body), t0, nil},
		{"just in time", secret, good.header, string(good.body), t0.Add(webhook.Tolerance), nil},
		{"clock behind", secret, good.header, string(good.body), t0.Add(-webhook.Tolerance), nil},
		{"rotating, new secret", secret, sign(t, t0, string(good.body), secret, other).header, string(good.body), t0, nil},
		{"rotating, old secret", other, sign(t, t0, string(good.body), secret, other).header, string(good.body), t0, nil},
		{"unknown version beside", secret, with("webhook-signature", "v2,xyz "+signature), string(good.body), t0, nil},
		{"other secret", other, good.header, string(good.body), t0, webhook.ErrSignature},
		{"body changed", secret, good.header, `{"type":"topup.failed"}`, t0, webhook.ErrSignature},
		{"ID changed", secret, with("webhook-id", "msg_abcdefghijklmnopqrst_4"), string(good.body), t0, webhook.ErrSignature},
		{"time changed", secret, with("webhook-timestamp", strconv.FormatInt(t0.Unix()+1, 10)), string(good.body), t0, webhook.ErrSignature},
		{"other version only", secret, with("webhook-signature", "v2"+strings.TrimPrefix(signature, "v1")), string(good.body), t0, webhook.ErrSignature},
		{"no base64", secret, with("webhook-signature", "v1,***"), string(good.body), t0, webhook.ErrSignature},
		{"too old", secret, good.header, string(good.body), t0.Add(webhook.Tolerance + time.Second), webhook.ErrTimestamp},
		{"from the future", secret, good.header, string(good.body), t0.Add(-webhook.Tolerance - time.Second), webhook.ErrTimestamp},
		{"no ID", secret, with("webhook-id", ""), string(good.body), t0, webhook.ErrHeaders},
		{"no signature", secret, with("webhook-signature", ""), string(good.body), t0, webhook.ErrHeaders},
		{"no time", secret, with("webhook-timestamp", "today"), string(good.body), t0, webhook.ErrHeaders},
		{"no secret", "", good.header, string(good.body), t0, webhook.ErrSecret},
		{"secret too short", "whsec_YWJj", good.header, string(good.body), t0, webhook.ErrSecret},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := webhook.Verify(c.secret.Reveal(), c.header, []byte(c.body), c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestStandardLibraryVerifies(t *testing.T) {
	t.Parallel()
	secret, old := topup.NewWebhookSecret(), topup.NewWebhookSecret()
	for _, m := range []signed{
		sign(t, time.Now(), `{"type":"topup.succeeded"}`, secret),
		sign(t, time.Now(), `{"type":"topup.succeeded"}`, old, secret),
		sign(t, time.Now(), `{"name":"Zoë – 日本 😀 \u003c"}`, secret),
	} {
		wh, err := standardwebhooks.NewWebhook(secret.Reveal())
		must(t, err)
		if err := wh.Verify(m.body, m.header); err != nil {
			t.Errorf("%s: %v", m.body, err)
		}
		if err := wh.Verify(append([]byte(" "), m.body...), m.header); err == nil {
			t.Errorf("%s: a changed body was accepted", m.body)
		}
	}
}

func TestKeysNeverPrint(t *testing.T) {
	t.Parallel()
	secret := topup.NewWebhookSecret()
	key, err := webhook.ParseKey(secret)
	must(t, err)
	encoded, err := json.Marshal(map[string]any{"key": key})
	must(t, err)
	printed := fmt.Sprintf("%v %+v %#v %s %x %s", key, key, key, key, key, encoded)
	if want := strings.Repeat(topup.Redacted+" ", 5) + `{"key":"[redacted]"}`; printed != want {
		t.Errorf("printed %s", printed)
	}
	_, err = webhook.ParseKey(topup.Secret(strings.TrimPrefix(secret.Reveal(), "whsec_")))
	if !errors.Is(err, webhook.ErrSecret) || strings.Contains(err.Error(), secret.Reveal()[8:]) {
		t.Errorf("error %v", err)
	}
}

func TestLiveKeys(t *testing.T) {
	t.Parallel()
	ring, err := topup.ParseKeyring("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	must(t, err)
	m := &topup.Merchant{ID: "mertest000000"}
	if _, err := webhook.LiveKeys(ring, m, t0); !errors.Is(err, webhook.ErrSecret) {
		t.Errorf("no secret: %v", err)
	}
	for _, k := range []topup.Keyring{{}, ring} { // the first one was kept before there was a key
		sealed, err := topup.SealWebhookSecret(k, m.ID, topup.NewWebhookSecret())
		must(t, err)
		m.Webhook.Rotate(sealed, 24*time.Hour, t0)
	}
	for at, want := range map[time.Time]int{t0: 2, t0.Add(24 * time.Hour): 1} {
		if keys, err := webhook.LiveKeys(ring, m, at); err != nil || len(keys) != want {
			t.Errorf("at %v: %d keys, %v", at, len(keys), err)
		}
	}
	if _, err := webhook.LiveKeys(topup.Keyring{}, m, t0); !errors.Is(err, topup.ErrNoKey) {
		t.Errorf("without the key: %v", err)
	}
	m.ID = "merother00000"
	if _, err := webhook.LiveKeys(ring, m, t0); err == nil {
		t.Error("another merchant's secret was opened")
	}
}
