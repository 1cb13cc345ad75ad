package reloadlysim

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// control answers under /_sim/: bookings, requests and faults to read, script, balance and reset to post.
func (s *Sim) control(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /_sim/bookings":
		writeJSON(w, s.Bookings())
	case "GET /_sim/requests":
		writeJSON(w, s.Requests())
	case "GET /_sim/faults":
		writeJSON(w, faults)
	case "POST /_sim/script":
		s.postScript(w, r)
	case "POST /_sim/balance":
		s.postBalance(w, r)
	case "POST /_sim/reset":
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func (s *Sim) postScript(w http.ResponseWriter, r *http.Request) {
	var rule struct {
		Rule
		Delay string `json:"delay"` // Go duration text, such as "2s"
	}
	if err := readJSON(r, &rule); err != nil {
		http.Error(w, "a JSON rule is needed", http.StatusBadRequest)
		return
	}
	if faultKinds[rule.Fault] == unknownFault {
		http.Error(w, "no such fault; GET /_sim/faults lists them", http.StatusBadRequest)
		return
	}
	if rule.Delay != "" {
		d, err := time.ParseDuration(rule.Delay)
		if err != nil {
			http.Error(w, "delay must be a duration such as 2s", http.StatusBadRequest)
			return
		}
		rule.Rule.Delay = d
	}
	s.Script(rule.Rule)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) postBalance(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Balance loose `json:"balance"`
	}
	if err := readJSON(r, &b); err != nil || b.Balance == "" {
		http.Error(w, `{"balance":"100.00"} is needed`, http.StatusBadRequest)
		return
	}
	s.SetBalance(string(b.Balance))
	w.WriteHeader(http.StatusNoContent)
}

func readJSON(r *http.Request, v any) error {
	return json.NewDecoder(io.LimitReader(r.Body, maxRequestBody)).Decode(v)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
