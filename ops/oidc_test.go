package ops

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// settings are those of a listener that lets people of the issuer in.
func (f *fakeIssuer) settings(listener string) *OIDC {
	return &OIDC{
		Issuer: f.URL, ClientID: "topupq", ClientSecret: oidcSecret, RedirectURL: listener + oidcCallback, Scopes: []string{"openid", "email"},
		NameClaim: "email", RoleClaim: "realm_access.roles", Roles: map[string]Role{"support": RoleViewer, "payments": RoleOperator, "root": RoleAdmin},
	}
}

// startOIDC is a listener with an issuer, and users of its own unless none are wanted.
func startOIDC(t *testing.T, us []User) (*listener, *fakeIssuer, *Server) {
	t.Helper()
	f := newFakeIssuer(t)
	l := start(t, func(c *Config) { c.Users = us })
	s := l.Config.Handler.(*Server)
	must(t, s.Rotate(us, f.settings(l.URL), nil))
	return l, f, s
}

// browser follows redirects and keeps cookies, as people's do.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &http.Client{Jar: jar}
}

func visitPage(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	must(t, err)
	req.Header.Set("Accept", "text/html")
	resp, err := c.Do(req)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(b)
}

func who(email string, roles ...any) map[string]any {
	return map[string]any{"email": email, "realm_access": map[string]any{"roles": roles}}
}

func TestOIDCLogin(t *testing.T) {
	t.Parallel()
	l, f, s := startOIDC(t, users())
	if _, page := visitPage(t, browser(t), l.URL+"/login?next=/metrics"); !strings.Contains(page, `href="/login/oidc?next=%2fmetrics"`) || !strings.Contains(page, "password") {
		t.Errorf("the form does not offer both ways:\n%s", page)
	}
	for name, tt := range map[string]struct {
		claims  map[string]any
		bend    func(map[string]any)
		foreign bool
		status  int
		role    Role
	}{
		"an operator":          {claims: who("olga@example.org", "support", "payments", 7), status: 200, role: RoleOperator},
		"a viewer":             {claims: who("vic@example.org", "support"), status: 200, role: RoleViewer},
		"nobody of ours":       {claims: who("eve@example.org", "kitchen"), status: 403},
		"no roles at all":      {claims: map[string]any{"email": "eve@example.org"}, status: 403},
		"no name":              {claims: who("", "root"), status: 403},
		"the name of a user":   {claims: who("vera", "root"), status: 403},
		"an unproved address":  {claims: who("olga@example.org", "root"), bend: func(c map[string]any) { c["email_verified"] = false }, status: 403},
		"another nonce":        {claims: who("olga@example.org", "root"), bend: func(c map[string]any) { c["nonce"] = "x" }, status: 403},
		"for another client":   {claims: who("olga@example.org", "root"), bend: func(c map[string]any) { c["aud"] = "other" }, status: 401},
		"of another issuer":    {claims: who("olga@example.org", "root"), bend: func(c map[string]any) { c["iss"] = "https://e.example" }, status: 401},
		"an old token":         {claims: who("olga@example.org", "root"), bend: func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() }, status: 401},
		"signed by a stranger": {claims: who("olga@example.org", "root"), foreign: true, status: 401},
	} {
		f.logsIn(tt.claims, tt.bend, tt.foreign)
		c := browser(t)
		status, page := visitPage(t, c, l.URL+oidcPath+"?next=/metrics")
		if status != tt.status || strings.Contains(page, oidcSecret) {
			t.Errorf("%s: %d\n%s", name, status, page)
		}
		at, err := url.Parse(l.URL)
		must(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.URL, http.NoBody)
		must(t, err)
		for _, cookie := range c.Jar.Cookies(at) {
			r.AddCookie(cookie)
		}
		u, in := s.sessions.user(r)
		if in != (tt.role != "") || u.Role != tt.role {
			t.Errorf("%s: logged in %v as %q", name, in, u.Role)
		}
		if in && !strings.Contains(page, `url=/metrics"`) {
			t.Errorf("%s: does not go on:\n%s", name, page)
		}
	}
	for _, entry := range l.logs.All() {
		if strings.Contains(entry.Message, oidcSecret) || strings.Contains(strings.Join(values(entry.ContextMap()), " "), oidcSecret) {
			t.Error("the client's secret is in the logs")
		}
	}
}

func values(m map[string]any) []string {
	var out []string
	for _, v := range m {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// TestOIDCAnswersBelongToTheirVisit: an answer is good once, for the browser that asked.
func TestOIDCAnswersBelongToTheirVisit(t *testing.T) {
	t.Parallel()
	l, f, _ := startOIDC(t, nil)
	f.logsIn(who("olga@example.org", "root"), nil, false)
	var answered string
	c := browser(t)
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == oidcCallback {
			answered = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	visitPage(t, c, l.URL+oidcPath)
	if status, _ := visitPage(t, browser(t), answered); status != 403 {
		t.Errorf("an answer in a strange browser: %d", status)
	}
	forged := strings.Replace(answered, "state=", "state=x", 1)
	if status, _ := visitPage(t, c, forged); status != 403 {
		t.Errorf("another state: %d", status)
	}
	if status, _ := visitPage(t, c, answered); status != 403 {
		t.Errorf("the visit was not over after its first answer: %d", status)
	}
	visitPage(t, c, l.URL+oidcPath)
	denied := l.URL + oidcCallback + "?error=access_denied&state=" + must1(url.Parse(answered)).Query().Get("state")
	if status, page := visitPage(t, c, denied); status != 401 || strings.Contains(page, "access_denied") {
		t.Errorf("a refusal of the issuer: %d", status)
	}
	visitPage(t, c, l.URL+oidcPath)
	l.advance(visitLife + time.Second)
	if status, _ := visitPage(t, c, answered); status != 403 {
		t.Errorf("a visit of eleven minutes: %d", status)
	}
}

func must1(u *url.URL, _ error) *url.URL { return u }

// TestOIDCSessionsEnd: with their time, with other rules for roles, and with the issuer.
func TestOIDCSessionsEnd(t *testing.T) {
	t.Parallel()
	l, f, s := startOIDC(t, nil) // nobody but the issuer's people
	f.logsIn(who("olga@example.org", "payments"), func(c map[string]any) { c["exp"] = l.clock().Add(time.Minute).Unix() }, false)
	login := func() *http.Client {
		t.Helper()
		c := browser(t)
		if status, _ := visitPage(t, c, l.URL+oidcPath); status != 200 {
			t.Fatalf("login: %d", status)
		}
		if status, _ := visitPage(t, c, l.URL+"/metrics"); status != 200 {
			t.Fatalf("after the login: %d", status)
		}
		return c
	}
	shut := func(c *http.Client, why string) {
		t.Helper()
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if status, _ := visitPage(t, c, l.URL+"/metrics"); status == 200 {
			t.Errorf("a session outlives %s", why)
		}
	}
	c := login()
	l.advance(oidcLife)
	shut(c, "its time")
	c, stricter := login(), f.settings(l.URL)
	stricter.Roles = map[string]Role{"root": RoleAdmin}
	must(t, s.Rotate(nil, stricter, nil))
	shut(c, "the rule that let it in")
	must(t, s.Rotate(nil, f.settings(l.URL), nil))
	c = login()
	must(t, s.Rotate(users(), nil, nil))
	shut(c, "its issuer")
	if status, _ := visitPage(t, browser(t), l.URL+oidcPath); status != 404 {
		t.Errorf("the issuer's login is still there: %d", status)
	}
}

func TestOIDCMistakes(t *testing.T) {
	t.Parallel()
	good := OIDC{
		Issuer: "https://i.example/", ClientID: "c", ClientSecret: "s", RedirectURL: "https://o.example/login/oidc/callback", Scopes: []string{"openid"},
		NameClaim: "email", RoleClaim: "groups", Roles: map[string]Role{"a": RoleViewer},
	}
	must(t, good.check())
	for name, spoil := range map[string]func(*OIDC){
		"plain issuer": func(o *OIDC) { o.Issuer = "http://i.example" }, "no issuer": func(o *OIDC) { o.Issuer = "" },
		"plain redirect": func(o *OIDC) { o.RedirectURL = "http://o.example/login/oidc/callback" }, "other path": func(o *OIDC) { o.RedirectURL = "https://o.example/" },
		"no secret": func(o *OIDC) { o.ClientSecret = "" }, "no roles": func(o *OIDC) { o.Roles = nil }, "no scope": func(o *OIDC) { o.Scopes = nil },
		"unknown role": func(o *OIDC) { o.Roles = map[string]Role{"a": "king"} },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	claims := map[string]any{"https://x/roles": "a", "one": map[string]any{"two": []any{"b", 1, "c"}}}
	for path, want := range map[string][]string{"https://x/roles": {"a"}, "one.two": {"b", "c"}, "one.three": nil, "none": nil} {
		if d := cmp.Diff(want, listed(claim(claims, path))); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}
