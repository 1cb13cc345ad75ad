package aatsim

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	contentXML   = "text/xml; charset=utf-8"
	contentPlain = "text/plain; charset=utf-8"
	contentHTML  = "text/html; charset=utf-8"

	hugeChunks  = 1024 // of 64 KiB
	defaultDrip = time.Second

	htmlPage      = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
	textException = "System.NullReferenceException: Object reference not set to an instance of an object."
)

// outbound is the answer that the provider means to give, with the rule that decides how it is delivered.
type outbound struct {
	status      int
	contentType string
	body        []byte
	// root is what body was made from, nil where it is not XML.
	root *element
	rule Rule
	// lost means that there is no answer: the request is still at work.
	lost bool
}

func answerXML(root element) outbound {
	return outbound{status: http.StatusOK, contentType: contentXML, body: document(root), root: &root}
}

func answerPlain(status int, text string) outbound {
	return outbound{status: status, contentType: contentPlain, body: []byte(escape(text) + "\r\n")}
}

func answerHTML(status int, page string) outbound {
	return outbound{status: status, contentType: contentHTML, body: []byte(page)}
}

// handle decides the answer: the rules, then the service's own checks.
func (s *Sim) handle(in *inbound) outbound {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	about, rule := s.take(in)
	in.about = about
	out := s.answer(in, rule)
	out.rule = rule
	return out
}

// answer is handle below the lock.
func (s *Sim) answer(in *inbound, rule Rule) outbound {
	f, _ := findFault(rule.Fault)
	method := in.request.Method
	if !in.known || method != http.MethodGet && method != http.MethodPost {
		last := in.path[strings.LastIndex(in.path, "/")+1:]
		return answerHTML(http.StatusInternalServerError, "<html><head><title>Request format is unrecognized for URL unexpectedly ending in '/"+
			escape(last)+"'.</title></head><body></body></html>")
	}
	switch f.name {
	case "timeout_before", "cut_before", "http_500_before":
		return answerPlain(http.StatusInternalServerError, textException)
	case "error":
		return scripted(in, rule)
	}
	if exception := in.parse(); exception != "" {
		return answerPlain(http.StatusInternalServerError, exception)
	}
	return s.answerParsed(in, f, rule)
}

func (s *Sim) answerParsed(in *inbound, f fault, rule Rule) outbound {
	switch {
	case f.name == "unauthorized" && rule.Status != 0 && rule.Status != http.StatusOK:
		return answerPlain(rule.Status, textUnauthorized)
	case f.name == "unauthorized" || !s.authorized(in):
		return answerXML(in.operation.refused(textUnauthorized))
	case f.name == "duplicate":
		return answerXML(rechargeError(in.operation.recharge.duplicate))
	case f.name == "insufficient":
		return answerXML(rechargeError(s.textCredit()))
	case !in.pays():
		return answerXML(in.operation.answer(s, in))
	}
	root, lost := s.perform(in)
	if lost {
		return outbound{lost: true}
	}
	return answerXML(root)
}

func (s *Sim) authorized(in *inbound) bool {
	return s.opts.Username == "" || in.values["username"] == s.opts.Username && in.values["password"] == s.opts.Password
}

// scripted is the answer of the fault "error".
func scripted(in *inbound, r Rule) outbound {
	status, said := r.Status, orText(r.Body, r.Code)
	if status == 0 {
		status = http.StatusOK
	}
	switch {
	case strings.HasPrefix(said, "<"):
		return outbound{status: status, contentType: contentXML, body: []byte(said)}
	case status != http.StatusOK:
		return answerPlain(status, said)
	default:
		return answerXML(in.operation.refused(said))
	}
}

// deliver gives the answer, or not, as the rule says. It returns the HTTP status that was written, 0 for none.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, out outbound) int {
	switch out.rule.Fault {
	case "timeout_before", "timeout_after":
		wait(r.Context(), out.rule.Delay)
		return cut(w)
	case "cut_before", "cut_after", "drop_kept_alive_after":
		return cut(w)
	}
	if out.lost {
		wait(r.Context(), max(out.rule.Delay, time.Nanosecond))
		return cut(w)
	}
	switch out.rule.Fault {
	case "drip":
		return drip(w, r, out)
	case "huge":
		return huge(w)
	case "redirect":
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return http.StatusTemporaryRedirect
	}
	if out.rule.Delay > 0 {
		wait(r.Context(), out.rule.Delay)
	}
	out = spoil(out)
	w.Header().Set("Content-Type", out.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	w.Write(out.body)
	return out.status
}

// spoil is the answer in the form that the fault gives it.
func spoil(out outbound) outbound {
	switch out.rule.Fault {
	case "http_500_before", "http_500_after":
		return answerPlain(http.StatusInternalServerError, textException)
	case "http_502_html_after":
		return answerHTML(http.StatusBadGateway, htmlPage)
	case "http_503_after":
		return answerHTML(http.StatusServiceUnavailable, htmlPage)
	case "http_504_after":
		return answerHTML(http.StatusGatewayTimeout, htmlPage)
	case "html":
		return answerHTML(http.StatusOK, htmlPage)
	case "empty":
		out.body = nil
	case "truncated":
		out.body = out.body[:len(out.body)/2]
	}
	if out.root == nil {
		return out
	}
	switch out.rule.Fault {
	case "empty_element":
		out.body = document(element{name: out.root.name})
	case "wrong_types":
		out.body = document(wrongTypes(*out.root))
	case "duplicate_keys":
		out.body = document(lastTwice(*out.root))
	}
	return out
}

// wrongTypes puts words in the place of numbers and booleans.
func wrongTypes(e element) element {
	if e.value {
		e.text = "abc"
	}
	children := e.children
	e.children = nil
	for _, c := range children {
		e.children = append(e.children, wrongTypes(c))
	}
	return e
}

// lastTwice repeats the last member with another value.
func lastTwice(e element) element {
	if len(e.children) == 0 {
		return e
	}
	twin := e.children[len(e.children)-1]
	if other, ok := map[string]string{"true": "false", "false": "true", wordOK: wordFailed}[twin.text]; ok {
		twin.text = other
	} else {
		twin.text += "1"
	}
	e.children = append(append([]element(nil), e.children...), twin)
	return e
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

// drip writes one byte at a time.
func drip(w http.ResponseWriter, r *http.Request, out outbound) int {
	w.Header().Set("Content-Type", out.contentType)
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

// huge writes 64 MiB of one XML text, unless the caller hangs up first.
func huge(w http.ResponseWriter) int {
	w.Header().Set("Content-Type", contentXML)
	w.WriteHeader(http.StatusOK)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if _, err := io.WriteString(w, "<RechargeInfo><OrderRef>"); err != nil {
		return http.StatusOK
	}
	for range hugeChunks {
		if _, err := w.Write(chunk); err != nil {
			break
		}
	}
	return http.StatusOK
}
