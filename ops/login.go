package ops

import (
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"topupq/topup"
)

const maxForm = 8 << 10

// authenticate checks a name and a password, slowed down after failures. When it returns false it has answered.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, name, password string) (User, bool) {
	u, status := s.tryPassword(w, r, name, password)
	if status == 0 {
		return u, true
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="topupq", charset="UTF-8"`)
	}
	http.Error(w, loginMistake(status), status)
	return User{}, false
}

// tryPassword returns the user, or the status to answer with; 0 means that the password is right.
func (s *Server) tryPassword(w http.ResponseWriter, r *http.Request, name, password string) (User, int) {
	addr := remote(r)
	if wait := s.throttle.wait(name, addr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return User{}, http.StatusTooManyRequests
	}
	u, ok := s.passwords.check(name, topup.Secret(password))
	if !ok {
		s.throttle.failed(name, addr)
		s.cfg.Logger.Warn("operator login refused", zap.String("actor", name), zap.String("remote", addr))
		return User{}, http.StatusUnauthorized
	}
	s.throttle.passed(name, addr)
	return u, 0
}

func loginMistake(status int) string {
	if status == http.StatusTooManyRequests {
		return "Too many wrong passwords. Wait a few minutes and try again."
	}
	return "The name or the password is wrong."
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	s.pages.login(w, http.StatusOK, s.form(localPath(r.URL.Query().Get("next")), ""))
}

// form is the login page as it is to be shown.
func (s *Server) form(next, mistake string) loginForm {
	return loginForm{Next: next, Mistake: mistake, Passwords: s.passwords.count() > 0, OIDC: s.issuer.Load() != nil}
}

// login starts a session for the name and password of the form.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "cannot read the form", http.StatusBadRequest)
		return
	}
	next := localPath(r.PostForm.Get("next"))
	u, status := s.tryPassword(w, r, r.PostForm.Get("name"), r.PostForm.Get("password"))
	if status != 0 {
		s.pages.login(w, status, s.form(next, loginMistake(status)))
		return
	}
	if err := s.sessions.start(w, r, u.Name); err != nil {
		s.cfg.Logger.Error("cannot start a session", zap.Error(err))
		http.Error(w, "cannot start a session", http.StatusInternalServerError)
		return
	}
	s.cfg.Logger.Info("operator logged in", zap.String("actor", u.Name), zap.String("remote", remote(r)))
	secure(w, "")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *Server) showLogout(w http.ResponseWriter, r *http.Request) {
	u, ok := s.sessions.user(r)
	if !ok {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.pages.logout(w, u)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.sessions.end(w, r)
	secure(w, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath is where to go after the login: a path of this host, never another site's address.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
