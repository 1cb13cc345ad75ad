package rechargekitsim

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
	textError = `{"error":1,"msg":"Internal server error"}`
)

// deliver gives the answer, or not, as the rule says. It returns the HTTP status that was written, 0 for none.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, in *inbound, out outbound) int {
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
	status, body, contentType := spoil(in, out)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(body)
	return status
}

// spoil is the answer in the form that the fault gives it.
func spoil(in *inbound, out outbound) (status int, body []byte, contentType string) {
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
		return http.StatusOK, nil, asJSON
	case "html":
		return http.StatusOK, []byte(htmlPage), asHTML
	}
	return out.status, alter(out), asJSON
}

// alter changes members of an answer about an order.
func alter(out outbound) []byte {
	body, o := out.body, out.order
	if o == nil {
		return body
	}
	switch out.rule.Fault {
	case "bare_text":
		return bytes.Replace(body, []byte(`"`+textQueued+`"`), []byte(textQueued), 1)
	case "wrong_types":
		return setStatus(body, `{"code":1}`)
	case "unknown_status":
		return setStatus(body, orText(out.rule.Code, "7"))
	case "duplicate_keys":
		return append(bytes.TrimSuffix(body, []byte("}")), `,"status":3,"status":1}`...)
	case "other_amount":
		return append([]byte(`{"amount":"`+o.amount.Add(o.amount).String()+`",`), withoutAmount(body, o)...)
	case "other_number":
		return append([]byte(`{"mobile_no":"9000000000",`), body[1:]...)
	case "other_reference":
		return append([]byte(`{"partnerreqid":"another-order",`), withoutReference(body, o)...)
	}
	return body
}

func setStatus(body []byte, value string) []byte {
	for _, status := range []int{statusSuccess, statusPending, statusFailed} {
		old := []byte(`"status":` + strconv.Itoa(status))
		if bytes.Contains(body, old) {
			return bytes.Replace(body, old, []byte(`"status":`+value), 1)
		}
	}
	return body
}

func withoutAmount(body []byte, o *order) []byte {
	return bytes.Replace(body, []byte(`"amount":`+o.amount.String()+`,`), nil, 1)[1:]
}

func withoutReference(body []byte, o *order) []byte {
	return bytes.Replace(body, []byte(`"partnerreqid":"`+o.reference+`",`), nil, 1)[1:]
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
	w.WriteHeader(http.StatusOK)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if _, err := io.WriteString(w, `{"error":0,"status":1,"msg":"`); err != nil {
		return http.StatusOK
	}
	for range hugeChunks {
		if _, err := w.Write(chunk); err != nil {
			break
		}
	}
	return http.StatusOK
}
