package simulation

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	hugeChunks  = 1024 // of 64 KiB
	defaultDrip = time.Second

	htmlPage = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
)

// Answer is what goes out over HTTP.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Withhold gives no answer where the rule's fault is one of that kind, and reports whether it was. The connection is
// cut then: at once, or when Delay or the caller's patience is over.
func Withhold(w http.ResponseWriter, r *http.Request, rule Rule) bool {
	switch rule.Fault {
	case "timeout_before", "timeout_after":
		wait(r.Context(), rule.Delay)
	case "cut_before", "cut_after", "drop_kept_alive_after":
	default:
		return false
	}
	cut(w)
	return true
}

// Distort gives the answer in another manner where the rule's fault is one of that kind; done is false where it still
// has to be written, once the rule's delay is over. Huge answers begin with huge.
func Distort(w http.ResponseWriter, r *http.Request, rule Rule, a, huge Answer) (status int, done bool) {
	switch rule.Fault {
	case "drip":
		a.drip(w, r, rule.Delay)
		return a.Status, true
	case "huge":
		huge.swell(w)
		return huge.Status, true
	case "redirect":
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return http.StatusTemporaryRedirect, true
	}
	if rule.Delay > 0 {
		wait(r.Context(), rule.Delay)
	}
	return 0, false
}

// Spoil is what comes in the place of an answer of this status and content type where the fault is an error of the
// server, of a gateway before it, or a page; exception is the body of the server's own error.
func Spoil(fault string, status int, contentType, exception string) (a Answer, spoilt bool) {
	page := Answer{ContentType: "text/html", Body: []byte(htmlPage)}
	switch fault {
	case "http_500_before", "http_500_after":
		return Answer{Status: http.StatusInternalServerError, ContentType: contentType, Body: []byte(exception)}, true
	case "http_502_html_after":
		page.Status = http.StatusBadGateway
	case "http_503_after":
		page.Status = http.StatusServiceUnavailable
	case "http_504_after":
		page.Status = http.StatusGatewayTimeout
	case "html":
		page.Status = status
	case "empty":
		return Answer{Status: status, ContentType: contentType}, true
	default:
		return Answer{}, false
	}
	return page, true
}

// Truncate gives a complete HTTP answer whose body is the first half of the text. It returns the status.
func (a Answer) Truncate(w http.ResponseWriter) int {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)/2))
	a.Body = a.Body[:len(a.Body)/2]
	return a.Write(w)
}

// Write gives the answer and returns its status.
func (a Answer) Write(w http.ResponseWriter) int {
	w.Header().Set("Content-Type", a.ContentType)
	w.WriteHeader(a.Status)
	w.Write(a.Body)
	return a.Status
}

// drip writes one byte at a time.
func (a Answer) drip(w http.ResponseWriter, r *http.Request, pause time.Duration) {
	w.Header().Set("Content-Type", a.ContentType)
	w.WriteHeader(a.Status)
	flush := http.NewResponseController(w).Flush
	for _, b := range a.Body {
		if _, err := w.Write([]byte{b}); err != nil || flush() != nil || r.Context().Err() != nil {
			break
		}
		wait(r.Context(), Positive(pause, defaultDrip))
	}
}

// swell writes the body and 64 MiB after it, unless the caller hangs up first.
func (a Answer) swell(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.ContentType)
	w.WriteHeader(a.Status)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if _, err := w.Write(a.Body); err != nil {
		return
	}
	for range hugeChunks {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// Hang gives no answer for d, at least for a moment, and cuts the connection.
func Hang(w http.ResponseWriter, r *http.Request, d time.Duration) {
	wait(r.Context(), max(d, time.Nanosecond))
	cut(w)
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

// wait waits for the caller to give up, and at most d where d is above 0.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		<-ctx.Done()
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Positive is v, or fallback where v is not above 0.
func Positive(v, fallback time.Duration) time.Duration {
	if v <= 0 {
		return fallback
	}
	return v
}
