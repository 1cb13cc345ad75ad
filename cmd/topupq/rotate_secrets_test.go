package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"topupq/config"
	"topupq/topup"
)

// rotating is a process without its parts, whose secrets are in files, as Kubernetes and systemd hand them over.
type rotating struct {
	*testing.T
	*node
	p   *providers
	dir string
	env map[string]string
}

func newRotated(t *testing.T, secrets map[string]string) *rotating {
	t.Helper()
	r := &rotating{T: t, dir: t.TempDir(), env: map[string]string{
		"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD": "p", "TOPUPQ_AAT_BASE_URL": "https://a.example/x.asmx",
		"TOPUPQ_RECHARGEKIT_TOKEN": "t", "TOPUPQ_RECHARGEKIT_BASE_URL": "https://k.example",
		"TOPUPQ_RELOADLY_CLIENT_ID": "i", "TOPUPQ_RELOADLY_CLIENT_SECRET": "s", "TOPUPQ_RELOADLY_BASE_URL": "https://r.example",
		"TOPUPQ_BULKSMS_TOKEN_ID": "i", "TOPUPQ_BULKSMS_TOKEN_SECRET": "s",
	}}
	for name, text := range secrets {
		r.env[name+"_FILE"] = filepath.Join(r.dir, name)
		r.write(name, text)
	}
	cfg, err := r.reread()
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := topup.ParseKeyring(cfg.EncryptionKey.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	r.node = &node{cfg: cfg, credentialsOf: cfg, log: zap.NewNop(), keyring: keyring}
	if r.p, err = newProviders(cfg); err != nil {
		t.Fatal(err)
	}
	r.rotations = append(r.p.rotations, r.rotateKeyring)
	return r
}

func (r *rotating) reread() (config.Config, error) {
	return config.Load("", func(n string) string { return r.env[n] }, nil)
}

func (r *rotating) write(name, text string) {
	r.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text+"\n"), 0o600); err != nil {
		r.Fatal(err)
	}
}

func testKey(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

// TestEncryptionKeyIsReplacedWithoutARestart: the new key seals, the old one still opens, and an ID is never used twice.
func TestEncryptionKeyIsReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	r := newRotated(t, map[string]string{"TOPUPQ_ENCRYPTION_KEY": testKey(1)})
	worker := r.keyring // a copy, as the parts of the process have one
	old, err := worker.Seal("1234", "a")
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(text string) {
		r.write("TOPUPQ_ENCRYPTION_KEY", text)
		r.rotate(r.reread)
	}
	opens := func(sealed []byte) error {
		pin, err := worker.Open(sealed, "a")
		if err == nil && pin.Reveal() != "1234" {
			t.Error("another PIN came out")
		}
		return err
	}
	rotate(testKey(2)) // the same ID: what is sealed would be lost
	if err := opens(old); err != nil {
		t.Errorf("a key was replaced under its ID: %v", err)
	}
	rotate("new:" + testKey(2) + ",0:" + testKey(1))
	fresh, err := worker.Seal("1234", "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(opens(old), opens(fresh)); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if !bytes.Contains(fresh[:8], []byte("new")) {
		t.Error("the old key still seals")
	}
	rotate("nonsense")
	rotate("new:" + testKey(2))
	if err := opens(old); !errors.Is(err, topup.ErrNoKey) {
		t.Errorf("a removed key still opens: %v", err)
	}
	if err := opens(fresh); err != nil {
		t.Error(err)
	}
}

// TestCallbackSecretsAreReplacedWithoutARestart: tokens in addresses overlap, the key of signatures changes at once.
func TestCallbackSecretsAreReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	names := []string{"TOPUPQ_AAT_CALLBACK_TOKEN", "TOPUPQ_RECHARGEKIT_CALLBACK_TOKEN", "TOPUPQ_BULKSMS_CALLBACK_TOKEN", "TOPUPQ_RELOADLY_WEBHOOK_SECRET"}
	first := map[string]string{}
	for _, name := range names {
		first[name] = "first"
	}
	r := newRotated(t, first)
	reports := r.smsReports()
	taken := func() map[string][]topup.Secret {
		return map[string][]topup.Secret{
			"aat": r.p.callbacks[topup.AAT].Tokens(), "rechargekit": r.p.callbacks[topup.RechargeKit].Tokens(), "bulksms": reports.Tokens(),
		}
	}
	for _, text := range []string{"first", "second, first", "second"} {
		for _, name := range names {
			r.write(name, text)
		}
		r.rotate(r.reread)
		for who, tokens := range taken() {
			if got := len(tokens); got == 0 || tokens[0].Reveal() != text[:len(tokens[0].Reveal())] || got != 1+bytes.Count([]byte(text), []byte(",")) {
				t.Errorf("%s: %d tokens after %q", who, got, text)
			}
		}
	}
	read := r.p.callbacks[topup.Reloadly].Read
	for key, want := range map[string]bool{"second": true, "first": false, "": false} {
		body := `{"data":{"customIdentifier":"` + string(topup.NewID("m", "a")) + `"}}`
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body + ":" + stamp))
		req.Header.Set("X-Reloadly-Request-Timestamp", stamp)
		req.Header.Set("X-Reloadly-Signature", hex.EncodeToString(mac.Sum(nil)))
		_, err := read(req, []byte(body))
		if ok := err == nil; ok != want {
			t.Errorf("a call-back signed with %q: %v", key, err)
		}
	}
}
