package bulksmssim

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// webhook is one registered address.
type webhook struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	URL          string `json:"url"`
	TriggerScope string `json:"triggerScope"`
}

// addWebhook answers POST /webhooks: the address is called with an empty list and must answer 2xx.
func (s *Sim) addWebhook(in *inbound) outbound {
	var w webhook
	if err := json.Unmarshal(in.body, &w); err != nil || w.Name == "" || w.URL == "" || (w.TriggerScope != "SENT" && w.TriggerScope != "RECEIVED") {
		return problem(http.StatusBadRequest, "bad-request", "name, url and triggerScope (SENT or RECEIVED) are required")
	}
	if status := s.callbacks.Post(w.URL, []byte("[]")); status/100 != 2 {
		return problem(http.StatusBadRequest, "bad-request", fmt.Sprintf("Invoking the Webhook URL caused an error: %d", status))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.ID = fmt.Sprint(len(s.webhooks) + 1)
	s.webhooks = append(s.webhooks, w)
	return outbound{status: http.StatusCreated, body: encode(w)}
}

// Settle sends every report that is due by the clock, once: BulkSMS repeats failed calls for two days, the simulator
// does not. It runs by itself when the clock is the real one.
func (s *Sim) Settle() {
	s.mu.Lock()
	now := s.opts.Clock()
	var due [][]byte
	var later []notice
	for _, n := range s.notices {
		if now.Before(n.at) {
			later = append(later, n)
			continue
		}
		due = append(due, encode([]messageAnswer{n.message.answer(n.status)}))
	}
	s.notices = later
	hooks := append([]webhook(nil), s.webhooks...)
	s.mu.Unlock()
	for _, body := range due {
		for _, h := range hooks {
			if h.TriggerScope == "SENT" {
				s.callbacks.Post(h.URL, body)
			}
		}
	}
}

// Close stops the timers and waits for the reports under way.
func (s *Sim) Close() { s.callbacks.Close() }

// schedule keeps reports until they are due, each with a timer. The caller holds the lock.
func (s *Sim) schedule(notices []notice) {
	if len(s.webhooks) == 0 || s.callbacks.Closed() {
		return
	}
	s.notices = append(s.notices, notices...)
	for _, n := range notices {
		s.callbacks.After(n.at.Sub(n.message.at), s.Settle)
	}
}
