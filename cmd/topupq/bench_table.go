package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one line of the table: the runs of one measurement, and what it is compared with.
type figure struct {
	Name string    `json:"name"`
	Unit string    `json:"unit"`
	Runs []float64 `json:"runs"`
	// Baseline are the runs of the baseline, measured in turn with ours.
	Baseline []float64 `json:"baseline,omitempty"`
	// Bar is what the figure should reach; Met whether it does.
	Bar string `json:"bar,omitempty"`
	Met *bool  `json:"met,omitempty"`
	// Durability is the appendfsync under which it was measured.
	Durability string `json:"durability"`
}

func median(runs []float64) float64 {
	if len(runs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(runs))
	return sorted[len(sorted)/2]
}

// ratio is the median of ours over the baseline, pair by pair, so that a drifting machine counts on both sides.
func (f figure) ratio() float64 {
	var pairs []float64
	for i := range min(len(f.Runs), len(f.Baseline)) {
		if f.Baseline[i] > 0 {
			pairs = append(pairs, f.Runs[i]/f.Baseline[i])
		}
	}
	return median(pairs)
}

// judge sets the bar and whether the figure meets it.
func (f *figure) judge(bar string, met bool) { f.Bar, f.Met = bar, &met }

// benchReport is all that a run of the bench found.
type benchReport struct {
	At      time.Time `json:"at"`
	Machine string    `json:"machine"`
	Go      string    `json:"go"`
	Redis   string    `json:"redis"`
	Rows    int       `json:"rows"`
	Figures []figure  `json:"figures"`
}

func newBenchReport(redisVersion string, rows int) *benchReport {
	return &benchReport{At: time.Now().UTC().Truncate(time.Second), Machine: machine(), Go: runtime.Version(), Redis: redisVersion, Rows: rows}
}

// machine names the processor and the number of cores that may be used.
func machine() string {
	name := runtime.GOARCH
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				name = strings.TrimSpace(v)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores, %s", runtime.NumCPU(), name)
}

func (r *benchReport) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s; %s, Redis %s; medians of the runs; baseline measured in the same run\n\n", r.Machine, r.Go, r.Redis)
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "measurement\tappendfsync\tours\tbaseline\tratio\tbar\tmet")
	for _, f := range r.Figures {
		baseline, ratio, met := "", "", ""
		if len(f.Baseline) > 0 {
			baseline, ratio = number(median(f.Baseline))+" "+f.Unit, fmt.Sprintf("%.2f", f.ratio())
		}
		if f.Met != nil {
			met = map[bool]string{true: "yes", false: "NO"}[*f.Met]
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", f.Name, f.Durability, number(median(f.Runs)), f.Unit, baseline, ratio, f.Bar, met)
	}
	_ = w.Flush()
}

// number writes a figure with the precision that it deserves.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

func (r *benchReport) save(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// missed lists the bars that were not met.
func (r *benchReport) missed() (names []string) {
	for _, f := range r.Figures {
		if f.Met != nil && !*f.Met {
			names = append(names, f.Name)
		}
	}
	return names
}
