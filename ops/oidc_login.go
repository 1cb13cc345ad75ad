package ops

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/securecookie"
	"go.uber.org/zap"
	"golang.org/x/oauth2"
)

// visit is what a browser carries, sealed, while its owner is at the issuer.
type visit struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"`
	Began    time.Time `json:"began"`
}

const (
	visitCookie = "topupq_ops_oidc"
	visitLife   = 10 * time.Minute
)

// leave sends the browser to the issuer.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	i := s.issuer.Load()
	if i == nil {
		http.NotFound(w, r)
		return
	}
	p, err := i.discover(r.Context())
	if err != nil {
		s.cfg.Logger.Error("the OIDC issuer cannot be reached", zap.Error(err))
		s.pages.login(w, http.StatusBadGateway, s.form(localPath(r.URL.Query().Get("next")), "The login service cannot be reached at the moment."))
		return
	}
	v := visit{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: localPath(r.URL.Query().Get("next")), Began: s.cfg.Now()}
	sealed, err := securecookie.EncodeMulti(visitCookie, v, s.sessions.sealers()...)
	if err != nil {
		s.cfg.Logger.Error("cannot begin a login", zap.Error(err))
		http.Error(w, "cannot begin a login", http.StatusInternalServerError)
		return
	}
	http.SetCookie(w, s.visiting(r, sealed, int(visitLife/time.Second)))
	secure(w, "")
	http.Redirect(w, r, i.client(p).AuthCodeURL(v.State, oidc.Nonce(v.Nonce), oauth2.S256ChallengeOption(v.Verifier)), http.StatusSeeOther)
}

// visiting is the cookie of a visit. It comes back with a navigation from the issuer, so it cannot be strict.
func (s *Server) visiting(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // lax, or it would not come back with the issuer's answer
		Name: visitCookie, Value: value, Path: oidcPath, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: overTLS(r),
	}
}

// comeBack takes the issuer's answer and starts a session.
func (s *Server) comeBack(w http.ResponseWriter, r *http.Request) {
	i := s.issuer.Load()
	if i == nil {
		http.NotFound(w, r)
		return
	}
	http.SetCookie(w, s.visiting(r, "", -1)) // one visit, one answer
	u, next, err := s.identify(r, i)
	if err != nil {
		s.cfg.Logger.Warn("login at the OIDC issuer refused", zap.String("remote", remote(r)), zap.Error(err))
		status, said := http.StatusUnauthorized, errNoLogin
		for _, known := range []error{errNoRole, errNoName, errNotYou} {
			if errors.Is(err, known) {
				status, said = http.StatusForbidden, known
			}
		}
		s.pages.login(w, status, s.form(next, said.Error()))
		return
	}
	if err := s.sessions.startAs(w, r, u, i.cfg.mark()); err != nil {
		s.cfg.Logger.Error("cannot start a session", zap.Error(err))
		http.Error(w, "cannot start a session", http.StatusInternalServerError)
		return
	}
	s.cfg.Logger.Info("operator logged in", zap.String("actor", u.Name), zap.String("role", string(u.Role)), zap.String("by", "oidc"), zap.String("remote", remote(r)))
	// A redirect would still be part of the issuer's navigation, without our strict cookie: a page of ours goes on.
	s.pages.onward(w, next)
}

// identify checks that the answer belongs to this browser's visit, and returns who it is about and where to go on.
func (s *Server) identify(r *http.Request, i *issuer) (User, string, error) {
	var v visit
	c, err := r.Cookie(visitCookie)
	if err != nil || securecookie.DecodeMulti(visitCookie, c.Value, &v, s.sessions.sealers()...) != nil || s.cfg.Now().After(v.Began.Add(visitLife)) {
		return User{}, "/", errNotYou
	}
	q := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(v.State)) != 1 {
		return User{}, v.Next, errNotYou
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		return User{}, v.Next, errNoLogin
	}
	u, err := i.user(r.Context(), q.Get("code"), v)
	if err != nil {
		return User{}, v.Next, err
	}
	if _, taken := s.passwords.account(u.Name); taken {
		return User{}, v.Next, errNoName // two people under one name could pass for one another
	}
	return u, v.Next, nil
}
