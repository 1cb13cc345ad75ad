package rechargekitsim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

const callbackTimeout = 5 * time.Second

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
func (s *Sim) Close() {
	s.mu.Lock()
	s.closed = true
	s.stopTimers()
	s.mu.Unlock()
	s.sending.Wait()
	s.client.CloseIdleConnections()
}

// schedule keeps call-backs until they are due, each with a timer. The caller holds the lock.
func (s *Sim) schedule(notices []notice) {
	if s.callbackURL == "" || s.closed {
		return
	}
	s.notices = append(s.notices, notices...)
	for _, n := range notices {
		var t *time.Timer
		s.sending.Add(1)
		t = time.AfterFunc(n.at.Sub(n.order.at), func() {
			defer s.sending.Done()
			s.mu.Lock()
			delete(s.timers, t)
			s.mu.Unlock()
			s.Settle()
		})
		s.timers[t] = struct{}{}
	}
}

// stopTimers stops every timer that has not fired. The caller holds the lock.
func (s *Sim) stopTimers() {
	for t := range s.timers {
		if t.Stop() {
			s.sending.Done()
		}
		delete(s.timers, t)
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
	ctx, cancel := context.WithTimeout(context.Background(), callbackTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(encode(body)))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if resp, err := s.client.Do(req); err == nil {
		resp.Body.Close()
	}
}
