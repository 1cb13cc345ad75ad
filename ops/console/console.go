// Package console is the operators' own pages: what the installation is doing, what became of a top-up, what waits
// for a person, and the acts of package operator with a preview before each. Pages are drawn on the server, with no
// script and nothing from other hosts. Who may see and do what is decided by the caller, who hands in a Visitor.
package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"go.uber.org/zap"

	"topupq/operator"
	"topupq/topup"
)

// Visitor is who is logged in.
type Visitor struct {
	Name, Role, Remote string
	// MayAct is false for viewers: they see everything but whole numbers, and change nothing.
	MayAct bool
}

// Balance is a provider's float.
type Balance struct {
	Provider topup.ProviderName
	Left     topup.Money
	// At is when it was read; Err says why it could not be, in words without secrets.
	At  time.Time
	Err string
}

// Queue is one of asynq's queues.
type Queue struct {
	Name                                        string
	Pending, Active, Scheduled, Retry, Archived int
	Latency                                     time.Duration
	Paused                                      bool
}

// Config is what New needs. Desk is required.
type Config struct {
	Desk *operator.Desk
	// Balances and Queues are asked at every overview; they remember by themselves. nil shows none.
	Balances func(ctx context.Context) []Balance
	Queues   func(ctx context.Context) ([]Queue, error)
	Log      *zap.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Console serves the pages.
type Console struct {
	cfg   Config
	mux   *http.ServeMux
	pages *template.Template
	style []byte
}

//go:embed pages/*.html pages/console.css
var files embed.FS

// New parses the pages.
func New(cfg Config) (*Console, error) {
	if cfg.Desk == nil {
		return nil, errors.New("the console needs the operators' desk")
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Console{cfg: cfg, mux: http.NewServeMux()}
	var err error
	if c.pages, err = template.New("").Funcs(c.funcs()).ParseFS(files, "pages/*.html"); err != nil {
		return nil, fmt.Errorf("parse the console's pages: %w", err)
	}
	if c.style, err = files.ReadFile("pages/console.css"); err != nil {
		return nil, fmt.Errorf("read the console's style: %w", err)
	}
	c.route("GET /{$}", c.overview)
	c.route("GET /search", c.search)
	c.route("GET /topups/{id}", c.topup)
	c.route("GET /act", c.preview)
	c.route("POST /act", c.apply)
	c.route("GET /pauses", c.pauses)
	c.route("POST /pauses", c.setPause)
	c.route("GET /audit", c.audit)
	c.mux.HandleFunc("GET /assets/console.css", c.css)
	return c, nil
}

// visitorKey finds the visitor in a request's context.
type visitorKey struct{}

// Serve answers r for a visitor.
func (c *Console) Serve(w http.ResponseWriter, r *http.Request, v Visitor) {
	c.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, v)))
}

// view is what every page gets.
type view struct {
	Title   string
	Path    string
	Visitor Visitor
	Now     time.Time
	// Refresh is in seconds, 0 for never.
	Refresh int
	Body    any
}

// page handles a request: it returns the template's name, the title and the data.
type page func(r *http.Request, v Visitor) (drawing, error)

type drawing struct {
	template, title string
	refresh         int
	body            any
	// next redirects instead.
	next string
}

func (c *Console) route(pattern string, p page) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, ok := r.Context().Value(visitorKey{}).(Visitor)
		if !ok {
			http.Error(w, "log in first", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost && !v.MayAct {
			c.fail(w, r, v, http.StatusForbidden, "A viewer may only read: ask an operator.")
			return
		}
		d, err := p(r, v)
		if err != nil {
			status, text := c.mistake(err)
			c.fail(w, r, v, status, text)
			return
		}
		if d.next != "" {
			http.Redirect(w, r, d.next, http.StatusSeeOther)
			return
		}
		c.draw(w, r, v, http.StatusOK, d)
	})
}

// mistake is how an error is answered.
func (c *Console) mistake(err error) (int, string) {
	var refused *operator.Refusal
	switch {
	case errors.As(err, &refused):
		return http.StatusUnprocessableEntity, refused.Why
	case errors.Is(err, topup.ErrNotFound):
		return http.StatusNotFound, "There is no such top-up."
	case errors.Is(err, topup.ErrUnavailable):
		c.cfg.Log.Warn("store away", zap.Error(err))
		return http.StatusServiceUnavailable, "The ledger's Redis cannot be used at the moment. Nothing was lost; try again."
	default:
		c.cfg.Log.Error("page failed", zap.Error(err))
		return http.StatusInternalServerError, "Something went wrong. The log tells more."
	}
}

func (c *Console) fail(w http.ResponseWriter, r *http.Request, v Visitor, status int, text string) {
	c.draw(w, r, v, status, drawing{template: "mistake.html", title: "Not done", body: text})
}

func (c *Console) css(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "private, max-age=300")
	_, _ = w.Write(c.style)
}
