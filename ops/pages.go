package ops

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

// pages are our own: login, logout, and how to set users.
type pages struct {
	templates *template.Template
}

func parsePages() (pages, error) {
	t, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return pages{}, fmt.Errorf("parse the operator's pages: %w", err)
	}
	return pages{templates: t}, nil
}

// loginForm is what the login page shows: where to go on to, what went wrong, and the ways to log in.
type loginForm struct {
	Next, Mistake   string
	Passwords, OIDC bool
}

func (p pages) login(w http.ResponseWriter, status int, f loginForm) {
	p.show(w, status, "login.html", f)
}

// onward is a page of ours that goes on to next by itself.
func (p pages) onward(w http.ResponseWriter, next string) {
	p.show(w, http.StatusOK, "onward.html", next)
}

func (p pages) logout(w http.ResponseWriter, u User) {
	p.show(w, http.StatusOK, "logout.html", map[string]string{"Name": u.Name, "Role": string(u.Role)})
}

// setup stands for everything while no user is configured.
func (p pages) setup(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusServiceUnavailable, "setup.html", nil)
}

func (p pages) show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "cannot draw the page", http.StatusInternalServerError)
		return
	}
	secure(w, "style-src 'unsafe-inline'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
