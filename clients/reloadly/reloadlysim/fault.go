package reloadlysim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// faultKind says where in the life of a call a fault strikes.
type faultKind int

const (
	unknownFault faultKind = iota
	// beforeFault strikes instead of the call: nothing is booked.
	beforeFault
	// refusalFault is the same for orders only.
	refusalFault
	// afterFault spoils the answer; what the call does is done.
	afterFault
	// orderFault decides what becomes of an order, hideFault when it can be seen.
	orderFault
	hideFault
	// rowFault changes a transaction in an answer.
	rowFault
)

// Fault is one name that a Rule may carry.
type Fault struct {
	Name        string `json:"name"`
	Description string `json:"description"`

	kind faultKind
}

// Faults lists every fault.
func Faults() []Fault { return append([]Fault{}, faults...) }

var faults = []Fault{
	{"timeout_before", "nothing booked; no answer for Delay (default 1 s), then the connection is cut", beforeFault},
	{"timeout_after", "booked; no answer for Delay (default 1 s), then the connection is cut", afterFault},
	{"cut_after", "booked; the connection is cut at once without an answer", afterFault},
	{"drop_kept_alive_after", "as cut_after, but only on a connection that has carried a call before", afterFault},
	{"http_500_before", "nothing booked; 500 with the framework's body", beforeFault},
	{"http_500_after", "booked; 500 with the framework's body", afterFault},
	{"http_502_html_after", "booked; 502 with HTML", afterFault},
	{"http_503_after", "booked; 503 with the framework's body", afterFault},
	{"http_504_after", "booked; 504 with HTML", afterFault},
	{"truncated", "booked; the JSON ends in the middle", afterFault},
	{"empty", "booked; 200 without a body", afterFault},
	{"html", "booked; 200 with HTML", afterFault},
	{"huge", "booked; 200 with an answer of 20 MiB", afterFault},
	{"wrong_types", "booked; every scalar of the answer has another type", afterFault},
	{"unknown_status", "transactions in answers have status COMPLETED_PERHAPS; counts answers with a transaction", rowFault},
	{"duplicate_keys", "booked; the answer has its keys twice, with other values", afterFault},
	{"other_amount", "transactions in answers have another amount; counts answers with a transaction", rowFault},
	{"other_number", "transactions in answers have another recipient; counts answers with a transaction", rowFault},
	{"other_reference", "transactions in answers have another customIdentifier; counts answers with a transaction", rowFault},
	{"redirect", "booked; Status (default 307) to the same path under /elsewhere", afterFault},
	{"error", "nothing booked; Status (default 400) with errorCode Code and message Body", beforeFault},
	{"duplicate", "order refused as if its customIdentifier were used, booked or not", refusalFault},
	{"recently_recharged", "order refused with PHONE_RECENTLY_RECHARGED", refusalFault},
	{"insufficient", "order refused with INSUFFICIENT_BALANCE", refusalFault},
	{"not_found", "order taken, but not to be found by anything for Delay after (default: ever)", hideFault},
	{"flip_flop", "order succeeds; answers say SUCCESSFUL and PROCESSING (Code failed: FAILED) in turn", orderFault},
	{"pending", "order stays PROCESSING for Delay, then ends as Code says: success (default), failed, refunded", orderFault},
	{"fail", "order taken, then FAILED for good (Code refunded: REFUNDED)", orderFault},
	{"reverse", "order succeeds; after Delay (default Options.ReverseAfter) it is REFUNDED (Code failed: FAILED)", orderFault},
	{"drip", "booked; the answer comes a byte at a time, one every Delay (default 1 s)", afterFault},
	{"slow", "booked; the answer comes after Delay", afterFault},
	{"unauthorized", "401 INVALID_TOKEN instead of the call; with an empty match on everything, the token call included", beforeFault},
}

var faultKinds = func() map[string]faultKind {
	m := map[string]faultKind{}
	for _, f := range faults {
		m[f.Name] = f.kind
	}
	return m
}()

const hugeBytes = 20 << 20

// instead is the answer of a fault that strikes before the call.
func instead(c *call, r Rule) answer {
	switch r.Fault {
	case "timeout_before":
		return answer{act: actCut, delay: orElse(r.Delay, time.Second)}
	case "http_500_before":
		return answer{reply: frameworkError(c, http.StatusInternalServerError)}
	case "duplicate":
		return answer{reply: refuse(c, http.StatusBadRequest, "CUSTOM_IDENTIFIER_ALREADY_USED", "Custom identifier already used")}
	case "recently_recharged":
		return answer{reply: refuse(c, http.StatusBadRequest, "PHONE_RECENTLY_RECHARGED", "Phone was recently recharged")}
	case "insufficient":
		return answer{reply: refuse(c, http.StatusBadRequest, "INSUFFICIENT_BALANCE", "Insufficient balance")}
	case "unauthorized":
		code := "INVALID_TOKEN"
		if c.path == tokenPath {
			code = "INVALID_CREDENTIALS"
		}
		return answer{reply: refuse(c, http.StatusUnauthorized, code, "Access Denied")}
	default: // error
		return answer{reply: refuse(c, orElse(r.Status, http.StatusBadRequest), r.Code, r.Body)}
	}
}

// spoil applies a fault to an answer that is ready.
func spoil(c *call, a answer, r Rule) answer {
	switch r.Fault {
	case "timeout_after":
		return answer{act: actCut, delay: orElse(r.Delay, time.Second)}
	case "cut_after", "drop_kept_alive_after":
		return answer{act: actCut, delay: r.Delay}
	case "http_500_after":
		a.reply = frameworkError(c, http.StatusInternalServerError)
	case "http_502_html_after":
		a.reply = htmlPage(http.StatusBadGateway)
	case "http_503_after":
		a.reply = frameworkError(c, http.StatusServiceUnavailable)
	case "http_504_after":
		a.reply = htmlPage(http.StatusGatewayTimeout)
	case "truncated":
		a.body = a.body[:len(a.body)*2/3]
	case "empty":
		a.body = nil
	case "html":
		a.reply = htmlPage(http.StatusOK)
	case "huge":
		a.body = append(bytes.Repeat([]byte(" "), hugeBytes), a.body...)
	case "wrong_types":
		a.body = rewrite(a.body, otherType)
	case "duplicate_keys":
		a.body = doubled(a.body)
	case "redirect":
		a.reply = reply{status: orElse(r.Status, http.StatusTemporaryRedirect), location: "/elsewhere" + c.path}
	case "drip":
		a.act, a.delay = actDrip, orElse(r.Delay, time.Second)
	case "slow":
		a.act, a.delay = actSlow, r.Delay
	}
	return a
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// otherType gives a scalar a type that nobody expects in its place.
func otherType(v any) any {
	switch v.(type) {
	case json.Number:
		return map[string]any{"value": v}
	case string:
		return []any{v}
	default:
		return map[string]any{}
	}
}

// rewrite applies change to every scalar of a JSON text.
func rewrite(body []byte, change func(any) any) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return body
	}
	out, err := json.Marshal(walk(v, change))
	if err != nil {
		return body
	}
	return out
}

func walk(v any, change func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = walk(v[k], change)
		}
		return v
	case []any:
		for i := range v {
			v[i] = walk(v[i], change)
		}
		return v
	default:
		return change(v)
	}
}

// doubled writes an object's keys twice: first with other values, then as they are.
func doubled(body []byte) []byte {
	text := strings.TrimSpace(string(body))
	if !strings.HasPrefix(text, "{") || text == "{}" {
		return body
	}
	other := string(rewrite(body, func(v any) any {
		switch v.(type) {
		case json.Number:
			return 7
		case string:
			return "FAILED"
		default:
			return v
		}
	}))
	return []byte(strings.TrimSuffix(other, "}") + "," + strings.TrimPrefix(text, "{"))
}
