package rechargekitsim

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
	// Token is the Bearer token that is accepted. Default DefaultToken.
	Token string
	// Balance is the wallet at the start, in rupees as decimal text. Default DefaultBalance.
	Balance string
	// InstantSuccess answers a recharge with status 1 at once, instead of 2 ("order in queue").
	InstantSuccess bool
	// SettleAfter is how long an order stays pending. Default 300 ms.
	SettleAfter time.Duration
	// ReverseAfter is when the orders of the magic number 9006 turn from success to failure. Default 2 s.
	ReverseAfter time.Duration
	// CallbackURL is called when a pending order becomes final. Empty for none.
	CallbackURL string
	// NotFoundText is the msg of statusCheck for an id without order. Default "Order not found" (made up).
	NotFoundText string
	// Magic turns on the table of faults by the recipient's last four digits.
	Magic bool
	// Clock tells the time. Default time.Now. With another one, call Settle to have call-backs sent.
	Clock func() time.Time
}

// Defaults of Options.
const (
	DefaultToken        = "rechargekit-sim-token"
	DefaultBalance      = "1000000"
	defaultSettleAfter  = 300 * time.Millisecond
	defaultReverseAfter = 2 * time.Second
	defaultNotFoundText = "Order not found"
)

// Sim is the simulator: an http.Handler with a memory. It is safe for concurrent use.
type Sim struct {
	opts      Options
	control   *simulation.Control
	callbacks *simulation.Callbacks
	history   simulation.History
	rules     simulation.Script

	mu          sync.Mutex
	wallet      decimal.Decimal
	refunds     []refund
	orders      map[string]*order
	sequence    []string
	callbackURL string
	notices     []notice
}

// New returns a simulator with no orders. Close it when call-backs are used.
func New(o Options) *Sim {
	o.Token = cmp.Or(o.Token, DefaultToken)
	o.Balance = cmp.Or(o.Balance, DefaultBalance)
	o.NotFoundText = cmp.Or(o.NotFoundText, defaultNotFoundText)
	o.SettleAfter = simulation.Positive(o.SettleAfter, defaultSettleAfter)
	o.ReverseAfter = simulation.Positive(o.ReverseAfter, defaultReverseAfter)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Sim{opts: o, callbacks: simulation.NewCallbacks()}
	s.control = s.newControl()
	s.Reset()
	return s
}

// Booking is one order as the provider's books have it: Reference is the caller's partner_request_id, Recipient
// mobile_no or customer_id as received. Count is never above 1 unless the simulator is wrong.
type Booking = simulation.Booking

// Request is one call that came in.
type Request = simulation.Request

// Bookings lists every order in the order of arrival, also those that failed.
func (s *Sim) Bookings() []Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Clock()
	list := make([]Booking, 0, len(s.sequence))
	for _, reference := range s.sequence {
		list = append(list, s.orders[reference].booking(now))
	}
	return list
}

// Requests lists every call to the provider's own paths in the order of arrival.
func (s *Sim) Requests() []Request { return s.history.List() }

// Script adds a rule. Rules with an unknown fault never match; POST /_sim/script refuses them.
func (s *Sim) Script(r Rule) { s.rules.Add(r) }

// Reset forgets orders, requests and rules and restores the balance of Options.
func (s *Sim) Reset() {
	wallet, err := decimal.NewFromString(s.opts.Balance)
	if err != nil {
		wallet = decimal.Zero
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callbacks.Stop()
	s.wallet, s.refunds = wallet, nil
	s.orders = map[string]*order{}
	s.sequence, s.notices = nil, nil
	s.history.Clear()
	s.rules.Clear()
	s.callbackURL = s.opts.CallbackURL
}

// SetBalance sets what is left in the wallet, in rupees as decimal text. Text that is no number is ignored.
func (s *Sim) SetBalance(balance string) {
	left, err := decimal.NewFromString(balance)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payBack(s.opts.Clock())
	s.wallet = left
}

// ServeHTTP answers as RechargeKit does, and the control calls under /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/_sim/"); ok {
		s.control.Serve(w, r, name)
		return
	}
	in := s.receive(r)
	out := s.handle(in)
	if out.beforeAnswer != nil {
		out.beforeAnswer()
	}
	s.history.Answered(in.request, s.deliver(w, r, out))
}
