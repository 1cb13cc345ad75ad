package ops

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/securecookie"

	"topupq/topup"
)

const (
	sessionCookie = "topupq_ops"
	sessionLife   = 12 * time.Hour
	sessionKeys   = "topupq ops session"
)

// session is what the cookie holds, signed and encrypted.
type session struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Mark    string    `json:"mark"`
	Started time.Time `json:"started"`
	// Role is that of somebody who has logged in at the issuer, whose mark is then Mark.
	Role Role `json:"role,omitempty"`
}

// sessions makes and reads the cookies. One that was logged out stays refused by this process; a changed password
// or role ends it everywhere.
type sessions struct {
	passwords *passwords
	now       func() time.Time

	// issuer is the mark of the issuer whose logins count, "" for none.
	issuer func() string

	mu     sync.Mutex
	codecs []securecookie.Codec
	ended  map[string]time.Time
}

func newSessions(secrets []topup.Secret, p *passwords, now func() time.Time) (*sessions, error) {
	if len(secrets) == 0 {
		secrets = []topup.Secret{topup.Secret(rand.Text() + rand.Text())}
	}
	s := &sessions{passwords: p, now: now, ended: map[string]time.Time{}}
	return s, s.replaceKeys(secrets)
}

// replaceKeys has new sessions signed with the first secret, and those of all of them held good. None changes nothing.
func (s *sessions) replaceKeys(secrets []topup.Secret) error {
	var codecs []securecookie.Codec
	for _, secret := range secrets {
		keys, err := hkdf.Key(sha256.New, []byte(secret.Reveal()), nil, sessionKeys, 64)
		if err != nil {
			return fmt.Errorf("derive session keys: %w", err)
		}
		codecs = append(codecs, securecookie.New(keys[:32], keys[32:]).MaxAge(int(sessionLife/time.Second)).SetSerializer(securecookie.JSONEncoder{}))
	}
	if len(codecs) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codecs = codecs
	return nil
}

// sealers are the keys of this moment.
func (s *sessions) sealers() []securecookie.Codec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codecs
}

// start answers with a new session's cookie.
func (s *sessions) start(w http.ResponseWriter, r *http.Request, name string) error {
	_, mark, _ := s.passwords.user(name)
	return s.set(w, r, session{ID: rand.Text(), User: name, Mark: mark, Started: s.now()})
}

// startAs answers with a new session's cookie for somebody who has logged in at the issuer.
func (s *sessions) startAs(w http.ResponseWriter, r *http.Request, u User, mark string) error {
	return s.set(w, r, session{ID: rand.Text(), User: u.Name, Role: u.Role, Mark: mark, Started: s.now()})
}

func (s *sessions) set(w http.ResponseWriter, r *http.Request, v session) error {
	value, err := securecookie.EncodeMulti(sessionCookie, v, s.sealers()...)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	http.SetCookie(w, cookie(r, value, int(sessionLife/time.Second)))
	return nil
}

// user returns the user whose session the request carries.
func (s *sessions) user(r *http.Request) (User, bool) {
	v, ok := s.read(r)
	if !ok {
		return User{}, false
	}
	if v.Role != "" {
		holds := s.issuer != nil && v.Mark == s.issuer() && s.now().Before(v.Started.Add(oidcLife))
		return User{Name: v.User, Role: v.Role}, holds
	}
	u, mark, known := s.passwords.user(v.User)
	return u, known && mark == v.Mark
}

func (s *sessions) read(r *http.Request) (session, bool) {
	var v session
	c, err := r.Cookie(sessionCookie)
	if err != nil || securecookie.DecodeMulti(sessionCookie, c.Value, &v, s.sealers()...) != nil {
		return v, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, over := s.ended[v.ID]
	return v, !over && s.now().Before(v.Started.Add(sessionLife))
}

// end logs the request's session out.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.read(r); ok {
		s.mu.Lock()
		for id, until := range s.ended {
			if !s.now().Before(until) {
				delete(s.ended, id)
			}
		}
		s.ended[v.ID] = v.Started.Add(sessionLife)
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(r, "", -1))
}

// cookie is sent back to this host only, never by a link or form of another site, and is out of reach of scripts.
func cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS(r),
	}
}

// overTLS also believes a proxy in front: a forged header only makes the cookie stricter.
func overTLS(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}
