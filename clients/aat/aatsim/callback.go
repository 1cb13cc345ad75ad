package aatsim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const callbackTimeout = 5 * time.Second

// callbackBody has the ten members of the guide. Only Success has a documented type there.
type callbackBody struct {
	TransactionID string      `json:"TransactionId"`
	ClientRef     string      `json:"ClientRef"`
	OrderRef      string      `json:"OrderRef"`
	MSISDN        string      `json:"MSISDN"`
	Amount        json.Number `json:"Amount"`
	VoucherType   string      `json:"VoucherType"`
	Description   string      `json:"Description"`
	Network       string      `json:"Network"`
	Success       bool        `json:"Success"`
	FailReason    string      `json:"FailReason,omitempty"`
}

// notice is one call-back that is owed.
type notice struct {
	body  callbackBody
	times int
}

// SetCallbackURL sets where call-backs go from now on; empty for nowhere.
func (s *Sim) SetCallbackURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callbackURL = url
}

// owe notes a call-back about what t has just become. The real service calls back when it checks a transaction
// again, hourly; the simulator does so at once. The caller holds the lock.
func (s *Sim) owe(t *transaction, success bool) {
	if s.callbackURL == "" {
		return
	}
	n := notice{times: 1, body: callbackBody{
		TransactionID: strconv.Itoa(123455 + t.number), ClientRef: t.reference, OrderRef: t.orderRef(), MSISDN: t.recipient,
		Amount: json.Number(written(t.amount)), VoucherType: strconv.Itoa(t.kind.id), Description: t.kind.name,
		Network: t.kind.network.name, Success: success,
	}}
	if !success {
		n.body.FailReason = "Transaction " + t.state
	}
	if t.twice {
		n.times = 2
	}
	s.notices = append(s.notices, n)
	s.wake(0)
}

// Settle carries out what is due by the clock and sends every call-back that is owed, in the order of the events.
// It runs by itself when the clock is the real one.
func (s *Sim) Settle() {
	s.mu.Lock()
	s.advance()
	url, list := s.callbackURL, s.notices
	s.notices = nil
	s.mu.Unlock()
	for _, n := range list {
		for range n.times {
			s.notify(url, n.body)
		}
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

// wake runs Settle after d. The caller holds the lock.
func (s *Sim) wake(d time.Duration) {
	if s.callbackURL == "" || s.closed {
		return
	}
	var t *time.Timer
	s.sending.Add(1)
	t = time.AfterFunc(d, func() {
		defer s.sending.Done()
		s.mu.Lock()
		delete(s.timers, t)
		s.mu.Unlock()
		s.Settle()
	})
	s.timers[t] = struct{}{}
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

// notify makes one call-back. AAT's habits of repeating one that failed are not known: it is not repeated.
func (s *Sim) notify(url string, body callbackBody) {
	encoded, err := json.Marshal(body)
	if err != nil || url == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callbackTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(encoded))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if resp, err := s.client.Do(req); err == nil {
		resp.Body.Close()
	}
}
