package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// latencies is how long top-ups took from the answer 202 to the acknowledged callback.
type latencies struct {
	P50, P99, Max time.Duration
	Count         int
}

// stopwatch pairs the two moments of each top-up by its reference.
type stopwatch struct {
	mu      sync.Mutex
	started map[string]time.Time
	took    []time.Duration
	early   map[string]time.Time
	done    chan struct{}
	want    int
}

func newStopwatch(want int) *stopwatch {
	return &stopwatch{started: map[string]time.Time{}, early: map[string]time.Time{}, done: make(chan struct{}), want: want}
}

// accepted notes the answer to a submission; told may have come before it.
func (s *stopwatch) accepted(reference string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, ok := s.early[reference]; ok {
		s.add(max(end.Sub(at), 0))
		return
	}
	s.started[reference] = at
}

func (s *stopwatch) told(reference string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start, ok := s.started[reference]
	if !ok {
		s.early[reference] = at
		return
	}
	delete(s.started, reference)
	s.add(at.Sub(start))
}

func (s *stopwatch) add(d time.Duration) {
	s.took = append(s.took, d)
	if len(s.took) == s.want {
		close(s.done)
	}
}

func (s *stopwatch) result() latencies {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	n := len(s.took)
	if n == 0 {
		return latencies{}
	}
	return latencies{P50: s.took[n/2], P99: s.took[n*99/100], Max: s.took[n-1], Count: n}
}

// latency submits single top-ups at a fixed rate, whether or not earlier ones are done, with the provider taking its
// time, and measures until the merchant's acknowledgement.
func (w *benchWorld) latency(ctx context.Context, perSecond int, length, provider time.Duration) (latencies, error) {
	nd, err := w.node(ctx)
	if err != nil {
		return latencies{}, err
	}
	defer nd.stop()
	at, err := nd.startRoles(roles{intake: true, work: true, schedule: true, tune: fullSpeed})
	if err != nil {
		return latencies{}, err
	}
	w.provider.delay.Store(int64(provider))
	defer w.provider.delay.Store(0)
	total := perSecond * int(length/time.Second)
	watch := newStopwatch(total)
	w.receiver.seen = func(body []byte) {
		var event struct {
			Data struct {
				Reference string `json:"reference"`
			} `json:"data"`
		}
		if json.Unmarshal(body, &event) == nil {
			watch.told(event.Data.Reference, time.Now())
		}
	}
	if err := w.submitAtRate(ctx, at.intake, perSecond, total, watch); err != nil {
		return latencies{}, err
	}
	select {
	case <-watch.done:
		return watch.result(), nil
	case <-ctx.Done():
		return watch.result(), fmt.Errorf("latency run: %d of %d were told: %w", watch.result().Count, total, ctx.Err())
	}
}

// submitAtRate is an open loop: each submission leaves at its time.
func (w *benchWorld) submitAtRate(ctx context.Context, intake string, perSecond, total int, watch *stopwatch) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	var wg sync.WaitGroup
	errs := make(chan error, total)
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for i := range total {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		wg.Go(func() { errs <- w.submitOne(ctx, client, intake, i, watch) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *benchWorld) submitOne(ctx context.Context, client *http.Client, intake string, i int, watch *stopwatch) error {
	reference := fmt.Sprintf("late-%d", i)
	body := fmt.Sprintf(`{"reference":%q,"recipient":%q,"amount":"10","currency":"INR","provider":"rechargekit","product":{"operator_code":1,"circle":5}}`, reference, benchNumber(i).E164())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+intake+"/v1/topups", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.apiKey)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("intake answered %s: %s", resp.Status, answer)
	}
	watch.accepted(reference, time.Now())
	return nil
}
