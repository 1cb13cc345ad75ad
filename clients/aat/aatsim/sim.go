package aatsim

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/simulation"
)

// Options set a Sim up. The zero value is usable.
type Options struct {
	// Username and Password are the credentials that are accepted. With an empty Username every pair is.
	Username string
	Password string
	// Balance is the credit at the start, in rand as decimal text. Default DefaultBalance.
	Balance string
	// Environment is what GetUserStatus tells. Default "testing".
	Environment string
	// ReverseAfter is when the transactions of the magic number 9006, and those of a rule "reverse" without Delay,
	// turn from success to failure. Default 2 s.
	ReverseAfter time.Duration
	// CallbackURL is called after every booking and every later failure. Empty for none.
	CallbackURL string
	// Magic turns on the table of faults by the recipient's last four digits.
	Magic bool
	// Clock tells the time. Default time.Now. With another one, call Settle to have call-backs sent.
	Clock func() time.Time
}

// Defaults of Options.
const (
	DefaultBalance      = "1000000"
	defaultEnvironment  = "testing"
	defaultReverseAfter = 2 * time.Second
)

// Sim is the simulator: an http.Handler with a memory. It is safe for concurrent use.
type Sim struct {
	opts       Options
	control    *simulation.Control
	callbacks  *simulation.Callbacks
	history    simulation.History
	rules      simulation.Script
	operations map[string]operation
	catalogue  []voucherType

	mu           sync.Mutex
	credit       decimal.Decimal
	changes      []change
	transactions map[string]*transaction
	sequence     []string
	booked       int
	notices      []notice
	callbackURL  string
}

// New returns a simulator without transactions. Close it when call-backs are used.
func New(o Options) *Sim {
	if o.Balance == "" {
		o.Balance = DefaultBalance
	}
	if o.Environment == "" {
		o.Environment = defaultEnvironment
	}
	if o.ReverseAfter <= 0 {
		o.ReverseAfter = defaultReverseAfter
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Sim{
		opts: o, operations: operations(), catalogue: newCatalogue(),
		callbacks: simulation.NewCallbacks(),
	}
	s.control = s.newControl()
	s.Reset()
	return s
}

// Booking is one reference as the provider's books have it: Reference is the caller's clientRef, Recipient the
// recipientMsisdn as received (empty for a voucher without number), TransactionID the OrderRef.
type Booking = simulation.Booking

// Request is one call that came in.
type Request = simulation.Request

// Bookings lists every reference that reached the books, in the order of arrival, also those that failed.
func (s *Sim) Bookings() []Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	list := make([]Booking, 0, len(s.sequence))
	for _, reference := range s.sequence {
		list = append(list, s.transactions[reference].booking())
	}
	return list
}

// Requests lists every call to the provider's own paths in the order of arrival.
func (s *Sim) Requests() []Request { return s.history.List() }

// Balance is the credit that is left, in rand as decimal text.
func (s *Sim) Balance() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	return s.credit.String()
}

// SetBalance sets the credit that is left, in rand as decimal text. Text that is no number is ignored.
func (s *Sim) SetBalance(balance string) {
	left, err := decimal.NewFromString(balance)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.credit = left
}

// Script adds a rule. Rules with an unknown fault never match; POST /_sim/script refuses them.
func (s *Sim) Script(r Rule) { s.rules.Add(r) }

// Reset forgets transactions, requests and rules and restores the balance and the call-back URL of Options.
func (s *Sim) Reset() {
	credit, err := decimal.NewFromString(s.opts.Balance)
	if err != nil {
		credit = decimal.Zero
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callbacks.Stop()
	s.credit, s.changes, s.notices = credit, nil, nil
	s.transactions = map[string]*transaction{}
	s.sequence, s.booked = nil, 0
	s.history.Clear()
	s.rules.Clear()
	s.callbackURL = s.opts.CallbackURL
}

// ServeHTTP answers as AAT does below any path that ends in .asmx/<operation>, and the control calls under /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/_sim/"); ok {
		s.control.Serve(w, r, name)
		return
	}
	in := s.receive(r)
	out := s.handle(in)
	s.history.Answered(in.request, s.deliver(w, r, out))
}
