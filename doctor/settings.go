package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"topupq/topup"
)

// settings looks at what the settings say, without asking anybody.
func settings(c Config) []Finding {
	out := slices.Concat(users(c), transport(c), routes(c))
	if c.AllowPrivate {
		out = append(out, Finding{Warn, "callbacks", "callbacks may go to private addresses: a merchant can make this machine call its neighbours",
			"leave TOPUPQ_ALLOW_PRIVATE_CALLBACKS unset in production"})
	}
	return or(out, "settings", "users, routes and addresses are fine")
}

func users(c Config) []Finding {
	if len(c.Users) == 0 && c.Issuer {
		return nil // who may act is known there, not here
	}
	if len(c.Users) == 0 {
		return []Finding{{Bad, "ops users", "nobody may log in: the console, the dashboard and /metrics stay shut",
			"set TOPUPQ_OPS_USERS, or ops_users in topupq.yaml with the output of topupq hash-password"}}
	}
	var out []Finding
	acting := 0
	for _, u := range c.Users {
		if u.MayAct {
			acting++
		}
		switch {
		case u.Weak:
			out = append(out, Finding{Bad, "ops users", fmt.Sprintf("the password of %s can be guessed: it is empty, its name or very short", u.Name), "give it a long one with topupq hash-password"})
		case !u.Hashed:
			out = append(out, Finding{Warn, "ops users", fmt.Sprintf("the password of %s stands in plain text", u.Name), "put the output of topupq hash-password into ops_users of topupq.yaml"})
		}
	}
	if c.TwoPeople && acting < 2 && !c.Issuer {
		out = append(out, Finding{Bad, "ops users", fmt.Sprintf("TOPUPQ_TWO_PEOPLE_ABOVE asks for two people, but %d may act", acting), "add another user with the role operator or admin"})
	}
	return out
}

// transport refuses providers that are spoken to without TLS, unless they are on this machine.
func transport(c Config) []Finding {
	var out []Finding
	for _, p := range slices.Sorted(maps.Keys(c.BaseURLs)) {
		u, err := url.Parse(c.BaseURLs[p])
		if err == nil && u.Scheme == "http" && !local(u.Hostname()) {
			out = append(out, Finding{Bad, string(p), "it is spoken to without TLS: credentials and numbers can be read on the way",
				"write https:// into TOPUPQ_" + strings.ToUpper(string(p)) + "_BASE_URL"})
		}
	}
	return out
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && (ip.IsLoopback() || ip.IsPrivate()))
}

func routes(c Config) []Finding {
	if len(c.Providers) == 0 {
		return []Finding{{Bad, "providers", "no provider has credentials: every top-up is refused", "set those of at least one provider (topupq config lists the settings)"}}
	}
	var out []Finding
	for _, country := range slices.Sorted(maps.Keys(c.Routes)) {
		if p := c.Routes[country]; c.Providers[p] == nil {
			out = append(out, Finding{Warn, "routes", fmt.Sprintf("%s goes to %s, which has no credentials: such top-ups are refused", country, p),
				"give " + string(p) + " its credentials, or change TOPUPQ_ROUTES"})
		}
	}
	return out
}

// encryption tries the keyring on what the merchants have sealed.
func encryption(ctx context.Context, c Config) []Finding {
	const makeOne = "set TOPUPQ_ENCRYPTION_KEY_FILE to a file with the output of openssl rand -base64 32"
	var out []Finding
	if !c.Keyring.CanSeal() {
		out = append(out, Finding{Bad, "encryption", "there is no encryption key: PINs are not kept, and webhook secrets are kept in plain text", makeOne})
	}
	merchants, err := c.Store.ListMerchants(ctx)
	if err != nil {
		return append(out, Finding{Bad, "merchants", "they cannot be read", "run topupq doctor again when Redis is well"})
	}
	for _, m := range merchants {
		for _, s := range m.Webhook.LiveSecrets(c.Now()) {
			_, err := topup.OpenWebhookSecret(c.Keyring, m.ID, s)
			switch {
			case errors.Is(err, topup.ErrNoKey):
				out = append(out, Finding{Bad, "encryption", fmt.Sprintf("the webhook secret of %s is sealed with a key that is not here: no callback can be signed", m.Name),
					"put the old key back behind the new one in TOPUPQ_ENCRYPTION_KEY, each with its id: new:…,old:…"})
			case err != nil:
				out = append(out, Finding{Bad, "encryption", fmt.Sprintf("the webhook secret of %s was changed or is damaged", m.Name),
					"give the merchant a new one: POST /v1/webhook/rotate"})
			}
		}
	}
	return or(out, "encryption", "the key opens what is sealed")
}
