package bulksmssim

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/simulation"
)

// Options set a Sim up. The zero value is usable.
type Options struct {
	// TokenID and TokenSecret are the API token that is accepted. Defaults DefaultTokenID, DefaultTokenSecret.
	TokenID     string
	TokenSecret string
	// Balance is the number of credits at the start, as decimal text. Default DefaultBalance.
	Balance string
	// SentAfter and SettleAfter are when a message turns from ACCEPTED to SENT and to DELIVERED. Defaults 100 ms and
	// 300 ms.
	SentAfter   time.Duration
	SettleAfter time.Duration
	// WebhookURL gets the reports of sent messages. Empty for none; POST /webhooks adds others.
	WebhookURL string
	// Magic turns on the table of faults by the recipient's last four digits.
	Magic bool
	// Clock tells the time. Default time.Now. With another one, call Settle to have webhooks called.
	Clock func() time.Time
}

// Defaults of Options.
const (
	DefaultTokenID     = "SIMSIMSIMSIMSIMSIMSIMSIMSIMSIM00-01-B"
	DefaultTokenSecret = "sim!secret#1*"
	DefaultBalance     = "100000"
	defaultSentAfter   = 100 * time.Millisecond
	defaultSettleAfter = 300 * time.Millisecond
)

// Sim is the simulator: an http.Handler with a memory. It is safe for concurrent use.
type Sim struct {
	opts      Options
	control   *simulation.Control
	callbacks *simulation.Callbacks
	history   simulation.History
	rules     simulation.Script

	mu       sync.Mutex
	credits  decimal.Decimal
	messages []*message
	sequence int
	notices  []notice
	dedup    map[string]dedupEntry
	webhooks []webhook
}

// New returns a simulator with no messages. Close it when webhooks are used.
func New(o Options) *Sim {
	o.TokenID = cmp.Or(o.TokenID, DefaultTokenID)
	o.TokenSecret = cmp.Or(o.TokenSecret, DefaultTokenSecret)
	o.Balance = cmp.Or(o.Balance, DefaultBalance)
	o.SentAfter = simulation.Positive(o.SentAfter, defaultSentAfter)
	o.SettleAfter = simulation.Positive(o.SettleAfter, defaultSettleAfter)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Sim{opts: o, callbacks: simulation.NewCallbacks()}
	s.control = s.newControl()
	s.Reset()
	return s
}

// Booking is what was charged for one reference (userSuppliedId), in "credits". State is "pending", "booked"
// (delivered) or "failed" (still charged, as with BulkSMS); Count says how many messages went out.
type Booking = simulation.Booking

// Request is one call that came in.
type Request = simulation.Request

// Message is one text that went out.
type Message struct {
	ID             string    `json:"id"`
	To             string    `json:"to"`
	From           string    `json:"from"`
	Body           string    `json:"body"`
	UserSuppliedID string    `json:"user_supplied_id"`
	Deduplication  string    `json:"deduplication_id"`
	Status         string    `json:"status"`
	At             time.Time `json:"at"`
}

// Messages lists every text that went out, in order. A repeat that was recognised by its deduplication-id is not one.
func (s *Sim) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock()
	list := make([]Message, 0, len(s.messages))
	for _, m := range s.messages {
		list = append(list, Message{
			ID: m.id, To: m.to, From: m.from, Body: m.body, UserSuppliedID: m.reference,
			Deduplication: m.dedup, Status: m.status(now).ID, At: m.at,
		})
	}
	return list
}

// Bookings lists what was charged, one line for each reference and number.
func (s *Sim) Bookings() []Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock()
	list := make([]Booking, 0, len(s.messages))
	at := map[string]int{}
	for _, m := range s.messages {
		key := m.reference + " " + m.to
		if i, again := at[key]; again && m.reference != "" {
			list[i].Count++
			continue
		}
		at[key] = len(list)
		list = append(list, m.booking(now))
	}
	return list
}

// Requests lists every call to the provider's own paths in the order of arrival.
func (s *Sim) Requests() []Request { return s.history.List() }

// Script adds a rule. Rules with an unknown fault never match; POST /_sim/script refuses them.
func (s *Sim) Script(r Rule) { s.rules.Add(r) }

// Reset forgets messages, requests, rules and webhooks and restores the credits of Options.
func (s *Sim) Reset() {
	credits, err := decimal.NewFromString(s.opts.Balance)
	if err != nil {
		credits = decimal.Zero
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callbacks.Stop()
	s.credits = credits
	s.messages, s.webhooks, s.notices = nil, nil, nil
	s.dedup = map[string]dedupEntry{}
	s.history.Clear()
	s.rules.Clear()
	if s.opts.WebhookURL != "" {
		s.webhooks = []webhook{{ID: "0", Name: "options", URL: s.opts.WebhookURL, TriggerScope: "SENT"}}
	}
}

// SetBalance sets what is left to send with. Text that is no number is ignored.
func (s *Sim) SetBalance(balance string) {
	credits, err := decimal.NewFromString(balance)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credits = credits
}

// ServeHTTP answers as BulkSMS does, and the control calls under /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/_sim/"); ok {
		s.control.Serve(w, r, name)
		return
	}
	in := s.receive(r)
	out := s.handle(in)
	s.history.Answered(in.request, s.deliver(w, r, out))
}
