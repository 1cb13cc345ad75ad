package main

import (
	"encoding/json"
	"strings"
	"testing"

	"topupq/topup"
)

func TestMerchant(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if !strings.HasPrefix(s.keys.APIKey, "tq_live_") || !strings.HasPrefix(s.keys.WebhookSecret, "whsec_") || s.keys.Name != "Corner shop" {
		t.Fatalf("keys: %+v", s.keys)
	}
	out, _, _ := s.run(t, "merchant", "list")
	holds(t, out, string(s.keys.ID), "Corner shop", "active", "…"+s.keys.APIKey[len(s.keys.APIKey)-4:])
	out, _, _ = s.run(t, "merchant", "list", "--json")
	if strings.Contains(out, s.keys.APIKey) || strings.Contains(out, "hash") || strings.Contains(out, "sealed") {
		t.Errorf("the list tells too much: %s", out)
	}
	if stdout, stderr, code := s.run(t, "merchant", "disable", "Corner shop"); code != 0 {
		t.Fatalf("disable: %s%s", stdout, stderr)
	}
	m, err := s.store.GetMerchant(t.Context(), s.keys.ID)
	if err != nil || !m.Disabled {
		t.Fatalf("not disabled: %+v %v", m, err)
	}
	if _, stderr, _ := s.run(t, "status", "x"); !strings.Contains(stderr, "unauthorized") {
		t.Errorf("a disabled merchant's key works: %s", stderr)
	}
	if _, stderr, code := s.run(t, "merchant", "enable", string(s.keys.ID)); code != 0 {
		t.Fatal(stderr)
	}
	if m, err = s.store.GetMerchant(t.Context(), s.keys.ID); err != nil || m.Disabled {
		t.Fatalf("not enabled: %+v %v", m, err)
	}
}

func TestMerchantSecretOpens(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env["TOPUPQ_ENCRYPTION_KEY"] = strings.Repeat("A", 43) + "="
	out, _, _ := s.run(t, "merchant", "add", "sealed", "--json")
	var keys merchantKeys
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatal(err)
	}
	m, err := s.store.GetMerchant(t.Context(), keys.ID)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := topup.ParseKeyring(s.env["TOPUPQ_ENCRYPTION_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	secret, err := topup.OpenWebhookSecret(ring, m.ID, m.Webhook.Secrets[0])
	if err != nil || secret.Reveal() != keys.WebhookSecret || strings.Contains(string(m.Webhook.Secrets[0].Sealed), "whsec") {
		t.Errorf("sealed secret: %v", err)
	}
}

func TestRotateKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	rotate := func(args ...string) merchantKeys {
		out, stderr, code := s.run(t, append([]string{"merchant", "rotate-key", string(s.keys.ID), "--json"}, args...)...)
		var k merchantKeys
		if err := json.Unmarshal([]byte(out), &k); err != nil || code != 0 {
			t.Fatalf("exit %d: %v %s", code, err, stderr)
		}
		return k
	}
	works := func(key string) bool {
		_, stderr, _ := s.run(t, "status", "x", "--key", key)
		return !strings.Contains(stderr, "unauthorized")
	}
	second := rotate()
	if !works(s.keys.APIKey) || !works(second.APIKey) {
		t.Error("the key before a rotation must stay valid")
	}
	third := rotate("--scope", "topups:read", "--scope", "pins:read")
	m, err := s.store.GetMerchant(t.Context(), s.keys.ID)
	if err != nil || len(m.Keys) != 2 || !m.Keys[0].Allows(topup.ScopePINs) || m.Keys[0].Allows(topup.ScopeTopupsWrite) || m.Keys[1].Allows(topup.ScopePINs) {
		t.Fatalf("keys: %+v %v", m, err)
	}
	if _, err := s.store.MerchantByKey(t.Context(), m.Keys[1].Hash); err != nil {
		t.Error(err)
	}
	rotate("--revoke")
	m, err = s.store.GetMerchant(t.Context(), s.keys.ID)
	if err != nil || len(m.Keys) != 1 || !m.Keys[0].Allows(topup.ScopePINs) {
		t.Errorf("after --revoke: %+v %v", m, err)
	}
	_ = third
}

func TestMerchantMistakes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t, "merchant", "add", "twin")
	s.run(t, "merchant", "add", "twin")
	for want, args := range map[string][]string{
		`no merchant "nobody"`:        {"disable", "nobody"},
		"2 merchants are named":       {"disable", "twin"},
		`"pins" is not one of topups`: {"add", "x", "--scope", "pins"},
		"1 to 100 plain characters":   {"add", " "},
		"write topupq merchant add":   {"add"},
		`unknown command "ad"`:        {"ad"},
	} {
		if _, stderr, code := s.run(t, append([]string{"merchant"}, args...)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit %d, want %q in %s", args, code, want, stderr)
		}
	}
	s.env["TOPUPQ_REDIS_URL"] = "redis://127.0.0.1:1?max_retries=-1"
	if _, stderr, code := s.run(t, "merchant", "list"); code != 1 || !strings.Contains(stderr, "TOPUPQ_REDIS_URL") {
		t.Errorf("without Redis: exit %d %s", code, stderr)
	}
}

func TestHashPassword(t *testing.T) {
	t.Parallel()
	s := &shop{env: map[string]string{}}
	out, stderr, code := s.runContext(t, t.Context(), "secret word\r\n", "hash-password")
	if code != 0 || !strings.HasPrefix(out, "$argon2id$") || strings.Contains(out+stderr, "secret word") {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	if _, _, code := s.runContext(t, t.Context(), "\n", "hash-password"); code != 2 {
		t.Errorf("an empty password: exit %d", code)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := &shop{env: map[string]string{}}
	out, _, code := s.run(t, "config")
	holds(t, out, "TOPUPQ_REDIS_URL", "TOPUPQ_AAT_TIMEZONE", "Africa/Johannesburg")
	if _, _, again := s.run(t, "config", "--check"); code != 0 || again != 0 {
		t.Errorf("exit %d %d", code, again)
	}
	s.env["TOPUPQ_END_OF_DAY"] = "25:00"
	if _, stderr, code := s.run(t, "config", "--check"); code != 2 || !strings.Contains(stderr, "TOPUPQ_END_OF_DAY") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestMerchantLimits sets limits, hands in more than they allow, and records a payment.
func TestMerchantLimits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	out, stderr, code := s.run(t, "merchant", "limits", "Corner shop", "--credit", "ZAR:20", "--credit", "USD:1", "--topups-per-day", "5", "--batch-topups", "none")
	if code != 0 {
		t.Fatal(stderr)
	}
	holds(t, out, "USD 1.00, ZAR 20.00, owed none", "5, today 0")
	out, _, _ = s.run(t, "merchant", "limits", "Corner shop", "--credit", "USD:none", "--json")
	holds(t, out, `"ZAR": "20"`, `"topups_per_day": 5`)
	out, _, _ = s.run(t, "merchant", "paid", string(s.keys.ID), "ZAR:7.50")
	holds(t, out, "ZAR 20.00, owed none")
	m, err := s.store.GetMerchant(t.Context(), s.keys.ID)
	if err != nil || m.Limits.Paid["ZAR"].String() != "7.5" || len(m.Limits.Credit) != 1 {
		t.Errorf("%+v %v", m.Limits, err)
	}
	for _, bad := range [][]string{{"limits", "Corner shop", "--credit", "20"}, {"limits", "Corner shop", "--topups-per-day", "-1"}, {"paid", "Corner shop", "12"}, {"limits", "nobody"}} {
		if _, _, code := s.run(t, append([]string{"merchant"}, bad...)...); code == 0 {
			t.Errorf("%v was taken", bad)
		}
	}
}
