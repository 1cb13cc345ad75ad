package ops

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

func TestSession(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), "GET", l.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	post := func(path string, form url.Values) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), "POST", l.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", l.URL)
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}

	resp := get("/dashboard/queues/submit:aat?x=1")
	if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != "/login?next=%2Fdashboard%2Fqueues%2Fsubmit%3Aaat%3Fx%3D1" {
		t.Fatalf("not sent to the form: %d %s", resp.StatusCode, to)
	}
	resp = post("/login", url.Values{"name": {"vera"}, "password": {"no"}})
	if resp.StatusCode != 401 || len(resp.Cookies()) != 0 {
		t.Fatalf("wrong password: %d %v", resp.StatusCode, resp.Cookies())
	}
	resp = post("/login", url.Values{"name": {"vera"}, "password": {"v-pass"}, "next": {"/dashboard/queues/x"}})
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/dashboard/queues/x" || len(resp.Cookies()) != 1 {
		t.Fatalf("login: %d %v", resp.StatusCode, resp.Header)
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || strings.Contains(c.Value, "vera") {
		t.Errorf("cookie: %+v", c)
	}
	if got := get("/dashboard").StatusCode; got != 200 {
		t.Errorf("with the session: %d", got)
	}
	if got := post("/dashboard/api/queues/q:pause", nil).StatusCode; got != 403 {
		t.Errorf("a viewer's session may act: %d", got)
	}
	if got := get("/logout").StatusCode; got != 200 {
		t.Errorf("logout page: %d", got)
	}
	if got := post("/logout", nil).StatusCode; got != 303 {
		t.Errorf("logout: %d", got)
	}
	stolen, _ := l.ask(t, "GET", "/dashboard", "", "", "Cookie: "+c.Name+"="+c.Value)
	if stolen.StatusCode != 401 {
		t.Errorf("the session outlives its logout: %d", stolen.StatusCode)
	}
	if got := get("/logout").StatusCode; got != 303 {
		t.Errorf("logout page without a session: %d", got)
	}
}

// TestSessionEnds covers age, a changed password, a changed role, another replica and a forged cookie.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	clock := time.Now()
	now := func() time.Time { return clock }
	replica := func(secrets []topup.Secret, us []User) *sessions {
		p, err := newPasswords(us, now)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSessions(secrets, p, now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := replica([]topup.Secret{"key"}, users())
	rec := httptest.NewRecorder()
	tls := httptest.NewRequestWithContext(t.Context(), "POST", "https://ops/login", nil)
	if err := first.start(rec, tls, "otto"); err != nil {
		t.Fatal(err)
	}
	made := rec.Result().Cookies()[0]
	if !made.Secure {
		t.Error("not marked secure over TLS")
	}
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/dashboard", nil)
	request.AddCookie(made)
	changed := users()
	changed[1].Password = "other"
	demoted := users()
	demoted[1].Role = RoleViewer
	for name, tt := range map[string]struct {
		s    *sessions
		want bool
	}{
		"the same process": {first, true},
		"another replica":  {replica([]topup.Secret{"key"}, users()), true},
		"another key":      {replica([]topup.Secret{"other"}, users()), false},
		"a newer key":      {replica([]topup.Secret{"newer", "key"}, users()), true},
		"a random key":     {replica(nil, users()), false},
		"changed password": {replica([]topup.Secret{"key"}, changed), false},
		"changed role":     {replica([]topup.Secret{"key"}, demoted), false},
		"removed user":     {replica([]topup.Secret{"key"}, users()[:1]), false},
	} {
		if _, ok := tt.s.user(request); ok != tt.want {
			t.Errorf("%s: %v", name, ok)
		}
	}
	clock = clock.Add(sessionLife)
	if _, ok := first.user(request); ok {
		t.Error("the session does not grow old")
	}
}
