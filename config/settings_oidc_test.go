package config

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOIDCSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"TOPUPQ_OPS_OIDC_ISSUER": "https://i.example/", "TOPUPQ_OPS_OIDC_CLIENT_ID": "c", "TOPUPQ_OPS_OIDC_CLIENT_SECRET": "canary",
		"TOPUPQ_OPS_OIDC_REDIRECT_URL": "https://o.example/login/oidc/callback", "TOPUPQ_OPS_OIDC_ROLES": "urn:x:pay:operator, root:admin",
	}
	load := func(changes map[string]string) (Config, error) {
		all := maps.Clone(env)
		maps.Copy(all, changes)
		return Load("", func(n string) string { return all[n] }, nil)
	}
	cfg, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := OIDC{
		Issuer: "https://i.example/", ClientID: "c", ClientSecret: "canary", RedirectURL: "https://o.example/login/oidc/callback",
		Scopes: []string{"openid", "email", "profile"}, NameClaim: "email", RoleClaim: "groups", Roles: map[string]string{"urn:x:pay": RoleOperator, "root": RoleAdmin},
	}
	if d := cmp.Diff(want, cfg.OIDC); d != "" || !cfg.OIDC.Enabled() {
		t.Error(d)
	}
	for name, bad := range map[string]map[string]string{
		"plain http": {"TOPUPQ_OPS_OIDC_ISSUER": "http://i.example"}, "another path": {"TOPUPQ_OPS_OIDC_REDIRECT_URL": "https://o.example/"},
		"unknown role": {"TOPUPQ_OPS_OIDC_ROLES": "a:king"}, "no openid": {"TOPUPQ_OPS_OIDC_SCOPES": "email"}, "half of it": {"TOPUPQ_OPS_OIDC_CLIENT_SECRET": ""},
	} {
		if _, err := load(bad); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "TOPUPQ_OPS_OIDC_") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
