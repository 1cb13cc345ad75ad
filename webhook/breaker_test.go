package webhook_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"topupq/webhook"
)

// endpoint is a transport with a scripted answer: a status, or 0 for no connection.
type endpoint struct {
	mu     sync.Mutex
	answer func(url string) int
	calls  int
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.calls++
	status := e.answer(r.URL.String())
	e.mu.Unlock()
	if status == 0 {
		return nil, errors.New("unreachable")
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (e *endpoint) set(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = func(string) int { return status }
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func TestBreakerOpensAfterTenInARow(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 500, 503} {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{}
			e.set(status)
			s := webhook.NewSender(webhook.Config{RoundTripper: e})
			m := message(t, "https://hooks.example.com/")
			for i := range 10 {
				if r := s.Send(t.Context(), m); !r.Postponed.IsZero() {
					t.Fatalf("attempt %d was postponed", i+1)
				}
			}
			r := s.Send(t.Context(), m)
			wait := time.Until(r.Postponed)
			if e.calls != 10 || wait < 30*time.Second || wait > 32*time.Second || r.Status != 0 || r.OK {
				t.Errorf("status %d: %d calls, postponed for %v, %+v", status, e.calls, wait, r)
			}
			other := m
			other.Merchant = "merother00000"
			if r := s.Send(t.Context(), other); !r.Postponed.IsZero() {
				t.Error("another merchant of the same host is held up")
			}
		})
	}
}

func TestBreakerOpensAtSeventyPercent(t *testing.T) {
	t.Parallel()
	cases := []struct {
		failures, successes int
		open                bool
	}{{7, 3, true}, {6, 4, false}, {9, 3, true}, {9, 4, false}, {6, 2, false}}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			e := &endpoint{}
			s := webhook.NewSender(webhook.Config{RoundTripper: e})
			m := message(t, "https://hooks.example.com/")
			// Successes first, so that the share is reached with the last failure and never before.
			for i := range c.successes + c.failures {
				e.set(500)
				if i < c.successes {
					e.set(200)
				}
				s.Send(t.Context(), m)
			}
			if open := !s.Send(t.Context(), m).Postponed.IsZero(); open != c.open {
				t.Errorf("%d of %d failed: open is %v", c.failures, c.failures+c.successes, open)
			}
		})
	}
}

func TestBreakerIgnoresRefusalsOfOneCallback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		s := webhook.NewSender(webhook.Config{RoundTripper: e})
		for i := range 50 {
			e.set([]int{400, 404, 410, 429, 302}[i%5])
			if r := s.Send(t.Context(), message(t, "https://hooks.example.com/")); !r.Postponed.IsZero() {
				t.Fatalf("postponed after %d refusals", i)
			}
		}
	})
}

func TestBreakerProbesAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{}
		e.set(0)
		s := webhook.NewSender(webhook.Config{RoundTripper: e})
		m := message(t, "https://hooks.example.com/")
		for range 10 {
			s.Send(t.Context(), m)
		}
		for round := range 3 {
			pass(30*time.Second + time.Millisecond)
			before := e.calls
			s.Send(t.Context(), m)
			r := s.Send(t.Context(), m)
			if e.calls != before+1 || r.Postponed.IsZero() {
				t.Fatalf("round %d: %d probes, then %+v", round, e.calls-before, r)
			}
			// The longer it fails, the wider what piles up is spread, but never beyond ten minutes.
			if wait := time.Until(r.Postponed); wait < 30*time.Second || wait > 11*time.Minute {
				t.Errorf("round %d: postponed for %v", round, wait)
			}
		}
		e.set(200)
		pass(30*time.Second + time.Millisecond)
		for i := range 3 {
			if r := s.Send(t.Context(), m); !r.OK {
				t.Errorf("callback %d after the recovery: %+v", i, r)
			}
		}
	})
}

// slow is a transport that answers when told to.
type slow struct{ release chan int }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case status := <-s.release:
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestBreakerLetsOneProbeThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := slow{make(chan int)}
		s := webhook.NewSender(webhook.Config{RoundTripper: e})
		m := message(t, "https://hooks.example.com/")
		for range 10 { // every one times out, in virtual time
			if r := s.Send(t.Context(), m); r.Excerpt != "timeout" || r.Latency != 15*time.Second {
				t.Fatalf("got %+v", r)
			}
		}
		pass(31 * time.Second)
		probe := make(chan webhook.Result)
		go func() { probe <- s.Send(t.Context(), m) }()
		synctest.Wait()
		if r := s.Send(t.Context(), m); !r.Postponed.After(time.Now()) {
			t.Errorf("a second one was let through beside the probe: %+v", r)
		}
		e.release <- 200
		if r := <-probe; !r.OK {
			t.Errorf("probe: %+v", r)
		}
	})
}
