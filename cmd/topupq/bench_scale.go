package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// scale measures flow with 1, 2 and 4 worker processes against a provider that takes 200 ms, and on clusters of 1 and 3
// primaries.
func (b *benchRun) scale(ctx context.Context) error {
	var one float64
	for _, processes := range []int{1, 2, 4} {
		w, err := newBenchWorld(ctx, "always")
		if err != nil {
			return err
		}
		rate, err := b.scaled(ctx, w, processes)
		w.stop()
		if err != nil {
			return err
		}
		line := figure{Name: fmt.Sprintf("flow, %d worker processes, provider 200 ms", processes), Unit: "topups/s", Runs: []float64{rate}, Durability: "always"}
		if processes == 1 {
			one = rate
		} else {
			line.Baseline = []float64{one}
		}
		b.report.Figures = append(b.report.Figures, line)
	}
	return b.clusters(ctx)
}

// clusters measures flow on a Redis Cluster, beside bare asynq on the same one.
func (b *benchRun) clusters(ctx context.Context) error {
	for _, primaries := range []int{1, 3} {
		f := figure{Name: fmt.Sprintf("flow on a Redis Cluster, primaries: %d / bare asynq", primaries), Unit: "topups/s", Durability: "always"}
		for run := range b.runs {
			bare, ours, err := b.onCluster(ctx, primaries)
			if err != nil {
				return err
			}
			f.Runs, f.Baseline = append(f.Runs, ours), append(f.Baseline, bare)
			fmt.Fprintf(b.progress, "  run %d of %d, cluster of %d\n", run+1, b.runs, primaries)
		}
		b.report.Figures = append(b.report.Figures, f)
	}
	return nil
}

func (b *benchRun) onCluster(ctx context.Context, primaries int) (bare, ours float64, err error) {
	w, err := newBenchCluster(ctx, primaries, "always")
	if err != nil {
		return 0, 0, err
	}
	defer w.stop()
	if bare, err = w.flowBare(ctx, b.rows); err != nil {
		return 0, 0, err
	}
	nd, err := w.node(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer nd.stop()
	ours, err = w.flowOurs(ctx, nd, b.rows)
	return bare, ours, err
}

func (b *benchRun) scaled(ctx context.Context, w *benchWorld, processes int) (rate float64, err error) {
	nd, err := w.node(ctx)
	if err != nil {
		return 0, err
	}
	defer nd.stop()
	n := b.rows / 5 * processes
	if err := w.preload(ctx, nd, n, time.Now().UTC().Truncate(time.Millisecond)); err != nil {
		return 0, err
	}
	w.provider.delay.Store(int64(200 * time.Millisecond))
	defer w.provider.delay.Store(0)
	start := time.Now()
	for _, role := range append([]string{"schedule"}, roleTimes("work", processes)...) {
		p, err := w.spawn(ctx, role)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
	}
	err = w.awaitTold(ctx, int64(n))
	return float64(n) / time.Since(start).Seconds(), err
}

func roleTimes(role string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = role
	}
	return out
}
