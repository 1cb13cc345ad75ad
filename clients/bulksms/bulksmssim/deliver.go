package bulksmssim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	hugeChunks   = 1024 // of 64 KiB
	defaultDrip  = time.Second
	magicPending = 2 * time.Second
	magicSlow    = 1500 * time.Millisecond
	magicHidden  = 3 * time.Second

	htmlPage  = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
	textError = `{"type":"https://developer.bulksms.com/json/v1/errors#internal","title":"Internal Server Error","status":500}`
)

// deliver gives the answer, or not, as the rule says. It returns the HTTP status that was written, 0 for none.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, out outbound) int {
	switch out.rule.Fault {
	case "timeout_before", "timeout_after":
		wait(r.Context(), out.rule.Delay)
		return cut(w)
	case "cut_before", "cut_after", "drop_kept_alive_after":
		return cut(w)
	case "drip":
		return drip(w, r, out)
	case "huge":
		return huge(w)
	case "truncated":
		return truncated(w, out)
	case "redirect":
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return http.StatusTemporaryRedirect
	}
	if out.rule.Delay > 0 {
		wait(r.Context(), out.rule.Delay)
	}
	status, body, contentType := spoil(out)
	for name, values := range out.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(body)
	return status
}

// spoil is the answer in the form that the fault gives it.
func spoil(out outbound) (status int, body []byte, contentType string) {
	const asJSON, asHTML = "application/json; charset=utf-8", "text/html"
	switch out.rule.Fault {
	case "http_500_before", "http_500_after":
		return http.StatusInternalServerError, []byte(textError), asJSON
	case "http_502_html_after":
		return http.StatusBadGateway, []byte(htmlPage), asHTML
	case "http_503_after":
		return http.StatusServiceUnavailable, []byte(htmlPage), asHTML
	case "http_504_after":
		return http.StatusGatewayTimeout, []byte(htmlPage), asHTML
	case "empty":
		return out.status, nil, asJSON
	case "html":
		return out.status, []byte(htmlPage), asHTML
	}
	return out.status, alter(out), asJSON
}

// alter changes members of an answer about a message.
func alter(out outbound) []byte {
	m := out.about
	if m == nil {
		return out.body
	}
	replace := func(old, now string) []byte { return bytes.Replace(out.body, []byte(old), []byte(now), 1) }
	switch out.rule.Fault {
	case "wrong_types":
		return replace(`"status":{`, `"status":7,"_":{`)
	case "unknown_status":
		word := orText(out.rule.Code, "PONDERING")
		return replace(`"status":{`, `"status":{"id":"`+word+`.null","type":"`+word+`"},"_":{`)
	case "duplicate_keys":
		return replace(`"id":"`+m.id+`"`, `"id":"4000000000","id":"`+m.id+`"`)
	case "other_number":
		return replace(`"to":"`+m.to+`"`, `"to":"27820000000"`)
	case "other_reference":
		return replace(`"userSuppliedId":"`+m.reference+`"`, `"userSuppliedId":"another"`)
	}
	return out.body
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

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) int {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
	return 0
}

// truncated gives a complete HTTP answer whose body is the first half of the JSON text.
func truncated(w http.ResponseWriter, out outbound) int {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)/2))
	w.WriteHeader(out.status)
	w.Write(out.body[:len(out.body)/2])
	return out.status
}

// drip writes one byte at a time.
func drip(w http.ResponseWriter, r *http.Request, out outbound) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(out.status)
	flush := http.NewResponseController(w).Flush
	for _, b := range out.body {
		if _, err := w.Write([]byte{b}); err != nil || flush() != nil || r.Context().Err() != nil {
			break
		}
		wait(r.Context(), orDuration(out.rule.Delay, defaultDrip))
	}
	return out.status
}

// huge writes 64 MiB of one JSON text, unless the caller hangs up first.
func huge(w http.ResponseWriter) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if _, err := io.WriteString(w, `[{"id":"4","body":"`); err != nil {
		return http.StatusCreated
	}
	for range hugeChunks {
		if _, err := w.Write(chunk); err != nil {
			break
		}
	}
	return http.StatusCreated
}
