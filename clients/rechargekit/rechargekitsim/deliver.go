package rechargekitsim

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"time"

	"topupq/clients/internal/simulation"
)

const (
	magicPending = 2 * time.Second
	magicSlow    = 1500 * time.Millisecond
	magicHidden  = 3 * time.Second

	htmlPage  = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
	textError = `{"error":1,"msg":"Internal server error"}`
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
	huge := simulation.Answer{Status: http.StatusOK, ContentType: asJSON, Body: []byte(`{"error":0,"status":1,"msg":"`)}
	if status, done := simulation.Distort(w, r, out.rule, whole, huge); done {
		return status
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
		return simulation.Answer{Status: http.StatusOK, ContentType: asJSON}
	case "html":
		return simulation.Answer{Status: http.StatusOK, ContentType: asHTML, Body: []byte(htmlPage)}
	}
	return simulation.Answer{Status: out.status, ContentType: asJSON, Body: alter(out)}
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
		return setStatus(body, cmp.Or(out.rule.Code, "7"))
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
