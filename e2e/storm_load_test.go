package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"topupq/e2e/harness"
	"topupq/jobs"
	"topupq/topup"
)

// settleTimeout bounds the wait for everything to settle once the faults have stopped. A provider's pause may last
// half a minute after its probe was killed.
const settleTimeout = 100 * time.Second

// submit hands all orders in over the time of the load: singly, some of them several times at once, and in batches.
// Whatever gets no 2xx is handed in again, as a merchant would.
func (s *storm) submit(ctx context.Context) error {
	rnd := rand.New(rand.NewPCG(s.seed, 4))
	g, ctx := errgroup.WithContext(ctx)
	for start := 0; start < len(s.subjects); {
		n := 1
		if rnd.IntN(8) == 0 {
			n = 2 + rnd.IntN(12)
		}
		part := s.subjects[start:min(start+n, len(s.subjects))]
		at := s.begun.Add(s.load * time.Duration(start) / time.Duration(len(s.subjects)))
		copies := 1
		if rnd.IntN(10) == 0 {
			copies = 3
		}
		g.Go(func() error {
			harness.Pause(ctx, time.Until(at))
			return s.submitPart(ctx, part, copies)
		})
		start += len(part)
	}
	return g.Wait()
}

func (s *storm) submitPart(ctx context.Context, part []*harness.Subject, copies int) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for range copies {
		g.Go(func() error {
			err := s.persist(ctx, part)
			mu.Lock()
			defer mu.Unlock()
			for _, sub := range part {
				if err == nil && sub.AckedAt.IsZero() {
					sub.AckedAt = time.Now()
				}
			}
			return err
		})
	}
	return g.Wait()
}

// persist hands a part in until it gets a 2xx. A refusal is a violation: the same orders are good.
func (s *storm) persist(ctx context.Context, part []*harness.Subject) error {
	for {
		status, err := s.submitOnce(ctx, part)
		switch {
		case err == nil && status/100 == 2:
			return nil
		case status/100 == 4 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
			return fmt.Errorf("%s refused with %d", part[0].Order.Reference, status)
		case status/100 == 2:
			return err
		}
		harness.Pause(ctx, 150*time.Millisecond)
		if ctx.Err() != nil {
			return fmt.Errorf("%s never accepted: %w", part[0].Order.Reference, errors.Join(err, ctx.Err()))
		}
	}
}

func (s *storm) submitOnce(ctx context.Context, part []*harness.Subject) (int, error) {
	if len(part) == 1 {
		status, _, err := s.stack.Merchant.Submit(ctx, part[0].Order)
		return status, err
	}
	orders := make([]harness.Order, len(part))
	for i, sub := range part {
		orders[i] = sub.Order
	}
	return s.stack.Merchant.SubmitMany(ctx, orders)
}

// settle waits until every top-up has an outcome that agrees with the books and that the merchant was told of.
// Meanwhile it does what an operator does: it runs held ones again.
func (s *storm) settle(ctx context.Context, t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	stopped := time.Now()
	waiting := slices.Clone(s.subjects)
	firstLook := true
	open := map[topup.ID]bool{}
	err := harness.Poll(ctx, 250*time.Millisecond, func() bool {
		records, err := s.stack.Records(ctx, waiting)
		if err != nil {
			return false
		}
		told, books := harness.Told(s.stack.Receiver.Deliveries()), s.stack.Sims.Books()
		held := false
		waiting = slices.DeleteFunc(waiting, func(sub *harness.Subject) bool {
			rec := records[sub.ID]
			held = held || rec.State == "held"
			asked := rec.State == "pending" || rec.State == "unknown" || rec.State == "submitting"
			if firstLook && asked {
				open[sub.ID] = true
			} else if !asked && open[sub.ID] {
				delete(open, sub.ID)
				if !flips(sub) {
					s.settled = append(s.settled, time.Since(stopped))
				}
			}
			return harness.Outcome(rec.State) && told[sub.ID] > 0 && (rec.State == "succeeded") == (books[sub.ID].State == "booked") && !mayTurn(sub, books[sub.ID])
		})
		if firstLook {
			s.open, firstLook = len(open), false
		}
		if held {
			s.replayHeld()
		}
		return len(waiting) == 0 || s.onlyUnresolved(waiting, records, told)
	})
	for range open {
		s.settled = append(s.settled, time.Since(stopped))
	}
	return err
}

// flips reports whether the provider says something else about the top-up each time it is asked. When that ends is a
// matter of luck, which says nothing about speed.
func flips(sub *harness.Subject) bool {
	return slices.ContainsFunc(sub.Faults, func(f string) bool { return strings.Contains(f, ": flip_flop ") })
}

// mayTurn reports whether the provider is still going to take the top-up back.
func mayTurn(sub *harness.Subject, b harness.Booking) bool {
	reverses := slices.ContainsFunc(sub.Faults, func(f string) bool { return strings.Contains(f, ": reverse ") })
	return reverses && time.Since(b.At) < reverseAfter+time.Second
}

// onlyUnresolved reports whether those that are left are a person's to close, or lied about by their provider.
func (s *storm) onlyUnresolved(waiting []*harness.Subject, records map[topup.ID]harness.Record, told map[topup.ID]int) bool {
	for _, sub := range waiting {
		state := records[sub.ID].State
		if (state != "unresolved" && !(sub.Lies && harness.Outcome(state))) || told[sub.ID] == 0 {
			return false
		}
	}
	return true
}

// replayHeld runs every archived task of the submit queues, as an operator does from the dashboard.
func (s *storm) replayHeld() {
	rdb := s.stack.Client()
	defer rdb.Close()
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	for _, p := range topup.Providers {
		if _, err := inspector.RunAllArchivedTasks(jobs.SubmitQueue(p)); err != nil {
			continue // a queue that nobody has used is not there
		}
	}
}

// judgeSpeed looks at what was open when the faults stopped. What the providers and the machine take is granted as much
// time as the interval itself: here that is seconds, in production an hour.
func (s *storm) judgeSpeed(e *harness.Evidence) []harness.Violation {
	var out []harness.Violation
	mended := s.begun.Add(s.faults)
	for id, h := range e.Histories {
		for i := 1; i < len(h); i++ {
			if h[i-1].To == "submitting" && h[i-1].At.After(mended) {
				s.longestSend = max(s.longestSend, h[i].At.Sub(h[i-1].At))
			}
		}
		if n := len(h); n > 0 && h[n-1].To == "submitting" {
			out = append(out, harness.Violation{Invariant: "I9", ID: id, Text: "still submitting since " + h[n-1].At.Format(time.TimeOnly)})
		}
	}
	if p99 := percentile(s.settled, 99); p99 > 2*harness.CheckInterval {
		out = append(out, harness.Violation{Invariant: "I9", Text: fmt.Sprintf("open top-ups settled within %s (p99), an interval is %s", p99, harness.CheckInterval)})
	}
	return out
}

// newRand is a source of numbers that are the same in every run.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }
