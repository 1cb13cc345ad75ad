package ops

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"topupq/topup"
)

// TestUsersAreReplacedWithoutARestart: a changed password ends its sessions and no others, a removed user is out, and the
// first user opens a listener that was shut.
func TestUsersAreReplacedWithoutARestart(t *testing.T) {
	t.Parallel()
	var s *Server
	start := func(users []User) *listener {
		return start(t, func(c *Config) { c.Users, c.SessionKeys = users, []topup.Secret{"first"} })
	}
	shut := start(nil)
	s = shut.Config.Handler.(*Server)
	rotate := func(users []User, keys ...topup.Secret) {
		t.Helper()
		if err := s.Rotate(users, nil, keys); err != nil {
			t.Fatal(err)
		}
	}
	rotate(users(), "first")
	if resp, _ := shut.ask(t, "GET", "/metrics", "vera:v-pass", ""); resp.StatusCode != 200 {
		t.Errorf("the first users may not log in: %d", resp.StatusCode)
	}
	l := start(users())
	s = l.Config.Handler.(*Server)
	session := func(name string) string {
		rec := httptest.NewRecorder()
		if err := s.sessions.start(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", http.NoBody), name); err != nil {
			t.Fatal(err)
		}
		c := rec.Result().Cookies()[0]
		return "Cookie: " + c.Name + "=" + c.Value
	}
	vera, otto, anna := session("vera"), session("otto"), session("anna")
	changed := users()[:2] // without anna
	changed[1].Password = "new pass"
	rotate(changed, "second", "first")
	for _, tt := range []struct {
		what, basic, cookie string
		status              int
	}{
		{"an unchanged user", "vera:v-pass", "", 200}, {"the old password", "otto:o:pass", "", 401}, {"the new password", "otto:new pass", "", 200},
		{"a removed user", "anna:a-pass", "", 401}, {"an unchanged user's session", "", vera, 200}, {"the session of a changed password", "", otto, 401},
		{"a removed user's session", "", anna, 401},
	} {
		header := []string{"Accept: text/plain"}
		if tt.cookie != "" {
			header = append(header, tt.cookie)
		}
		if resp, _ := l.ask(t, "GET", "/metrics", tt.basic, "", header...); resp.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.what, resp.StatusCode, tt.status)
		}
	}
	rotate(changed, "second")
	if resp, _ := l.ask(t, "GET", "/metrics", "", "", vera); resp.StatusCode != 401 {
		t.Error("a session holds whose key is gone")
	}
	if err := s.Rotate([]User{{Name: "x", Password: "p", Role: "king"}}, nil, nil); err == nil {
		t.Error("an unknown role is taken")
	}
	if resp, _ := l.ask(t, "GET", "/metrics", "vera:v-pass", ""); resp.StatusCode != 200 {
		t.Error("a refused rotation has changed the users")
	}
}
