package rechargekitsim

import (
	"encoding/json"
)

// callbackBody is the shape that one integrator receives in production: note opttranid and pid.
type callbackBody struct {
	Status     int         `json:"status"`
	OrderID    string      `json:"orderid"`
	OpTranID   string      `json:"opttranid"`
	PID        string      `json:"pid"`
	Commission json.Number `json:"commission"`
}

// SetCallbackURL sets where call-backs go from now on; empty for nowhere.
func (s *Sim) SetCallbackURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callbackURL = url
}

// Settle sends every call-back that is due by the clock, in the order in which the orders came. It runs by itself
// when the clock is the real one.
func (s *Sim) Settle() {
	s.mu.Lock()
	url, now := s.callbackURL, s.opts.Clock()
	var due, later []notice
	for _, n := range s.notices {
		if now.Before(n.at) {
			later = append(later, n)
			continue
		}
		due = append(due, n)
	}
	s.notices = later
	s.mu.Unlock()
	for _, n := range due {
		s.notify(url, n)
	}
}

// Close stops the timers and waits for the call-backs under way.
func (s *Sim) Close() { s.callbacks.Close() }

// schedule keeps call-backs until they are due, each with a timer. The caller holds the lock.
func (s *Sim) schedule(notices []notice) {
	if s.callbackURL == "" || s.callbacks.Closed() {
		return
	}
	s.notices = append(s.notices, notices...)
	for _, n := range notices {
		s.callbacks.After(n.at.Sub(n.order.at), s.Settle)
	}
}

// notify makes one call-back. RechargeKit's habits of repeating it are not known: a failed one is not repeated.
func (s *Sim) notify(url string, n notice) {
	if url == "" {
		return
	}
	o := n.order
	body := callbackBody{Status: n.status, OrderID: o.id(), PID: o.reference, Commission: "0"}
	if n.status == statusSuccess {
		body.OpTranID, body.Commission = o.opTransID(), json.Number(o.commission().String())
	}
	s.callbacks.Post(url, encode(body))
}
