package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// Manner is how the receiver treats one delivery.
type Manner int

// The manners.
const (
	// Takes acts on the event and answers 204.
	Takes Manner = iota
	// Refuses answers 500 and does not act on it.
	Refuses
	// Hangs gives no answer until the caller gives up, and does not act on it.
	Hangs
	// LosesAnswer acts on the event and cuts the connection instead of answering.
	LosesAnswer
)

var mannerNames = [...]string{"taken", "refused with 500", "hung", "taken, answer lost"}

// String says what came of the delivery.
func (m Manner) String() string { return mannerNames[m] }

// Acts reports whether the merchant holds the event after it.
func (m Manner) Acts() bool { return m == Takes || m == LosesAnswer }

// Delivery is one callback as it came in.
type Delivery struct {
	At         time.Time
	WebhookID  string
	Type       string
	ID         topup.ID
	Version    int
	State      string
	RefundSafe bool
	Final      bool
	Manner     Manner
	// Booking is what the provider's books held for the top-up at that moment.
	Booking Booking
	Known   bool
}

// Receiver is the merchant's back end. Its ledger is what the merchant knows.
type Receiver struct {
	url string
	srv *http.Server

	mu         sync.Mutex
	secret     topup.Secret
	manner     func(n int) Manner
	arrived    func(topup.ID)
	books      func() map[topup.ID]Booking
	deliveries []Delivery
	forged     []string
	batches    []BatchEvent
}

// BatchEvent is a callback about a batch that the merchant took.
type BatchEvent struct {
	WebhookID, Type string
	Data            topup.BatchView
}

func startReceiver(books func() map[topup.ID]Booking) (*Receiver, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for callbacks: %w", err)
	}
	r := &Receiver{url: "http://" + l.Addr().String() + "/callbacks", books: books}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.srv.Serve(l) }() // ends with Close
	return r, nil
}

// Behave decides the manner of the n-th delivery; nil lets all be taken.
func (r *Receiver) Behave(manner func(n int) Manner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manner = manner
}

// OnArrival calls f when a callback about a top-up has been read, before it is answered.
func (r *Receiver) OnArrival(f func(topup.ID)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived = f
}

// Deliveries is everything that came, in order.
func (r *Receiver) Deliveries() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Delivery(nil), r.deliveries...)
}

// Forged are deliveries whose signature did not hold.
func (r *Receiver) Forged() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.forged...)
}

// maxCallback bounds a body; ours are far smaller.
const maxCallback = 1 << 20

// ServeHTTP takes one callback.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxCallback))
	if err != nil {
		return // the sender is gone
	}
	id, manner, arrived := r.note(req.Header, body)
	if arrived != nil {
		arrived(id)
	}
	switch manner {
	case Refuses:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case Hangs:
		<-req.Context().Done()
	case LosesAnswer:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// note enters a callback into the ledger and decides its manner.
func (r *Receiver) note(header http.Header, body []byte) (topup.ID, Manner, func(topup.ID)) {
	books := r.books()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	id := header.Get(webhook.HeaderID)
	if err := webhook.Verify(r.secret.Reveal(), header, body, now); err != nil {
		r.forged = append(r.forged, id+": "+err.Error())
		return "", Refuses, nil
	}
	d := readDelivery(body)
	d.At, d.WebhookID = now, id
	if r.manner != nil {
		d.Manner = r.manner(len(r.deliveries))
	}
	if strings.HasPrefix(d.Type, "batch.") {
		if e, err := readBatchEvent(id, body); err != nil {
			r.forged = append(r.forged, id+": "+err.Error())
		} else if d.Manner.Acts() {
			r.batches = append(r.batches, e)
		}
		return "", d.Manner, nil
	}
	d.Booking, d.Known = books[d.ID]
	r.deliveries = append(r.deliveries, d)
	return d.ID, d.Manner, r.arrived
}

// BatchEvents is what the merchant was told about batches, in order.
func (r *Receiver) BatchEvents() []BatchEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]BatchEvent(nil), r.batches...)
}

func readBatchEvent(id string, body []byte) (BatchEvent, error) {
	var event struct {
		Type string          `json:"type"`
		Data topup.BatchView `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return BatchEvent{}, fmt.Errorf("read event of a batch: %w", err)
	}
	return BatchEvent{WebhookID: id, Type: event.Type, Data: event.Data}, nil
}

func readDelivery(body []byte) Delivery {
	var event struct {
		Type string `json:"type"`
		Data struct {
			ID         topup.ID `json:"id"`
			State      string   `json:"state"`
			RefundSafe bool     `json:"refund_safe"`
			Version    int      `json:"version"`
			Final      bool     `json:"final"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return Delivery{State: "unreadable: " + err.Error()}
	}
	return Delivery{
		Type: event.Type, ID: event.Data.ID, Version: event.Data.Version, State: event.Data.State,
		RefundSafe: event.Data.RefundSafe, Final: event.Data.Final,
	}
}
