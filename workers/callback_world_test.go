package workers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"topupq/jobs"
	"topupq/topup"
	"topupq/webhook"
)

// arrival is one callback as an endpoint got it.
type arrival struct {
	at      time.Time
	host    string
	id      string
	version int
	header  http.Header
	body    []byte
	status  int
}

// reply is what an endpoint answers: a status, 0 for a refused connection, or hang for nothing at all.
type reply struct {
	status     int
	retryAfter string
	hang       bool
	after      time.Duration
}

// world is every merchant's endpoint, as a transport in virtual time.
type world struct {
	mu       sync.Mutex
	answer   func(a arrival) reply
	arrived  []arrival
	inFlight map[string]int
	most     map[string]int
}

func newWorld(answer func(arrival) reply) *world {
	return &world{answer: answer, inFlight: map[string]int{}, most: map[string]int{}}
}

// always answers every callback with a status.
func always(status int) func(arrival) reply {
	return func(arrival) reply { return reply{status: status} }
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	a := arrival{at: time.Now(), host: r.URL.Host, id: r.Header.Get(webhook.HeaderID), header: r.Header}
	_, a.version, _ = topup.ParseCallbackID(a.id)
	a.body, _ = io.ReadAll(r.Body)
	w.mu.Lock()
	p := w.answer(a)
	w.inFlight[a.host]++
	w.most[a.host] = max(w.most[a.host], w.inFlight[a.host])
	w.mu.Unlock()
	defer func() {
		a.status = p.status
		w.mu.Lock()
		w.inFlight[a.host]--
		w.arrived = append(w.arrived, a)
		w.mu.Unlock()
	}()
	if p.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if p.after > 0 {
		select {
		case <-time.After(p.after):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if p.status == 0 {
		return nil, errors.New("connection refused")
	}
	resp := &http.Response{StatusCode: p.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("said no")), Request: r}
	resp.Header.Set("Retry-After", p.retryAfter)
	return resp, nil
}

func (w *world) set(answer func(arrival) reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// arrivals are what has arrived so far, at a host or (with "") anywhere.
func (w *world) arrivals(host string) []arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []arrival
	for _, a := range w.arrived {
		if host == "" || a.host == host {
			out = append(out, a)
		}
	}
	return out
}

// contractRetries is the schedule of the contract.
func contractRetries() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// dispatcher is a Callbacks over the store and the world, stopped with the test.
func dispatcher(t testing.TB, m *memory, w http.RoundTripper, change ...func(*CallbacksConfig)) *Callbacks {
	t.Helper()
	cfg := CallbacksConfig{Store: m, Sender: webhook.NewSender(webhook.Config{RoundTripper: w}), Retries: contractRetries()}
	for _, f := range change {
		f(&cfg)
	}
	c := NewCallbacks(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := c.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// ring is what asynq does with the task of a record.
func ring(t testing.TB, c *Callbacks, id string) {
	t.Helper()
	if err := c.ProcessTask(t.Context(), asynq.NewTask(jobs.KindCallback, []byte(id))); err != nil {
		t.Errorf("ring for %s: %v", id, err)
	}
}

// pass lets virtual time go by with a scheduler that looks into the outbox every second, and sleeps while nothing can
// be due.
func pass(t testing.TB, m *memory, c *Callbacks, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		synctest.Wait()
		idle := min(time.Until(m.nextDue()).Truncate(time.Second), time.Until(end)-time.Second)
		<-time.After(max(idle, 0) + time.Second)
		for _, id := range m.due(time.Now()) {
			ring(t, c, id)
		}
		synctest.Wait()
	}
}
