package clients_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/topup"
)

// rig is a backend at work in one test.
type rig struct {
	testing.TB
	backend
	sim      simulator
	server   *httptest.Server
	provider topup.Provider

	mu     sync.Mutex
	time   time.Time
	sentAt map[topup.ID]time.Time
	known  map[topup.ID]string
}

func (b backend) start(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		TB: t, backend: b, time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		sentAt: map[topup.ID]time.Time{}, known: map[topup.ID]string{},
	}
	r.sim = b.simulate(r.now)
	r.server = httptest.NewServer(r.sim)
	t.Cleanup(func() { r.server.CloseClientConnections(); r.server.Close() })
	r.provider = b.connect(t, r.server.URL, canarySecret, r.now)
	return r
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.time
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time = r.time.Add(d)
}

// pays scripts a fault for the paying call.
func (r *rig) pays(fault rule) {
	fault.Path = r.payPath
	r.sim.script(fault)
}

// ref makes a reference of the form that top-ups have.
func ref(name string) topup.ID { return topup.NewID("merconforming", name) }

func (r *rig) orderOf(reference topup.ID) topup.Order {
	o := r.order
	o.Reference = reference
	return o
}

// submit sends an order; every outcome and error is searched for secrets.
func (r *rig) submit(reference topup.ID) (topup.Outcome, error) {
	r.Helper()
	return r.submitWithin(reference, 0)
}

// submitWithin is submit with a deadline.
func (r *rig) submitWithin(reference topup.ID, limit time.Duration) (topup.Outcome, error) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	r.mu.Lock()
	if r.sentAt[reference].IsZero() {
		r.sentAt[reference] = r.time
	}
	r.mu.Unlock()
	out, err := r.provider.Submit(ctx, r.orderOf(reference))
	r.hunt(out, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if out.TransactionID != "" {
		r.known[reference] = out.TransactionID
	}
	return out, err
}

// send is submit for sends that must not end in an error.
func (r *rig) send(reference topup.ID) topup.Outcome {
	r.Helper()
	out, err := r.submit(reference)
	if err != nil {
		r.Fatalf("Submit: %v", err)
	}
	return out
}

// check asks for an order as the check worker does. An error counts as what it is: nothing learned.
func (r *rig) check(reference topup.ID) topup.Outcome {
	r.Helper()
	r.mu.Lock()
	ref := topup.Ref{
		Reference: reference, TransactionID: r.known[reference], Recipient: r.order.Recipient, Amount: r.order.Amount,
		Product: r.order.Product, SentAt: r.sentAt[reference],
	}
	r.mu.Unlock()
	out, err := r.provider.Check(r.Context(), ref)
	r.hunt(out, err)
	if err != nil {
		return topup.Outcome{}
	}
	return out
}

// hunt looks for secrets and for the recipient's number in what may be stored, logged or shown.
func (r *rig) hunt(out topup.Outcome, err error) {
	r.Helper()
	text := fmt.Sprintf("%+v", out)
	for ; err != nil; err = unwrap(err) {
		text += fmt.Sprintf("\n%v %+v", err, err)
	}
	number := r.order.Recipient.Digits()
	for _, secret := range []string{canaryUser, canarySecret, number[len(number)-9:]} {
		if strings.Contains(text, secret) {
			r.Errorf("%q shows in %s", secret, text)
		}
	}
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return u.Unwrap()
}

// wantAnswer fails unless the outcome has one of the answers. It returns the outcome.
func (r *rig) wantAnswer(what string, out topup.Outcome, allowed ...topup.Answer) topup.Outcome {
	r.Helper()
	if !slices.Contains(allowed, out.Answer) {
		r.Errorf("%s: %v (%s, %s), want %v", what, out.Answer, out.Code, out.ProviderMessage, allowed)
	}
	return out
}

// booked is how often money was booked for a reference, and in which state that is.
func (r *rig) booked(reference topup.ID) (count int, state string) {
	for _, b := range r.sim.bookings() {
		if b.Reference == string(reference) {
			count, state = count+b.Count, b.State
		}
	}
	return count, state
}

func (r *rig) wantBooked(reference topup.ID, want int) {
	r.Helper()
	if got, state := r.booked(reference); got != want {
		r.Errorf("booked %d times (%s), want %d", got, state, want)
	}
}

// paidCalls is how many paying calls came in for a reference.
func (r *rig) paidCalls(reference topup.ID) int {
	n := 0
	for _, q := range r.sim.requests() {
		if q.Reference == string(reference) && r.isPaying(q.Path) {
			n++
		}
	}
	return n
}

func (r *rig) isPaying(path string) bool {
	if part := strings.Trim(r.payPath, "*"); part != r.payPath {
		return strings.Contains(path, part)
	}
	return path == r.payPath
}
