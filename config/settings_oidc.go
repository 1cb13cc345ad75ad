package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// OIDC is the operators' login at an OpenID Connect issuer. Without an issuer there is none.
type OIDC struct {
	// Issuer is kept as it is written: a slash at its end counts.
	Issuer, ClientID string
	ClientSecret     Secret
	RedirectURL      string
	Scopes           []string
	// NameClaim and RoleClaim are members of the ID token; Roles is the role that a word of RoleClaim gives.
	NameClaim, RoleClaim string
	Roles                map[string]string
}

// Enabled reports whether people may log in at an issuer.
func (o OIDC) Enabled() bool { return o.Issuer != "" }

func oidcSettings(c *Config) []setting {
	o := &c.OIDC
	return []setting{
		define("ops_oidc", "issuer", "", secureURL(&o.Issuer, ""), "Lets operators log in at an OpenID Connect issuer (Keycloak, Okta, Entra ID, Google …) beside the users of TOPUPQ_OPS_USERS: the issuer's address exactly as it writes it."),
		define("ops_oidc", "client_id", "", text(&o.ClientID), "The client that the issuer knows us as: a confidential one for the authorization code flow. PKCE is always used."),
		defineSecret("ops_oidc", "client_secret", "", secretText(&o.ClientSecret), "That client's secret."),
		define("ops_oidc", "redirect_url", "", secureURL(&o.RedirectURL, "/login/oidc/callback"), "Where the issuer sends people back to: the public address of the operator's listener with /login/oidc/callback. Register it there."),
		define("ops_oidc", "scopes", "openid,email,profile", scopes(&o.Scopes), "The scopes that are asked for; some issuers want another one for groups."),
		define("ops_oidc", "name_claim", "email", text(&o.NameClaim), "The claim of the ID token that names people in the audit log. Take one that they cannot change themselves: where two people are needed, they are told apart by it."),
		define("ops_oidc", "role_claim", "groups", text(&o.RoleClaim), "The claim that their role follows from, a word or a list; a path with dots goes deeper (realm_access.roles)."),
		define("ops_oidc", "roles", "", roleWords(&o.Roles), "What the words of that claim give: word:role entries separated by commas, roles viewer, operator, admin. The highest one counts; whoever has none stays out."),
	}
}

// secureURL is an https address (http on the loopback interface) that ends in path, kept as it is written.
func secureURL(to *string, path string) binding {
	return func(v value) error {
		u, err := url.Parse(v.text)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return errors.New("not an address: write https://host and its path, without user, query and fragment")
		}
		if loopback := slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
			return errors.New("must begin with https:// (http:// is for the loopback interface only)")
		}
		if path != "" && u.Path != path {
			return fmt.Errorf("must end in %s", path)
		}
		*to = v.text
		return nil
	}
}

func scopes(to *[]string) binding {
	return func(v value) error {
		if !slices.Contains(v.list(), "openid") {
			return errors.New("openid must be among them")
		}
		*to = v.list()
		return nil
	}
}

func roleWords(to *map[string]string) binding {
	return func(v value) error {
		out := map[string]string{}
		for i, entry := range v.list() {
			at := strings.LastIndex(entry, ":")
			if at < 1 || !slices.Contains([]string{RoleViewer, RoleOperator, RoleAdmin}, entry[at+1:]) {
				return fmt.Errorf("entry number %d: write word:role with viewer, operator or admin", i+1)
			}
			out[entry[:at]] = entry[at+1:]
		}
		*to = out
		return nil
	}
}

// completeOIDC checks that all is there that a login needs.
func (l *loader) completeOIDC(o OIDC) {
	l.together("the login at an issuer", []part{
		{"TOPUPQ_OPS_OIDC_ISSUER", o.Issuer != ""}, {"TOPUPQ_OPS_OIDC_CLIENT_ID", o.ClientID != ""}, {"TOPUPQ_OPS_OIDC_CLIENT_SECRET", o.ClientSecret != ""},
		{"TOPUPQ_OPS_OIDC_REDIRECT_URL", o.RedirectURL != ""}, {"TOPUPQ_OPS_OIDC_ROLES", len(o.Roles) > 0},
	})
}
