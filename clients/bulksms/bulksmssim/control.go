package bulksmssim

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/shopspring/decimal"
)

// ruleRequest is a Rule as POST /_sim/script takes it.
type ruleRequest struct {
	Match struct {
		Reference string `json:"reference"`
		Recipient string `json:"recipient"`
		Path      string `json:"path"`
	} `json:"match"`
	Fault  string `json:"fault"`
	Times  int    `json:"times"`
	Delay  string `json:"delay"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Body   string `json:"body"`
}

// control answers the calls under /_sim/.
func (s *Sim) control(w http.ResponseWriter, r *http.Request, name string) {
	switch r.Method + " " + name {
	case "GET bookings":
		writeControl(w, http.StatusOK, s.Bookings())
	case "GET messages":
		writeControl(w, http.StatusOK, s.Messages())
	case "GET requests":
		writeControl(w, http.StatusOK, s.Requests())
	case "GET faults":
		writeControl(w, http.StatusOK, s.faultList())
	case "POST script":
		s.controlScript(w, r)
	case "POST balance":
		s.controlBalance(w, r)
	case "POST reset":
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	default:
		controlError(w, http.StatusNotFound, "no such control call")
	}
}

type faultLine struct {
	Fault string `json:"fault"`
	About string `json:"about"`
}

func (s *Sim) faultList() []faultLine {
	var list []faultLine
	for _, f := range faults {
		list = append(list, faultLine{f.name, f.about})
	}
	if s.opts.Magic {
		for _, m := range magicNumbers {
			if m.about != "" {
				list = append(list, faultLine{"number ending in " + m.digits, m.about})
			}
		}
	}
	return list
}

func (s *Sim) controlScript(w http.ResponseWriter, r *http.Request) {
	var in ruleRequest
	if !readControl(w, r, &in) {
		return
	}
	if _, known := findFault(in.Fault); !known {
		controlError(w, http.StatusBadRequest, "unknown fault; GET /_sim/faults lists them")
		return
	}
	var delay time.Duration
	if in.Delay != "" {
		var err error
		if delay, err = time.ParseDuration(in.Delay); err != nil {
			controlError(w, http.StatusBadRequest, `delay is not a duration such as "1.5s"`)
			return
		}
	}
	s.Script(Rule{Match: Match(in.Match), Fault: in.Fault, Times: in.Times, Delay: delay, Status: in.Status, Code: in.Code, Body: in.Body})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) controlBalance(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Balance string `json:"balance"`
	}
	if !readControl(w, r, &in) {
		return
	}
	if _, err := decimal.NewFromString(in.Balance); err != nil {
		controlError(w, http.StatusBadRequest, "balance is not decimal text")
		return
	}
	s.SetBalance(in.Balance)
	w.WriteHeader(http.StatusNoContent)
}

func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		controlError(w, http.StatusBadRequest, "body is not the JSON expected: "+err.Error())
		return false
	}
	return true
}

func controlError(w http.ResponseWriter, status int, message string) {
	writeControl(w, status, map[string]string{"error": message})
}

func writeControl(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(encode(v), '\n'))
}
