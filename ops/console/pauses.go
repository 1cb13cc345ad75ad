package console

import (
	"fmt"
	"net/http"
	"strconv"

	"topupq/operator"
	"topupq/topup"
)

// maxForm bounds a form: the IDs of a preview and some words.
const maxForm = 256 << 10

func parse(r *http.Request) error {
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &operator.Refusal{Why: "the form cannot be read"}
	}
	return nil
}

// pausesBody is the data of the pauses page.
type pausesBody struct {
	Pauses    []topup.ScopedPause
	Kinds     []topup.PauseKind
	Merchants map[topup.MerchantID]string
	Form      map[string]string
}

func (c *Console) pauses(r *http.Request, _ Visitor) (drawing, error) {
	b := pausesBody{Kinds: topup.PauseKinds, Form: map[string]string{"kind": r.URL.Query().Get("kind"), "name": r.URL.Query().Get("name")}}
	var err error
	if b.Pauses, err = c.cfg.Desk.Pauses(r.Context()); err != nil {
		return drawing{}, err
	}
	b.Merchants, err = c.cfg.Desk.MerchantNames(r.Context())
	return drawing{template: "pauses.html", title: "Pauses", body: b}, err
}

// setPause pauses or resumes. The form was the preview: it names one scope.
func (c *Console) setPause(r *http.Request, v Visitor) (drawing, error) {
	if err := parse(r); err != nil {
		return drawing{}, err
	}
	scope, err := operator.ParseScope(r.PostForm.Get("kind") + ":" + r.PostForm.Get("name"))
	if err != nil {
		return drawing{}, err
	}
	clerk, reason := c.cfg.Desk.Apply(), r.PostForm.Get("reason")
	switch r.PostForm.Get("act") {
	case "pause":
		err = clerk.Pause(r.Context(), person(v), reason, scope)
	case "resume":
		err = clerk.Resume(r.Context(), person(v), reason, scope)
	default:
		err = &operator.Refusal{Why: "there is no such act"}
	}
	return drawing{next: "/pauses"}, err
}

// auditPage is the number of entries on one page.
const auditPage = 100

// auditBody is the data of the audit page.
type auditBody struct {
	Entries        []topup.AuditEntry
	Last           int64
	Older, Newer   int64
	Verified       bool
	Broken         string
	Mark           operator.Mark
	First, LastRow int64
}

func (c *Console) audit(r *http.Request, _ Visitor) (drawing, error) {
	_, last, err := c.cfg.Desk.AuditLog(r.Context(), 1, 1)
	if err != nil {
		return drawing{}, err
	}
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err != nil || from < 1 {
		from = max(last-auditPage+1, 1)
	}
	b := auditBody{Last: last, First: from, LastRow: min(from+auditPage-1, last)}
	if b.Entries, _, err = c.cfg.Desk.AuditLog(r.Context(), from, auditPage); err != nil {
		return drawing{}, err
	}
	for i, j := 0, len(b.Entries)-1; i < j; i, j = i+1, j-1 {
		b.Entries[i], b.Entries[j] = b.Entries[j], b.Entries[i]
	}
	if from > 1 {
		b.Older = max(from-auditPage, 1)
	}
	if from+auditPage <= last {
		b.Newer = from + auditPage
	}
	if r.URL.Query().Get("verify") != "" {
		b.Verified = true
		if b.Mark, err = c.cfg.Desk.VerifyLog(r.Context()); err != nil {
			b.Broken = fmt.Sprint(err)
		}
	}
	return drawing{template: "audit.html", title: "Audit log", body: b}, nil
}
