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

	contentJSON = "application/json; charset=utf-8"
	textError   = `{"type":"https://developer.bulksms.com/json/v1/errors#internal","title":"Internal Server Error","status":500}`
)

// deliver gives the answer, or not, as the rule says. It returns the HTTP status that was written, 0 for none.
func (s *Sim) deliver(w http.ResponseWriter, r *http.Request, out outbound) int {
	if simulation.Withhold(w, r, out.rule) {
		return 0
	}
	const bare = "application/json" // as it stands on answers that do not arrive whole
	whole := simulation.Answer{Status: out.status, ContentType: bare, Body: out.body}
	if out.rule.Fault == "truncated" {
		return whole.Truncate(w)
	}
	huge := simulation.Answer{Status: http.StatusCreated, ContentType: bare, Body: []byte(`[{"id":"4","body":"`)}
	if status, done := simulation.Distort(w, r, out.rule, whole, huge); done {
		return status
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	spoilt, instead := simulation.Spoil(out.rule.Fault, out.status, contentJSON, textError)
	if instead {
		return spoilt.Write(w)
	}
	return simulation.Answer{Status: out.status, ContentType: contentJSON, Body: alter(out)}.Write(w)
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
