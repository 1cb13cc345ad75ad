package aatsim

import (
	"encoding/json"
	"strconv"
	"time"
)

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
func (s *Sim) Close() { s.callbacks.Close() }

// wake runs Settle after d. The caller holds the lock.
func (s *Sim) wake(d time.Duration) {
	if s.callbackURL != "" {
		s.callbacks.After(d, s.Settle)
	}
}

// notify makes one call-back. AAT's habits of repeating one that failed are not known: it is not repeated.
func (s *Sim) notify(url string, body callbackBody) {
	encoded, err := json.Marshal(body)
	if err != nil || url == "" {
		return
	}
	s.callbacks.Post(url, encoded)
}
