package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// receiver is a merchant's back end: it verifies every callback and remembers what it was told.
type receiver struct {
	url    string
	secret topup.Secret
	srv    *http.Server

	mu sync.Mutex
	// told is the latest version per top-up, events counts distinct webhook-ids, attempts all that came.
	told             map[string]told
	seen             map[string]string
	attempts, forged int
	// wrong are contradictions: one ID with two bodies, a version that went back.
	wrong   []string
	batches map[string]json.RawMessage
}

// told is what the merchant knows of one top-up.
type told struct {
	version    int
	state      string
	refundSafe bool
}

// startReceiver listens on a free port of the loopback interface. setSecret must follow before callbacks come.
func startReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for callbacks: %w", err)
	}
	r := &receiver{
		url: "http://" + l.Addr().String() + "/callbacks", told: map[string]told{}, seen: map[string]string{}, batches: map[string]json.RawMessage{},
	}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.srv.Serve(l) }() // ends with Close
	return r, nil
}

func (r *receiver) setSecret(s topup.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = s
}

// maxCallback bounds a body; ours are far smaller.
const maxCallback = 1 << 20

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxCallback))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	if err := webhook.Verify(r.secret.Reveal(), req.Header, body, time.Now()); err != nil {
		r.forged++
		http.Error(w, "signature", http.StatusUnauthorized)
		return
	}
	r.note(req.Header.Get(webhook.HeaderID), body)
	w.WriteHeader(http.StatusNoContent)
}

// note keeps what one verified callback says.
func (r *receiver) note(id string, body []byte) {
	var event struct {
		Type string `json:"type"`
		Data struct {
			ID         string `json:"id"`
			BatchID    string `json:"batch_id"`
			State      string `json:"state"`
			Version    int    `json:"version"`
			RefundSafe bool   `json:"refund_safe"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		r.wrong = append(r.wrong, id+": unreadable body")
		return
	}
	if before, ok := r.seen[id]; ok {
		if before != event.Data.State {
			r.wrong = append(r.wrong, id+": told both "+before+" and "+event.Data.State)
		}
		return
	}
	r.seen[id] = event.Data.State
	if event.Type == string(topup.EventBatchCompleted) {
		r.batches[event.Data.BatchID] = append(json.RawMessage(nil), body...)
		return
	}
	if event.Data.Version <= r.told[event.Data.ID].version {
		r.wrong = append(r.wrong, fmt.Sprintf("%s: version %d after %d", event.Data.ID, event.Data.Version, r.told[event.Data.ID].version))
		return
	}
	r.told[event.Data.ID] = told{event.Data.Version, event.Data.State, event.Data.RefundSafe}
}

// knows is what the merchant was last told of a top-up.
func (r *receiver) knows(id topup.ID) told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told[string(id)]
}

// completed reports whether batch.completed came for a batch.
func (r *receiver) completed(id topup.BatchID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.batches[string(id)]
	return ok
}

// tally is how many events came, over how many attempts, how many were not verified, and what was wrong with them.
func (r *receiver) tally() (events, attempts, forged int, wrong []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen), r.attempts, r.forged, append([]string(nil), r.wrong...)
}

func (r *receiver) stop() { _ = r.srv.Close() }
