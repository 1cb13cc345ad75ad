package reloadlysim

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/simulation"
)

// Options configure a Sim. The zero value is a sandbox with a large float whose orders succeed at once.
type Options struct {
	// Now is the clock that orders, tokens and spacing go by. Default time.Now.
	Now func() time.Time
	// Wait holds an answer back; it returns early when ctx ends. Default a real timer; a test may return at once.
	Wait func(ctx context.Context, d time.Duration)
	// ClientID and ClientSecret are what the token call must carry. Defaults "sim-client" and "sim-secret".
	ClientID     string
	ClientSecret string
	// Audience is the only one that the token call takes; "" takes any that is not empty.
	Audience string
	// TokenLife is expires_in. Default 24 h.
	TokenLife time.Duration
	// Balance is the float in USD as decimal text. Default "1000000".
	Balance string
	// Processing is how long an asynchronous order stays PROCESSING; the real sandbox takes 8 to 11 s.
	Processing time.Duration
	// ReverseAfter is when a magic ...9006 order is refunded. Default 1 h.
	ReverseAfter time.Duration
	// Magic turns the table of magic recipients on.
	Magic bool
	// TwoMinuteRule refuses a second order for a number within 2 minutes: on = live, off = sandbox.
	TwoMinuteRule bool
	// RaceWindow is how long after an order its identifier is not yet known as used, so that parallel orders all
	// get through, as was measured. Default 0: the check is atomic.
	RaceWindow time.Duration
	// HideProcessing leaves orders out of the report until they are final; what the service does is not known.
	HideProcessing bool
	// NoIndia answers auto-detection for India with 500, as the real sandbox does.
	NoIndia bool
	// Ported maps international digits to the operator that an MNP lookup finds.
	Ported map[string]int64
	// WebhookURL gets the call-backs that SendWebhooks sends, signed with WebhookSecret.
	WebhookURL    string
	WebhookSecret string
	// MaxRequests is how many requests the history keeps, the newest. Default 200,000.
	MaxRequests int
}

// Booking is what the ledger holds for one reference, customIdentifier; orders without one are listed singly.
// Recipient is international digits without "+", or an e-mail address; Amount is as ordered; TransactionID is the
// last order's. Count is how many orders were taken (and debited) for the reference.
type Booking = simulation.Booking

// Request is one entry of the history. Status is 0 where the connection was cut instead of an answer.
type Request = simulation.Request

// Sim is the fake service. It is safe for concurrent use.
type Sim struct {
	opt Options

	mu       sync.Mutex
	cat      *catalogue
	balance  decimal.Decimal
	tokens   map[string]time.Time
	rules    []*scripted
	orders   []*order
	byID     map[int64]*order
	byRef    map[string][]*order
	open     map[*order]bool // not yet settled for good
	unsaid   map[*order]bool // call-back still to be sent
	lastTime map[string]time.Time
	greeted  map[string]bool // numbers refused once by magic
	served   map[string]bool // addresses of connections that have carried a call
	history  []Request
	serial   int64
}

const (
	defaultBalance  = "1000000"
	defaultRequests = 200_000
	firstID         = 4_602_843
	maxRequestBody  = 1 << 20
	maxConnections  = 10_000
)

// New returns a simulator. A Balance that is no decimal text counts as the default.
func New(opt Options) *Sim {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Wait == nil {
		opt.Wait = realWait
	}
	if opt.ClientID == "" {
		opt.ClientID = "sim-client"
	}
	if opt.ClientSecret == "" {
		opt.ClientSecret = "sim-secret"
	}
	if opt.TokenLife <= 0 {
		opt.TokenLife = 24 * time.Hour
	}
	if opt.ReverseAfter <= 0 {
		opt.ReverseAfter = time.Hour
	}
	if opt.MaxRequests <= 0 {
		opt.MaxRequests = defaultRequests
	}
	s := &Sim{opt: opt, cat: newCatalogue()}
	s.Reset()
	return s
}

func realWait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Reset forgets orders, rules, tokens and history and restores the balance.
func (s *Sim) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	balance, err := decimal.NewFromString(s.opt.Balance)
	if err != nil {
		balance = decimal.RequireFromString(defaultBalance)
	}
	s.balance = balance
	s.tokens = map[string]time.Time{}
	s.rules, s.orders, s.history = nil, nil, nil
	s.byID = map[int64]*order{}
	s.byRef = map[string][]*order{}
	s.open = map[*order]bool{}
	s.unsaid = map[*order]bool{}
	s.lastTime = map[string]time.Time{}
	s.greeted = map[string]bool{}
	s.served = map[string]bool{}
	s.serial = firstID
}

// SetBalance sets the float to a decimal text in USD; other text changes nothing.
func (s *Sim) SetBalance(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, err := decimal.NewFromString(text); err == nil {
		s.balance = d
	}
}

// Balance is the float now, as decimal text in USD.
func (s *Sim) Balance() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return s.balance.String()
}

// ExpireTokens makes every token given out so far an expired one.
func (s *Sim) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.tokens {
		s.tokens[t] = time.Time{}
	}
}

// Bookings is the ledger: one entry per reference, in the order of their first order.
func (s *Sim) Bookings() []Booking {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	now := s.opt.Now()
	at := map[string]int{}
	list := []Booking{}
	for _, o := range s.orders {
		i, seen := at[o.ref]
		if seen && o.ref != "" {
			list[i].Count++
			list[i].State, list[i].TransactionID = o.state(now), o.idText()
			continue
		}
		at[o.ref] = len(list)
		list = append(list, Booking{
			Reference: o.ref, Recipient: o.recipient(), Amount: o.amount.String(), Currency: o.currency(),
			State: o.state(now), Count: 1, TransactionID: o.idText(), At: o.at,
		})
	}
	return list
}

// Requests is the history, oldest first.
func (s *Sim) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.history...)
}

// ServeHTTP answers as the token host, as the airtime host, and under /_sim/ as the control API.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.control(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
	if err != nil {
		return // the client went away before it had asked anything
	}
	s.deliver(w, r, s.answer(r, body))
}

// answer decides, under the lock, what happens and what is said about it.
func (s *Sim) answer(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.newCall(r, body)
	a := s.decide(c)
	s.remember(r.RemoteAddr)
	status := a.status
	if a.act == actCut {
		status = 0
	}
	s.history = append(s.history, Request{At: c.now, Method: c.method, Path: c.path, Reference: c.ref, Status: status})
	if over := len(s.history) - s.opt.MaxRequests; over > s.opt.MaxRequests/4 {
		s.history = append([]Request{}, s.history[over:]...)
	}
	return a
}

// remember notes that a connection has carried a call. The set is emptied before it grows large.
func (s *Sim) remember(address string) {
	if len(s.served) > maxConnections {
		s.served = map[string]bool{}
	}
	s.served[address] = true
}
