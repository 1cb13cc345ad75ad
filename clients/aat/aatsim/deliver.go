package aatsim

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"topupq/clients/internal/simulation"
)

const (
	contentXML   = "text/xml; charset=utf-8"
	contentPlain = "text/plain; charset=utf-8"
	contentHTML  = "text/html; charset=utf-8"

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

// written is the answer as it goes out.
func (o outbound) written() simulation.Answer {
	return simulation.Answer{Status: o.status, ContentType: o.contentType, Body: o.body}
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
	status, said := r.Status, cmp.Or(r.Body, r.Code)
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
	if simulation.Withhold(w, r, out.rule) {
		return 0
	}
	if out.lost {
		simulation.Hang(w, r, out.rule.Delay)
		return 0
	}
	huge := simulation.Answer{Status: http.StatusOK, ContentType: contentXML, Body: []byte("<RechargeInfo><OrderRef>")}
	if status, done := simulation.Distort(w, r, out.rule, out.written(), huge); done {
		return status
	}
	out = spoil(out)
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	return out.written().Write(w)
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
