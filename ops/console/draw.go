package console

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Policy is the content security policy that the pages work with, to be added to one that allows nothing.
const Policy = "style-src 'self'; img-src 'self'"

func (c *Console) draw(w http.ResponseWriter, r *http.Request, v Visitor, status int, d drawing) {
	var b bytes.Buffer
	data := view{Title: d.title, Path: r.URL.RequestURI(), Visitor: v, Now: c.cfg.Now().UTC(), Refresh: d.refresh, Body: d.body}
	if err := c.pages.ExecuteTemplate(&b, d.template, data); err != nil {
		c.cfg.Log.Error("page not drawn", zap.String("page", d.template), zap.Error(err))
		http.Error(w, "cannot draw the page", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// funcs are what the templates may call.
func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"time":   func(t time.Time) string { return stamp(t, "2006-01-02 15:04:05") },
		"clock":  func(t time.Time) string { return stamp(t, "15:04:05") },
		"ago":    func(t time.Time) string { return since(t, c.cfg.Now()) },
		"span":   span,
		"number": number,
		"plural": plural,
		"state":  func(s topup.State) string { return s.String() },
		"active": func(path, prefix string) bool { return active(path, prefix) },
		"query":  func(pairs ...string) template.URL { return template.URL(query(pairs)) }, //nolint:gosec // query escapes every value
		"phone":  phone,
		"moneys": moneys,
	}
}

func stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format(layout)
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return "—"
	}
	if d := now.Sub(t); d >= 0 {
		return span(d) + " ago"
	}
	return "in " + span(t.Sub(now))
}

// span is a duration in the two units that matter.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return joinUnits(int(d.Minutes()), "min", int(d.Seconds())%60, "s")
	case d < 24*time.Hour:
		return joinUnits(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	default:
		return joinUnits(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
	}
}

func joinUnits(a int, unit string, b int, smaller string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, smaller)
}

// number has thin spaces between thousands.
func number(n any) string {
	digits := fmt.Sprint(n)
	var parts []string
	for len(digits) > 3 {
		parts = append([]string{digits[len(digits)-3:]}, parts...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, parts...), "\u202f")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", number(n), many)
}

func active(path, prefix string) bool {
	if prefix == "/" {
		return path == "/"
	}
	return strings.HasPrefix(path, prefix)
}

func query(pairs []string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	return v.Encode()
}

// phone is a number, whole for those who may act.
func phone(m topup.MSISDN, v Visitor) string {
	if v.MayAct {
		return m.E164()
	}
	return m.Masked()
}

func moneys(sums []topup.Money) string {
	if len(sums) == 0 {
		return "—"
	}
	texts := make([]string, len(sums))
	for i, m := range sums {
		texts[i] = m.String()
	}
	return strings.Join(texts, " + ")
}
