package ops

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/hibiken/asynq"

	"topupq/ops/console"
	"topupq/topup"
)

// Server is the operator's listener.
type Server struct {
	cfg       Config
	passwords *passwords
	sessions  *sessions
	throttle  *throttle
	pages     pages
	issuer    atomic.Pointer[issuer]
	// open is everything, shut what is served while nobody may log in.
	open, shut http.Handler
}

// New returns the listener. The error names what is wrong in cfg and holds no password.
//
//	/           the console, where there is one
//	/dashboard  the asynq dashboard        /metrics  Prometheus, for every user
//	/login      form, or /login/oidc       /logout   form
//	/healthz    open: the process serves
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	passwords, err := newPasswords(cfg.Users, cfg.Now)
	if err != nil {
		return nil, err
	}
	sessions, err := newSessions(cfg.SessionKeys, passwords, cfg.Now)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, passwords: passwords, sessions: sessions, throttle: newThrottle(cfg.Now), pages: pages}
	sessions.issuer = s.issuerMark
	s.setIssuer(cfg.OIDC)
	shut, open := http.NewServeMux(), http.NewServeMux()
	shut.HandleFunc("/", pages.setup)
	for _, mux := range []*http.ServeMux{shut, open} {
		mux.HandleFunc("GET /healthz", healthz)
	}
	if err := s.routes(open); err != nil {
		return nil, err
	}
	s.open, s.shut = http.NewCrossOriginProtection().Handler(open), shut
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.passwords.count() == 0 && s.issuer.Load() == nil {
		s.shut.ServeHTTP(w, r)
		return
	}
	s.open.ServeHTTP(w, r)
}

// setIssuer has people log in at an issuer, nil for none.
func (s *Server) setIssuer(cfg *OIDC) {
	if cfg == nil {
		s.issuer.Store(nil)
		return
	}
	s.issuer.Store(newIssuer(*cfg, s.cfg.Now))
}

func (s *Server) issuerMark() string {
	i := s.issuer.Load()
	if i == nil {
		return "none"
	}
	return i.cfg.mark()
}

// Rotate puts other users, issuer and session keys in the place of those in force. Sessions of users whose password or role has
// changed end at once, those of the others go on as long as the key that signed them is among the new ones. An error
// leaves the users as they were.
func (s *Server) Rotate(users []User, issuer *OIDC, sessionKeys []topup.Secret) error {
	if issuer != nil {
		if err := issuer.check(); err != nil {
			return err
		}
	}
	if err := checkUsers(users); err != nil {
		return err
	}
	if err := s.passwords.replace(users); err != nil {
		return err
	}
	s.setIssuer(issuer)
	return s.sessions.replaceKeys(sessionKeys)
}

func (s *Server) routes(mux *http.ServeMux) error {
	inspector := asynq.NewInspectorFromRedisClient(s.cfg.Redis)
	board, err := newDashboard(s.cfg.Redis, inspector, s.cfg.archive)
	if err != nil {
		return err
	}
	metrics, err := metricsHandler(s.cfg.Metrics, inspector)
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /login", s.showLogin)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET "+oidcPath, s.leave)
	mux.HandleFunc("GET "+oidcCallback, s.comeBack)
	mux.HandleFunc("GET /logout", s.showLogout)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("GET /metrics", s.loggedIn(func(w http.ResponseWriter, r *http.Request, _ User) { metrics.ServeHTTP(w, r) }))
	mux.Handle(dashboardPath+"/", s.loggedIn(s.guard(board)))
	mux.Handle(dashboardPath, s.loggedIn(s.guard(board)))
	if s.cfg.Console == nil {
		mux.HandleFunc("/", home)
		return nil
	}
	mux.Handle("/", s.loggedIn(func(w http.ResponseWriter, r *http.Request, u User) {
		secure(w, console.Policy)
		s.cfg.Console.Serve(w, r, console.Visitor{Name: u.Name, Role: string(u.Role), Remote: remote(r), MayAct: u.Role.MayAct()})
	}))
	return nil
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

func home(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	http.Redirect(w, r, dashboardPath, http.StatusSeeOther)
}

// loggedIn lets users through: by session, or by HTTP Basic.
func (s *Server) loggedIn(next func(http.ResponseWriter, *http.Request, User)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w, "")
		if name, password, basic := r.BasicAuth(); basic {
			if u, ok := s.authenticate(w, r, name, password); ok {
				next(w, r, u)
			}
			return
		}
		if u, ok := s.sessions.user(r); ok {
			next(w, r, u)
			return
		}
		challenge(w, r)
	})
}

// challenge sends people to the form and programs a 401. A script of the dashboard gets no Basic challenge, since
// the browser would then ask for the password in a window of its own.
func challenge(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/login?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	}
	if r.Header.Get("Sec-Fetch-Mode") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="topupq", charset="UTF-8"`)
	}
	http.Error(w, "log in at /login, or by HTTP Basic", http.StatusUnauthorized)
}

// secure sets the headers of every page; policy is its content security policy, "" for nothing at all.
func secure(w http.ResponseWriter, policy string) {
	const base = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	h := w.Header()
	h.Set("Content-Security-Policy", strings.TrimSuffix(base+"; "+policy, "; "))
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it a form's Origin is "null", and the cross-origin check of plain http needs it.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
