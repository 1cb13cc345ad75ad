package bulksmssim

import (
	"bytes"
	"cmp"
	"net/http"
	"time"

	"topupq/clients/internal/simulation"
)

const (
	magicPending = 2 * time.Second
	magicSlow    = 1500 * time.Millisecond
	magicHidden  = 3 * time.Second

	htmlPage  = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
	textError = `{"type":"https://developer.bulksms.com/json/v1/errors#internal","title":"Internal Server Error","status":500}`
)

// deliver gives the answer, or not, as the rule says. It returns the HTTP status that was written, 0 for none.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, out outbound) int {
	if simulation.Withhold(w, r, out.rule) {
		return 0
	}
	const asJSON = "application/json"
	whole := simulation.Answer{Status: out.status, ContentType: asJSON, Body: out.body}
	if out.rule.Fault == "truncated" {
		return whole.Truncate(w)
	}
	huge := simulation.Answer{Status: http.StatusCreated, ContentType: asJSON, Body: []byte(`[{"id":"4","body":"`)}
	if status, done := simulation.Distort(w, r, out.rule, whole, huge); done {
		return status
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	return spoil(out).Write(w)
}

// spoil is the answer in the form that the fault gives it.
func spoil(out outbound) simulation.Answer {
	const asJSON, asHTML = "application/json; charset=utf-8", "text/html"
	switch out.rule.Fault {
	case "http_500_before", "http_500_after":
		return simulation.Answer{Status: http.StatusInternalServerError, ContentType: asJSON, Body: []byte(textError)}
	case "http_502_html_after":
		return simulation.Answer{Status: http.StatusBadGateway, ContentType: asHTML, Body: []byte(htmlPage)}
	case "http_503_after":
		return simulation.Answer{Status: http.StatusServiceUnavailable, ContentType: asHTML, Body: []byte(htmlPage)}
	case "http_504_after":
		return simulation.Answer{Status: http.StatusGatewayTimeout, ContentType: asHTML, Body: []byte(htmlPage)}
	case "empty":
		return simulation.Answer{Status: out.status, ContentType: asJSON}
	case "html":
		return simulation.Answer{Status: out.status, ContentType: asHTML, Body: []byte(htmlPage)}
	}
	return simulation.Answer{Status: out.status, ContentType: asJSON, Body: alter(out)}
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
		word := cmp.Or(out.rule.Code, "PONDERING")
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
