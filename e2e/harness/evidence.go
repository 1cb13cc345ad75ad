package harness

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// Evidence is everything that is known about a test from outside.
type Evidence struct {
	Subjects   []*Subject
	Records    map[topup.ID]Record
	Histories  map[topup.ID][]HistoryLine
	Books      map[topup.ID]Booking
	Asks       map[topup.ID][]Ask
	Deliveries []Delivery
	Forged     []string
	// Logs are the processes' logs by name, Marks what the test did to them, and when.
	Logs  map[string][]byte
	Marks []Mark
}

// Mark is one thing that the test did.
type Mark struct {
	At   time.Time
	What string
}

const readers = 8

// Collect reads the evidence about the subjects: the merchant's view by the public API, the rest from the ledgers of
// the test's own servers.
func (s *Stack) Collect(ctx context.Context, subjects []*Subject) (*Evidence, error) {
	e := &Evidence{Subjects: subjects, Histories: map[topup.ID][]HistoryLine{}}
	var err error
	if e.Records, err = s.Records(ctx, subjects); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, sub := range subjects {
		if _, there := e.Records[sub.ID]; !there {
			continue
		}
		g.Go(func() error {
			lines, err := s.Merchant.History(ctx, sub.ID)
			mu.Lock()
			defer mu.Unlock()
			e.Histories[sub.ID] = lines
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	e.Books, e.Asks, e.Logs = s.Sims.Books(), s.Sims.Asks(), s.Logs()
	e.Deliveries, e.Forged = s.Receiver.Deliveries(), s.Receiver.Forged()
	return e, nil
}

// Records are the records of the subjects; those that do not exist are missing.
func (s *Stack) Records(ctx context.Context, subjects []*Subject) (map[topup.ID]Record, error) {
	out := map[topup.ID]Record{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for _, sub := range subjects {
		g.Go(func() error {
			status, rec, err := s.Merchant.Get(ctx, sub.ID)
			switch {
			case err != nil:
				return err
			case status == http.StatusNotFound:
				return nil
			case status != http.StatusOK:
				return fmt.Errorf("get %s: status %d", sub.ID, status)
			}
			mu.Lock()
			defer mu.Unlock()
			out[sub.ID] = rec
			return nil
		})
	}
	return out, g.Wait()
}

// outcomes are the states that a merchant is told of.
var outcomes = map[string]bool{"succeeded": true, "failed": true, "reversed": true, "unresolved": true}

// Outcome reports whether a state is one that a merchant is told of.
func Outcome(state string) bool { return outcomes[state] }

// Told is, per top-up, the highest version of which the merchant holds the event.
func Told(deliveries []Delivery) map[topup.ID]int {
	out := map[topup.ID]int{}
	for _, d := range deliveries {
		if d.Manner.Acts() {
			out[d.ID] = max(out[d.ID], d.Version)
		}
	}
	return out
}

// lastOutcome is the version of the newest move that the merchant is told of, 0 for none.
func lastOutcome(h []HistoryLine) int {
	for i := len(h) - 1; i >= 0; i-- {
		if Outcome(h[i].To) {
			return i + 1
		}
	}
	return 0
}
