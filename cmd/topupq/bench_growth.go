package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"topupq/topup"
)

// redisVersion is the server's version, for the report.
func (w *benchWorld) redisVersion(ctx context.Context) string {
	info, err := w.rdb.Info(ctx, "server").Result()
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			return v
		}
	}
	return "unknown"
}

// watchSlow makes Redis note every command over 5 ms; slow counts them, scripts that only load excluded.
func (w *benchWorld) watchSlow(ctx context.Context) error {
	return errors.Join(w.rdb.ConfigSet(ctx, "slowlog-log-slower-than", "5000").Err(), w.rdb.ConfigSet(ctx, "slowlog-max-len", "1024").Err(),
		w.rdb.Do(ctx, "SLOWLOG", "RESET").Err())
}

func (w *benchWorld) slow(ctx context.Context) (int64, error) {
	entries, err := w.rdb.SlowLogGet(ctx, 1024).Result()
	if err != nil {
		return 0, fmt.Errorf("read slow log: %w", err)
	}
	var n int64
	for _, e := range entries {
		// What the bench itself asks for, between the measurements, is not the product's.
		if name := strings.ToLower(strings.Join(e.Args[:min(len(e.Args), 1)], "")); name != "scan" && name != "unlink" && name != "info" {
			n++
		}
	}
	return n, nil
}

// memory measures Redis bytes per top-up and the peak memory of intake and workers over a million rows.
func (b *benchRun) memory(ctx context.Context) error {
	n := 10 * b.rows
	w, err := newBenchWorld(ctx, "everysec")
	if err != nil {
		return err
	}
	m, err := w.memory(ctx, n)
	w.stop()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"Redis bytes per queued top-up, all of it", m.Queued, 1500},
		{"Redis bytes per top-up awaiting a check", m.Awaiting, 800},
		{"Redis bytes per closed top-up", m.Closed, 600},
		{"Redis bytes per remembered reference", m.Remembered, 40},
	} {
		line := figure{Name: f.name, Unit: "B", Runs: []float64{f.value}, Durability: "everysec"}
		line.judge(fmt.Sprintf("<= %.0f", f.most), f.value <= f.most)
		b.report.Figures = append(b.report.Figures, line)
	}
	return b.resident(ctx)
}

// resident streams the largest number of rows of growth into an intake of its own, then lets a worker run, and reads
// the peak memory of both.
func (b *benchRun) resident(ctx context.Context) error {
	rows := b.benchOptions.growth[len(b.benchOptions.growth)-1]
	w, err := newBenchWorld(ctx, "everysec")
	if err != nil {
		return err
	}
	defer w.stop()
	nd, err := w.node(ctx)
	if err != nil {
		return err
	}
	defer nd.stop()
	intake, err := w.spawn(ctx, "intake")
	if err != nil {
		return err
	}
	rate, err := w.streamRows(ctx, intake.addr, 0, rows)
	peak, err2 := intake.peakMemory()
	if err := errors.Join(err, err2, intake.stop()); err != nil {
		return err
	}
	name := fmt.Sprintf("intake's peak memory, %d rows streamed", rows)
	line := figure{Name: name, Unit: "MB", Runs: []float64{float64(peak) / 1e6}, Durability: "everysec"}
	line.judge("<= 200 MB", peak <= 200e6)
	speed := figure{Name: fmt.Sprintf("intake in a process of its own, %d rows", rows), Unit: "rows/s", Runs: []float64{rate}, Durability: "everysec"}
	b.report.Figures = append(b.report.Figures, line, speed)
	return b.workerMemory(ctx, w)
}

// workerMemory lets a worker and a scheduler drain part of what was streamed.
func (b *benchRun) workerMemory(ctx context.Context, w *benchWorld) error {
	work, err := w.spawn(ctx, "work")
	if err != nil {
		return err
	}
	schedule, err := w.spawn(ctx, "schedule")
	if err != nil {
		return errors.Join(err, work.stop())
	}
	err = w.awaitTold(ctx, int64(b.rows))
	peak, err2 := work.peakMemory()
	if err := errors.Join(err, err2, schedule.stop(), work.stop()); err != nil {
		return err
	}
	b.report.Figures = append(b.report.Figures, figure{Name: "worker's peak memory", Unit: "MB", Runs: []float64{float64(peak) / 1e6}, Durability: "everysec"})
	return nil
}

// awaitTold waits until the merchant has acknowledged n callbacks.
func (w *benchWorld) awaitTold(ctx context.Context, n int64) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for w.receiver.count.Load() < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d callbacks: %w", w.receiver.count.Load(), n, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// growing measures intake and flow, and what the scheduler costs, with more and more top-ups open.
func (b *benchRun) growing(ctx context.Context) error {
	var first float64
	for i, open := range b.benchOptions.growth {
		w, err := newBenchWorld(ctx, "everysec")
		if err != nil {
			return err
		}
		flow, err := b.grown(ctx, w, open)
		w.stop()
		if err != nil {
			return err
		}
		line := figure{Name: fmt.Sprintf("flow with %d open", open), Unit: "topups/s", Runs: []float64{flow}, Durability: "everysec"}
		if i == 0 {
			first = flow
		} else if i == len(b.benchOptions.growth)-1 {
			line.Baseline = []float64{first}
			line.judge(">= 0.8 of the first", flow >= 0.8*first)
		}
		b.report.Figures = append(b.report.Figures, line)
	}
	return nil
}

func (b *benchRun) grown(ctx context.Context, w *benchWorld, open int) (float64, error) {
	nd, err := w.node(ctx)
	if err != nil {
		return 0, err
	}
	defer nd.stop()
	if err := errors.Join(w.preloadOpen(ctx, nd, open), w.watchSlow(ctx)); err != nil {
		return 0, err
	}
	schedule, err := w.spawn(ctx, "schedule")
	if err != nil {
		return 0, err
	}
	idle, err := schedule.idleCost(ctx, 10*time.Second)
	if err := errors.Join(err, schedule.stop()); err != nil {
		return 0, err
	}
	cost := figure{Name: fmt.Sprintf("scheduler with %d open and nothing due, share of a core", open), Unit: "%", Runs: []float64{100 * idle}, Durability: "everysec"}
	cost.judge("<= 1 %", idle <= 0.01)
	rows, err := b.intakeInto(ctx, w, open)
	if err != nil {
		return 0, err
	}
	find, err := w.findDue(ctx, nd, open)
	if err != nil {
		return 0, err
	}
	flow, err := w.flowOurs(ctx, nd, b.rows)
	if err != nil {
		return 0, err
	}
	slow, err := w.slow(ctx)
	line := figure{Name: fmt.Sprintf("Redis commands over 5 ms with %d open", open), Unit: "", Runs: []float64{float64(slow)}, Durability: "everysec"}
	line.judge("0", slow == 0)
	b.report.Figures = append(b.report.Figures, cost, line,
		figure{Name: fmt.Sprintf("intake with %d open", open), Unit: "rows/s", Runs: []float64{rows}, Durability: "everysec"},
		figure{Name: fmt.Sprintf("finding what is due, all of %d due", open), Unit: "topups/s", Runs: []float64{find}, Durability: "everysec"})
	return flow, err
}

// intakeInto streams rows into an intake beside what is open, and empties the queue again.
func (b *benchRun) intakeInto(ctx context.Context, w *benchWorld, open int) (float64, error) {
	n, at, err := w.intakeNode(ctx)
	if err != nil {
		return 0, err
	}
	defer n.stop()
	rows, err := w.streamRows(ctx, at, open+10_000_000, b.rows)
	return rows, errors.Join(err, w.dropQueue(ctx))
}

// findDue takes everything that is open through the due scripts, as a scheduler with all of it due would, and puts it
// off again. It returns top-ups per second.
func (w *benchWorld) findDue(ctx context.Context, nd *node, open int) (float64, error) {
	far := time.Now().Add(100 * time.Hour)
	start, found := time.Now(), 0
	for {
		due, err := nd.store.DueChecks(ctx, topup.RechargeKit, far, far.Add(100*time.Hour), 2000)
		if err != nil {
			return 0, err
		}
		if len(due) == 0 {
			break
		}
		found += len(due)
	}
	if found < open {
		return 0, fmt.Errorf("found %d of %d due", found, open)
	}
	return float64(found) / time.Since(start).Seconds(), nil
}
