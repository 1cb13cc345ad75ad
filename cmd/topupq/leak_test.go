package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"topupq/clients/aat"
	"topupq/clients/bulksms"
	"topupq/clients/rechargekit"
	"topupq/clients/reloadly"
	"topupq/config"
	"topupq/ops"
	"topupq/topup"
	"topupq/webhook"
)

// canary stands for every secret.
const canary = "canary-7f3e9b-secret"

// TestNoVerbShowsASecret prints what holds secrets with every verb. fmt calls no method on what lies in an unexported
// field, so the holders themselves must hide it.
func TestNoVerbShowsASecret(t *testing.T) {
	t.Parallel()
	holders := map[string]any{}
	add := func(name string, v any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		holders[name] = v
	}
	a, err := aat.New(aat.Config{BaseURL: "https://a.example/x.asmx", Username: "u", Password: canary})
	add("aat", a, err)
	r, err := reloadly.New(reloadly.Config{AuthURL: "https://a.example", BaseURL: "https://b.example", Audience: "https://b.example", ClientID: "i", ClientSecret: canary})
	add("reloadly", r, err)
	k, err := rechargekit.New(rechargekit.Config{BaseURL: "https://a.example", Token: canary})
	add("rechargekit", k, err)
	b, err := bulksms.New(bulksms.Config{BaseURL: "https://a.example", TokenID: "i", TokenSecret: canary})
	add("bulksms", b, err)
	env := map[string]string{
		"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD": canary, "TOPUPQ_AAT_BASE_URL": "https://a.example/x.asmx",
		"TOPUPQ_RECHARGEKIT_TOKEN": canary, "TOPUPQ_RECHARGEKIT_BASE_URL": "https://k.example", "TOPUPQ_OPS_USERS": "ann:" + canary + ":admin",
		"TOPUPQ_REDIS_URL": "redis://u:" + canary + "@127.0.0.1:1/0",
	}
	cfg, err := config.Load("", func(n string) string { return env[n] }, nil)
	add("config", cfg, err)
	n := &node{cfg: cfg}
	add("node", n, nil)
	p, err := newProviders(cfg)
	add("providers", p, err)
	for name, route := range p.routes {
		add("route of "+string(name), route, nil)
		add("provider "+string(name), route.Provider, nil)
	}
	add("ops user", ops.User{Name: "ann", Password: canary}, nil)
	raw := []byte(canary + canary)
	key, err := webhook.ParseKey(topup.Secret("whsec_" + base64.StdEncoding.EncodeToString(raw)))
	add("webhook keys", []webhook.Key{key}, err)
	add("outcome", topup.Outcome{PIN: canary}, nil)
	hexed, decimals := fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]")
	for name, v := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, canary) || strings.Contains(text, hexed) || strings.Contains(text, decimals) {
				i := max(strings.Index(text, canary), 0)
				t.Errorf("%s printed with %s shows a secret: …%s", name, verb, text[max(i-60, 0):min(i+30, len(text))])
			}
		}
	}
}
