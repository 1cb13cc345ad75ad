package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/workers"
)

// benchConcurrency is how many handlers a hot queue has and benchServers how many asynq servers share them, for us and for
// the baseline alike.
const (
	benchConcurrency = 128
	benchServers     = 32
)

// flowBare is the baseline: bare asynq doing the same two HTTP exchanges as two jobs, with no ledger at all. It
// returns jobs per second from the first start to the last acknowledgement.
func (w *benchWorld) flowBare(ctx context.Context, n int) (float64, error) {
	client := asynq.NewClientFromRedisClient(w.rdb)
	payload := bytes.Repeat([]byte("x"), 300)
	if err := inParallel(n, 64, func(i int) error {
		_, err := client.EnqueueContext(ctx, asynq.NewTask("pay", payload, asynq.Queue("pay"), asynq.TaskID(fmt.Sprint("pay-", i))))
		return err
	}); err != nil {
		return 0, err
	}
	hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 10 * time.Second}
	post := func(ctx context.Context, url string, body []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := hc.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	order := []byte(`{"mobile_no":9812345678,"operator_code":1,"amount":10,"partner_request_id":"bench","circle":5,"recharge_type":"1"}`)
	pay := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if err := post(ctx, "http://"+w.provider.addr+"/recharge/prepaid", order); err != nil {
			return err
		}
		_, err := client.EnqueueContext(ctx, asynq.NewTask("tell", t.Payload(), asynq.Queue("tell")))
		return err
	})
	var told atomic.Int64
	done := make(chan struct{})
	tell := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if err := post(ctx, "http://"+w.receiver.addr, t.Payload()); err != nil {
			return err
		}
		if told.Add(1) == int64(n) {
			close(done)
		}
		return nil
	})
	servers := workers.NewServers(w.rdb, zap.NewNop(), []workers.Queue{
		{Name: "pay", Handler: pay, Concurrency: benchConcurrency, Servers: benchServers, Grace: time.Second},
		{Name: "tell", Handler: tell, Concurrency: benchConcurrency, Servers: benchServers, Grace: time.Second},
	})
	start := time.Now()
	if err := servers.Start(); err != nil {
		return 0, err
	}
	defer servers.Stop()
	return await(ctx, done, start, n)
}

// flowOurs preloads n accepted top-ups and measures until the merchant has acknowledged every callback.
func (w *benchWorld) flowOurs(ctx context.Context, nd *node, n int) (float64, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := w.preload(ctx, nd, n, now); err != nil {
		return 0, err
	}
	target := w.receiver.count.Load() + int64(n)
	start := time.Now()
	if _, err := nd.startRoles(roles{work: true, schedule: true, tune: fullSpeed}); err != nil {
		return 0, err
	}
	err := w.awaitTold(ctx, target)
	return float64(n) / time.Since(start).Seconds(), err
}

func (w *benchWorld) preload(ctx context.Context, nd *node, n int, now time.Time) error {
	const chunk = 1000
	return inParallel((n+chunk-1)/chunk, 4, func(c int) error {
		var ts []*topup.Topup
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			ts = append(ts, w.order(i, now))
		}
		_, err := nd.store.Create(ctx, ts)
		return err
	})
}

func await(ctx context.Context, done <-chan struct{}, start time.Time, n int) (float64, error) {
	select {
	case <-done:
		return float64(n) / time.Since(start).Seconds(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("measurement ran out of time: %w", ctx.Err())
	}
}

// inParallel runs f for 0 to n-1 on the given number of goroutines and returns the first error.
func inParallel(n, goroutines int, f func(int) error) error {
	var next atomic.Int64
	errs := make(chan error, goroutines)
	for range goroutines {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					errs <- nil
					return
				}
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	var first error
	for range goroutines {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
