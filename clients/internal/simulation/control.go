package simulation

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/shopspring/decimal"
)

// Simulator is what the control calls steer.
type Simulator interface {
	Bookings() []Booking
	Requests() []Request
	Script(r Rule)
	SetBalance(balance string)
	Reset()
}

// Control answers the calls under /_sim/.
type Control struct {
	Simulator Simulator
	// Known reports whether a rule may carry the fault.
	Known func(fault string) bool
	// Faults is what GET faults tells: one line for each fault and, where they are on, for each magic number.
	Faults func() any
	// Limit is how many bytes of a body are read.
	Limit int64
	// More are the calls of this simulator only, by method and name, such as "POST callback".
	More map[string]http.HandlerFunc
}

// Serve answers one call; name is what follows /_sim/ in its path.
func (c *Control) Serve(w http.ResponseWriter, r *http.Request, name string) {
	call := r.Method + " " + name
	if more, ok := c.More[call]; ok {
		more(w, r)
		return
	}
	switch call {
	case "GET bookings":
		Write(w, http.StatusOK, c.Simulator.Bookings())
	case "GET requests":
		Write(w, http.StatusOK, c.Simulator.Requests())
	case "GET faults":
		Write(w, http.StatusOK, c.Faults())
	case "POST script":
		c.script(w, r)
	case "POST balance":
		c.balance(w, r)
	case "POST reset":
		c.Simulator.Reset()
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "no such control call")
	}
}

// ruleRequest is a Rule as POST /_sim/script takes it: its delay is Go duration text.
type ruleRequest struct {
	Match  Match  `json:"match"`
	Fault  string `json:"fault"`
	Times  int    `json:"times"`
	Delay  string `json:"delay"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Body   string `json:"body"`
}

func (c *Control) script(w http.ResponseWriter, r *http.Request) {
	var in ruleRequest
	if !c.read(w, r, &in) {
		return
	}
	if !c.Known(in.Fault) {
		refuse(w, http.StatusBadRequest, "unknown fault; GET /_sim/faults lists them")
		return
	}
	var delay time.Duration
	if in.Delay != "" {
		var err error
		if delay, err = time.ParseDuration(in.Delay); err != nil {
			refuse(w, http.StatusBadRequest, `delay is not a duration such as "1.5s"`)
			return
		}
	}
	c.Simulator.Script(Rule{Match: in.Match, Fault: in.Fault, Times: in.Times, Delay: delay, Status: in.Status, Code: in.Code, Body: in.Body})
	w.WriteHeader(http.StatusNoContent)
}

func (c *Control) balance(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Balance string `json:"balance"`
	}
	if !c.read(w, r, &in) {
		return
	}
	if _, err := decimal.NewFromString(in.Balance); err != nil {
		refuse(w, http.StatusBadRequest, "balance is not decimal text")
		return
	}
	c.Simulator.SetBalance(in.Balance)
	w.WriteHeader(http.StatusNoContent)
}

// Callback is the control call that sets where call-backs go: {"url":"…"}.
func (c *Control) Callback(set func(url string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			URL string `json:"url"`
		}
		if c.read(w, r, &in) {
			set(in.URL)
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

func (c *Control) read(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, c.Limit))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		refuse(w, http.StatusBadRequest, "body is not the JSON expected: "+err.Error())
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, message string) {
	Write(w, status, map[string]string{"error": message})
}

// Write answers a control call with v as JSON.
func Write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"cannot encode"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
