package harness

import (
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"topupq/topup"
)

// Figure is one line of a report's table.
type Figure struct{ Name, Value string }

// Report is one run on one page.
type Report struct {
	Title   string
	Figures []Figure
	// Violations by invariant, Cases with a timeline each.
	Violations map[string][]Violation
	Cases      []Case
	Marks      []Event
}

// Case is one top-up that broke a promise.
type Case struct {
	Subject    *Subject
	Booking    Booking
	State      string
	Violations []Violation
	Timeline   []Event
}

// maxCases bounds the timelines on a page.
const maxCases = 50

// NewReport sorts the violations by invariant and draws a timeline for every top-up that has one.
func NewReport(title string, figures []Figure, e *Evidence, violations []Violation) *Report {
	r := &Report{Title: title, Figures: figures, Violations: map[string][]Violation{}}
	by := map[topup.ID][]Violation{}
	for _, v := range violations {
		r.Violations[v.Invariant] = append(r.Violations[v.Invariant], v)
		by[v.ID] = append(by[v.ID], v)
	}
	subjects := map[topup.ID]*Subject{}
	for _, s := range e.Subjects {
		subjects[s.ID] = s
	}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		if s := subjects[id]; s != nil && len(r.Cases) < maxCases {
			r.Cases = append(r.Cases, Case{s, e.Books[id], e.Records[id].State, by[id], e.Timeline(s)})
		}
	}
	for _, m := range e.Marks {
		r.Marks = append(r.Marks, Event{m.At, "test", m.What})
	}
	return r
}

// Lines are the invariants with their counts, for the page and the terminal.
func (r *Report) Lines() []Figure {
	var out []Figure
	for _, i := range Invariants {
		out = append(out, Figure{i.Name + " " + i.Promise, fmt.Sprint(len(r.Violations[i.Name]))})
	}
	return out
}

// Print writes figures and invariants as text.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%s\n", r.Title)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "  %-34s %s\n", f.Name, f.Value)
	}
	fmt.Fprintln(w, "  violations")
	for _, f := range r.Lines() {
		fmt.Fprintf(w, "    %-76s %s\n", f.Name, f.Value)
	}
}

// Save writes the page to path.
func (r *Report) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create report: %w", err)
	}
	defer f.Close()
	page, err := template.New("report").Parse(reportPage)
	if err != nil {
		return fmt.Errorf("parse report page: %w", err)
	}
	if err := page.Execute(f, r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

const reportPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title>
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.15rem .8rem .15rem 0;text-align:left;vertical-align:top}
.t{font-family:ui-monospace,monospace;font-size:13px;width:100%}.t td{border-top:1px solid #8884}
.bad{color:#b3261e;font-weight:600}.record{color:#0b57d0}.provider{color:#8a4b00}.receiver{color:#146c2e}.test{color:#7b1fa2}
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}.record{color:#8ab4f8}.provider{color:#fdd663}.receiver{color:#81c995}.test{color:#d7aefb}.bad{color:#f28b82}}
</style></head><body>
<h1>{{.Title}}</h1>
<table>{{range .Figures}}<tr><th>{{.Name}}</th><td>{{.Value}}</td></tr>{{end}}</table>
<h2>Promises</h2>
<table><tr><th>promise</th><th>violations</th></tr>
{{range .Lines}}<tr><td>{{.Name}}</td><td{{if ne .Value "0"}} class="bad"{{end}}>{{.Value}}</td></tr>{{end}}</table>
{{range $name, $list := .Violations}}{{range $list}}{{if not .ID}}<p class="bad">{{.Invariant}} {{.Text}}</p>{{end}}{{end}}{{end}}
{{range .Cases}}
<h2>{{.Subject.Order.Reference}} <small>{{.Subject.ID}}</small></h2>
{{range .Violations}}<p class="bad">{{.Invariant}} {{.Text}}</p>{{end}}
<p>{{.Subject.Order.Provider}}, {{.Subject.Order.Amount}} {{.Subject.Order.Currency}} for {{.Subject.Order.Recipient}}; the record says {{.State}},
the books {{printf "%q" .Booking.State}} × {{.Booking.Count}}; provider's faults: {{range .Subject.Faults}}{{.}}; {{else}}none{{end}}</p>
<table class="t">{{range .Timeline}}<tr class="{{.Lane}}"><td>{{.Time}}</td><td>{{.Lane}}</td><td>{{.Text}}</td></tr>{{end}}</table>
{{end}}
<h2>What the test did</h2>
<table class="t">{{range .Marks}}<tr class="test"><td>{{.Time}}</td><td>{{.Text}}</td></tr>{{end}}</table>
</body></html>
`
