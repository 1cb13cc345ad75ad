package ops

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"topupq/topup"
)

// OIDC is a login at an OpenID Connect issuer beside the users of the configuration.
type OIDC struct {
	// Issuer is its address exactly as it writes it: https, or http on the loopback interface.
	Issuer, ClientID string
	ClientSecret     topup.Secret
	// RedirectURL is where the issuer sends people back to: the listener's public address with /login/oidc/callback.
	RedirectURL string
	// Scopes are asked for; openid must be among them.
	Scopes []string
	// NameClaim is the claim of the ID token that names a person in the audit log. It must be one that people cannot change
	// themselves: two people are told apart by it.
	NameClaim string
	// RoleClaim holds a word or a list of words, as a member or as a path with dots; Roles says what role a word gives. The
	// highest role counts, and without any nobody gets in.
	RoleClaim string
	Roles     map[string]Role
}

const (
	oidcPath     = "/login/oidc"
	oidcCallback = oidcPath + "/callback"
	oidcTimeout  = 10 * time.Second
	// oidcLife is how long a session of the issuer lasts: roles are taken away there, and noticed at the next login.
	oidcLife = 4 * time.Hour
)

// check names what is wrong in the settings.
func (o *OIDC) check() error {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || !safeScheme(issuer) {
		return errors.New("oidc: the issuer must be an https address")
	}
	back, err := url.Parse(o.RedirectURL)
	if err != nil || back.Host == "" || !safeScheme(back) || back.Path != oidcCallback {
		return fmt.Errorf("oidc: the redirect URL must be an https address that ends in %s", oidcCallback)
	}
	if o.ClientID == "" || o.ClientSecret == "" || o.NameClaim == "" || o.RoleClaim == "" || len(o.Roles) == 0 || !slices.Contains(o.Scopes, oidc.ScopeOpenID) {
		return errors.New("oidc: client ID, client secret, name claim, role claim, roles and the scope openid are needed")
	}
	for word, role := range o.Roles {
		if role != RoleViewer && !role.MayAct() {
			return fmt.Errorf("oidc: unknown role %q of %q", role, word)
		}
	}
	return nil
}

func safeScheme(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
}

// mark changes with everything that a login at the issuer rests on.
func (o *OIDC) mark() string {
	text, _ := json.Marshal([]any{o.Issuer, o.ClientID, o.NameClaim, o.RoleClaim, o.Roles}) // strings always encode
	sum := sha256.Sum256(text)
	return base64.RawStdEncoding.EncodeToString(sum[:9])
}

// issuer logs people in. What the issuer says of itself is read at the first login: it may be away when we start.
type issuer struct {
	cfg  OIDC
	http *http.Client
	now  func() time.Time

	mu    sync.Mutex
	found *oidc.Provider
}

func newIssuer(cfg OIDC, now func() time.Time) *issuer {
	return &issuer{cfg: cfg, http: &http.Client{Timeout: oidcTimeout}, now: now}
}

// discover returns what the issuer says of itself.
func (i *issuer) discover(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found != nil {
		return i.found, nil
	}
	// The provider keeps the context for its later reads of keys, so it must not end with the request.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.http), i.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the issuer: %w", err)
	}
	i.found = found
	return found, nil
}

func (i *issuer) client(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: i.cfg.ClientID, ClientSecret: i.cfg.ClientSecret.Reveal(), RedirectURL: i.cfg.RedirectURL, Scopes: i.cfg.Scopes, Endpoint: p.Endpoint(),
	}
}

// errors of a login, in words for whoever logs in. What the issuer itself says is only logged.
var (
	errNoRole  = errors.New("your account has no role here: ask for one where your groups are kept")
	errNoName  = errors.New("your account has no name that can be used here")
	errNotYou  = errors.New("the answer does not belong to this login: try again")
	errNoLogin = errors.New("the login did not succeed: try again")
)

// user exchanges the code of an answer for the person's name and role.
func (i *issuer) user(ctx context.Context, code string, v visit) (User, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, i.http), oidcTimeout)
	defer cancel()
	p, err := i.discover(ctx)
	if err != nil {
		return User{}, err
	}
	token, err := i.client(p).Exchange(ctx, code, oauth2.VerifierOption(v.Verifier))
	if err != nil {
		return User{}, errors.New("exchange the code: the issuer refused") // the cause may hold its answer
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return User{}, errors.New("exchange the code: there is no ID token")
	}
	id, err := p.VerifierContext(ctx, &oidc.Config{ClientID: i.cfg.ClientID, Now: i.now}).Verify(ctx, raw)
	if err != nil {
		return User{}, fmt.Errorf("verify the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(v.Nonce)) != 1 {
		return User{}, errNotYou
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return User{}, fmt.Errorf("read the ID token: %w", err)
	}
	return i.person(claims)
}

// person reads name and role from the claims.
func (i *issuer) person(claims map[string]any) (User, error) {
	name, _ := claim(claims, i.cfg.NameClaim).(string)
	if verified, told := claims["email_verified"].(bool); i.cfg.NameClaim == "email" && told && !verified {
		name = ""
	}
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return User{}, errNoName
	}
	u := User{Name: name}
	for _, word := range listed(claim(claims, i.cfg.RoleClaim)) {
		if role := i.cfg.Roles[word]; rank(role) > rank(u.Role) {
			u.Role = role
		}
	}
	if u.Role == "" {
		return User{}, errNoRole
	}
	return u, nil
}

func rank(r Role) int { return slices.Index([]Role{RoleViewer, RoleOperator, RoleAdmin}, r) }

// claim is a member by its name, else by a path with dots.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, ok := strings.Cut(name, ".")
	if inner, is := claims[first].(map[string]any); ok && is {
		return claim(inner, rest)
	}
	return nil
}

// listed are the words of a claim: one, or a list.
func listed(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	default:
		return nil
	}
}
