package intake_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

func TestWebhook(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	all := []any{"topup.succeeded", "topup.failed", "topup.unresolved", "topup.reversed", "topup.corrected", "batch.completed", "batch.paused"}
	none := map[string]any{"url": nil, "format": "standard", "events": all, "callback_when": "outcome", "state": "disabled",
		"disabled_reason": "no url is set", "headers": map[string]any{}}
	if d := cmp.Diff(none, a.do("GET", "/v1/webhook", "").want(200).json()); d != "" {
		t.Error(d)
	}
	put := a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/hook?x=1","format":"aat","events":["topup.failed","topup.failed"],
		"callback_when":"confirmed","headers":{"Authorization":"Basic eA==","X-Shop":"7"}}`).want(200).json()
	secret, _ := put["secret"].(string)
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err != nil || len(raw) != 32 {
		t.Errorf("secret %q", secret)
	}
	delete(put, "secret")
	want := map[string]any{"url": "https://shop.example.com/hook?x=1", "format": "aat", "events": []any{"topup.failed"},
		"callback_when": "confirmed", "state": "active", "disabled_reason": nil,
		"headers": map[string]any{"Authorization": "Basic eA==", "X-Shop": "7"}}
	if d := cmp.Diff(want, put); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, a.do("GET", "/v1/webhook", "").want(200).json()); d != "" {
		t.Error(d)
	}
	// Switched off by failures, it is on again after the next PUT, with the same secret.
	m := a.store.merchants[a.merchant.ID]
	m.Webhook.Disabled, m.Webhook.DisabledReason, m.Webhook.FailingSince = true, "gone", start
	if got := a.do("GET", "/v1/webhook", "").want(200).json(); got["state"] != "disabled" || got["disabled_reason"] != "gone" {
		t.Error(got)
	}
	again := a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200).json()
	if again["state"] != "active" || again["secret"] != nil || again["format"] != "standard" || again["callback_when"] != "outcome" {
		t.Error(again)
	}
	hook := a.store.merchants[a.merchant.ID].Webhook
	if got, err := topup.OpenWebhookSecret(testKeyring(t), a.merchant.ID, hook.Secrets[0]); err != nil || got.Reveal() != secret || !hook.FailingSince.IsZero() {
		t.Errorf("%v %+v", err, hook)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	for _, ring := range []topup.Keyring{testKeyring(t), {}} {
		a := newAPI(t, func(c *intake.Config) { c.Keyring = ring })
		first := a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200).text("secret")
		r := a.do("POST", "/v1/webhook/rotate", "").want(200)
		if r.text("old_valid_until") != "2026-11-21T10:00:00Z" {
			t.Errorf("%s", r.body)
		}
		hook := a.store.merchants[a.merchant.ID].Webhook
		for at, want := range map[time.Duration][]string{0: {r.text("secret"), first}, 24 * time.Hour: {r.text("secret")}} {
			var got []string
			for _, s := range hook.LiveSecrets(start.Add(at)) {
				plain, err := topup.OpenWebhookSecret(ring, a.merchant.ID, s)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, plain.Reveal())
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("after %s: %s", at, d)
			}
		}
		if _, err := topup.OpenWebhookSecret(ring, "mer-other", hook.Secrets[0]); (err == nil) == ring.CanSeal() {
			t.Errorf("sealed for another merchant: %v", err)
		}
	}
}

// Two people rotate at once: both secrets were shown, so both sign.
func TestRotateTogether(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200)
	tries := 0
	a.store.down = func(call string, n int) error {
		if call == "PutMerchant" && tries < 2 {
			tries++
			return topup.ErrContention
		}
		return nil
	}
	a.do("POST", "/v1/webhook/rotate", "").want(200)
	a.do("POST", "/v1/webhook/rotate", "").want(200)
	if n := len(a.store.merchants[a.merchant.ID].Webhook.LiveSecrets(start)); n != 3 {
		t.Errorf("%d live secrets", n)
	}
	a.store.down = func(string, int) error { return topup.ErrContention }
	a.clock.add(time.Second)
	a.do("POST", "/v1/webhook/rotate", "").problem(503, "unavailable")
}

func TestInvalidWebhooks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	b := newAPI(t, func(c *intake.Config) { c.AllowPrivateCallbacks = true })
	for url, private := range map[string]bool{
		"http://shop.example.com/": true, "https://127.0.0.1/": true, "https://[::1]/": true, "https://10.0.0.1:8443/x": true,
		"https://localhost/": true, "https://metadata.google.internal/": true, "https://intranet/": true,
		"https://2130706433/": true, "https://0x7f.1/": true, "https://127.1/": true, "https://printer.local./": true,
		"ftp://shop.example.com/": false, "shop.example.com": false, "/hook": false, "https://": false, "https:///x": false,
		"https://user:pw@shop.example.com/": false, "https://shop.example.com/#x": false, "https://shop.example.com:0/": false,
		"https://shop.example.com:99999/": false, "https://shop.example.com/a b": false, "javascript:alert(1)": false,
		"https://shop.example.com/" + strings.Repeat("x", 2048): false, "https://[fe80::1%25eth0]/": true, "https://shop..com/": true,
	} {
		body := `{"url":"` + url + `"}`
		if f := a.do("PUT", "/v1/webhook", body).problem(422, "invalid"); f[0] != "url" {
			t.Errorf("%s: %v", url, f)
		}
		if r := b.do("PUT", "/v1/webhook", body); (r.status == 200) != private {
			t.Errorf("%s with private callbacks allowed: %d", url, r.status)
		}
	}
	for body, want := range map[string][]string{
		`{"url":1}`: {"url"}, `{"format":"xml"}`: {"format"}, `{"events":["topup.pending"]}`: {"events[0]"}, `{"events":"all"}`: {"events"},
		`{"callback_when":"never"}`: {"callback_when"}, `{"secret":"x"}`: {"secret"}, `[]`: {""}, `{"headers":{"a b":"x"}}`: {"headers.a b"},
		`{"headers":{"Host":"x","Connection":"x","Webhook-Id":"x","Content-Type":"x","Transfer-Encoding":"x","X-Idempotency-Key":"x"}}`: {
			"headers.Connection", "headers.Content-Type", "headers.Host", "headers.Transfer-Encoding", "headers.Webhook-Id", "headers.X-Idempotency-Key"},
		`{"headers":{"X-A":"a\r\nX-B: c"}}`: {"headers.X-A"}, `{"headers":{"X-A":7}}`: {"headers.X-A"},
		`{"headers":{"X-A":"` + strings.Repeat("x", 1025) + `"}}`: {"headers.X-A"},
	} {
		if d := cmp.Diff(want, a.do("PUT", "/v1/webhook", body).problem(422, "invalid")); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
	var many []string
	for i := range 21 {
		many = append(many, `"X-`+string(rune('a'+i))+`":"v"`)
	}
	a.do("PUT", "/v1/webhook", `{"headers":{`+strings.Join(many, ",")+`}}`).problem(422, "invalid")
	if a.store.merchants[a.merchant.ID].Webhook.URL != "" {
		t.Error("a refused endpoint was kept")
	}
}

func TestWebhookTest(t *testing.T) {
	t.Parallel()
	var failure error
	a := newAPI(t, func(c *intake.Config) {
		c.SendTest = func(_ context.Context, m *topup.Merchant) (topup.CallbackAttempt, error) {
			return topup.CallbackAttempt{At: start, Status: 204, Latency: 15 * time.Millisecond, Excerpt: m.Webhook.URL}, failure
		}
	})
	a.do("POST", "/v1/webhook/test", "").problem(409, "no_endpoint")
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200)
	want := map[string]any{"delivered": true, "at": "2026-11-20T10:00:00Z", "status": num("204"), "latency_ms": num("15"), "excerpt": "https://shop.example.com/"}
	if d := cmp.Diff(want, a.do("POST", "/v1/webhook/test", "").want(200).json()); d != "" {
		t.Error(d)
	}
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/","format":"aat"}`).want(200)
	a.do("POST", "/v1/webhook/test", "").problem(409, "no_test_event")
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200)
	failure = errors.New("secret inside")
	if r := a.do("POST", "/v1/webhook/test", ""); r.status != 500 || strings.Contains(string(r.body), "secret") {
		t.Errorf("%s", r.body)
	}
}
