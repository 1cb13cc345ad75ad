package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// benchOptions say how much is measured.
type benchOptions struct {
	runs, rows       int
	parts            []string
	growth           []int
	latencyFor       time.Duration
	json, profileDir string
}

// benchParts are the measurements, in order.
var benchParts = []string{"intake", "flow", "latency", "memory", "growth", "scale"}

func newBench(d deps) *cobra.Command {
	o := benchOptions{growth: []int{10_000, 100_000, 1_000_000}, latencyFor: 20 * time.Second}
	var quick bool
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure intake, flow, latency, memory and growth beside bare asynq, in the same run", Args: cobra.NoArgs,
		Long: `Start a real Redis of its own (redis-server must be installed), a provider that answers at once and a merchant's
endpoint, and measure. What is compared with bare asynq is measured in turn with it, pair by pair, so that a machine
whose speed drifts counts on both sides. Every line names the appendfsync that it was measured with.

Parts: intake, flow, latency, memory, growth, scale.`,
		Example: "  topupq bench --quick\n  topupq bench --json bench.json --profile profiles\n  topupq bench --part flow --runs 9",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick {
				o.runs, o.rows, o.growth, o.latencyFor = 1, 5000, []int{10_000, 50_000}, 5*time.Second
			}
			for _, p := range o.parts {
				if !slices.Contains(benchParts, p) {
					return usageError("--part %q: one of %s", p, strings.Join(benchParts, ", "))
				}
			}
			return runBench(cmd.Context(), d.stdout, d.stderr, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.runs, "runs", 5, "runs of each measurement; the median is shown")
	f.IntVar(&o.rows, "rows", 60_000, "rows of one run")
	f.StringSliceVar(&o.parts, "part", nil, "only these parts; repeatable")
	f.StringVar(&o.json, "json", "", "also write everything to this file, as JSON")
	f.StringVar(&o.profileDir, "profile", "", "write CPU profiles and flame graphs of intake and flow into this folder")
	f.BoolVar(&quick, "quick", false, "one small run of everything, to see that it works")
	return cmd
}

// benchDeadline bounds the whole of a bench.
const benchDeadline = 50 * time.Minute

func runBench(ctx context.Context, out, progress io.Writer, o benchOptions) error {
	ctx, cancel := context.WithTimeout(ctx, benchDeadline)
	defer cancel()
	w, err := newBenchWorld(ctx, "")
	if err != nil {
		return err
	}
	version := w.redisVersion(ctx)
	w.stop()
	b := &benchRun{benchOptions: o, report: newBenchReport(version, o.rows), progress: progress}
	parts := map[string]func(context.Context) error{
		"intake": b.intake, "flow": b.flow, "latency": b.latency, "memory": b.memory, "growth": b.growing, "scale": b.scale,
	}
	for _, name := range benchParts {
		if len(o.parts) > 0 && !slices.Contains(o.parts, name) {
			continue
		}
		fmt.Fprintf(progress, "measuring %s\n", name)
		if err := parts[name](ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	b.report.print(out)
	if o.json != "" {
		if err := b.report.save(o.json); err != nil {
			return err
		}
	}
	if missed := b.report.missed(); len(missed) > 0 {
		fmt.Fprintf(out, "\nbars missed: %s\n", strings.Join(missed, ", "))
	}
	return nil
}

// benchRun is one run of the bench.
type benchRun struct {
	benchOptions
	report   *benchReport
	progress io.Writer
}

// times runs measure as often as asked for, each time in a new world.
func (b *benchRun) times(ctx context.Context, fsync string, measure func(context.Context, *benchWorld, int) error) error {
	for run := range b.runs {
		w, err := newBenchWorld(ctx, fsync)
		if err != nil {
			return err
		}
		err = measure(ctx, w, run)
		w.stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(b.progress, "  run %d of %d, appendfsync %s\n", run+1, b.runs, fsync)
	}
	return nil
}

// intake measures rows per second of one NDJSON stream, durable in ledger and queue.
func (b *benchRun) intake(ctx context.Context) error {
	for _, fsync := range []string{"always", "everysec"} {
		ours := figure{Name: "intake, one NDJSON stream / asynq.Enqueue from 64 goroutines", Unit: "rows/s", Durability: fsync}
		single := figure{Name: "intake, one NDJSON stream / asynq.Enqueue from 1 goroutine", Unit: "rows/s", Durability: fsync}
		err := b.times(ctx, fsync, func(ctx context.Context, w *benchWorld, run int) error {
			many, err := w.enqueueBare(ctx, b.rows, 64)
			if err != nil {
				return err
			}
			one, err := w.enqueueBare(ctx, b.rows/10, 1)
			if err != nil {
				return err
			}
			n, at, err := w.intakeNode(ctx)
			if err != nil {
				return err
			}
			defer n.stop()
			stop := b.profile("intake-"+fsync, run)
			rows, err := w.streamRows(ctx, at, 0, 3*b.rows)
			stop()
			ours.Runs, ours.Baseline = append(ours.Runs, rows), append(ours.Baseline, many)
			single.Runs, single.Baseline = append(single.Runs, rows), append(single.Baseline, one)
			return err
		})
		if err != nil {
			return err
		}
		if fsync == "always" {
			ours.judge("ratio >= 0.6", ours.ratio() >= 0.6)
		} else {
			ours.judge(">= 20000/s", median(ours.Runs) >= 20000)
		}
		b.report.Figures = append(b.report.Figures, ours, single)
	}
	return nil
}

// flow measures top-ups per second from accepted to callback acknowledged: with one Redis for everything, and with a
// second one for the queue, so that only the ledger pays for appendfsync always.
func (b *benchRun) flow(ctx context.Context) error {
	for _, c := range []struct {
		fsync string
		own   bool
	}{{"always", false}, {"always", true}, {"everysec", false}} {
		f := figure{Name: "flow, accepted to callback acknowledged / bare asynq, two jobs", Unit: "topups/s", Durability: c.fsync}
		if c.own {
			f.Name = "flow with a Redis for the queue alone (everysec) / bare asynq, two jobs"
		}
		err := b.times(ctx, c.fsync, func(ctx context.Context, w *benchWorld, run int) error {
			bare, err := w.flowBare(ctx, b.rows)
			if err == nil && c.own {
				err = w.ownQueue(ctx)
			}
			if err != nil {
				return err
			}
			n, err := w.node(ctx)
			if err != nil {
				return err
			}
			defer n.stop()
			name := "flow-" + c.fsync
			if c.own {
				name += "-own-queue"
			}
			stop := b.profile(name, run)
			ours, err := w.flowOurs(ctx, n, b.rows)
			stop()
			f.Runs, f.Baseline = append(f.Runs, ours), append(f.Baseline, bare)
			return err
		})
		if err != nil {
			return err
		}
		if c.fsync == "always" && !c.own {
			f.judge("ratio >= 1, >= 3000/s", f.ratio() >= 1 && median(f.Runs) >= 3000)
		}
		b.report.Figures = append(b.report.Figures, f)
	}
	return nil
}

// latency measures a quiet-ish system at 500 a second, the provider taking 50 ms.
func (b *benchRun) latency(ctx context.Context) error {
	p50 := figure{Name: "latency at 500/s, provider 50 ms, p50", Unit: "ms", Durability: "always"}
	p99 := figure{Name: "latency at 500/s, provider 50 ms, p99", Unit: "ms", Durability: "always"}
	worst := figure{Name: "latency at 500/s, provider 50 ms, max", Unit: "ms", Durability: "always"}
	err := b.times(ctx, "always", func(ctx context.Context, w *benchWorld, _ int) error {
		l, err := w.latency(ctx, 500, b.latencyFor, 50*time.Millisecond)
		p50.Runs, p99.Runs, worst.Runs = append(p50.Runs, ms(l.P50)), append(p99.Runs, ms(l.P99)), append(worst.Runs, ms(l.Max))
		return err
	})
	p99.judge("<= 150 ms", median(p99.Runs) <= 150)
	b.report.Figures = append(b.report.Figures, p50, p99, worst)
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// profile records the processor's work in this process until the returned function is called, where asked for.
func (b *benchRun) profile(name string, run int) func() {
	if b.profileDir == "" || run > 0 {
		return func() {}
	}
	path := filepath.Join(b.profileDir, name+".pprof")
	f, err := createIn(b.profileDir, path)
	if err != nil {
		fmt.Fprintln(b.progress, "no profile:", err)
		return func() {}
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		fmt.Fprintln(b.progress, "no profile:", err)
		_ = f.Close()
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(b.progress, "profile not written:", err)
			return
		}
		if err := writeFlameGraph(path, strings.TrimSuffix(path, ".pprof")+".html"); err != nil {
			fmt.Fprintln(b.progress, "no flame graph:", err)
		}
	}
}

func createIn(dir, path string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	return os.Create(path)
}
