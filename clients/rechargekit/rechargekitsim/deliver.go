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

	contentJSON = "application/json; charset=utf-8"
	textError   = `{"error":1,"msg":"Internal server error"}`
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
	huge := simulation.Answer{Status: http.StatusOK, ContentType: bare, Body: []byte(`{"error":0,"status":1,"msg":"`)}
	if status, done := simulation.Distort(w, r, out.rule, whole, huge); done {
		return status
	}
	spoilt, instead := simulation.Spoil(out.rule.Fault, http.StatusOK, contentJSON, textError)
	if instead {
		return spoilt.Write(w)
	}
	return simulation.Answer{Status: out.status, ContentType: contentJSON, Body: alter(out)}.Write(w)
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
