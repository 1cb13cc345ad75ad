package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/deploy/sample"
	"topupq/topup"
)

const (
	// demoDeadline bounds the whole demo.
	demoDeadline = 55 * time.Second
	// demoSweep is when the demo's end of day comes.
	demoSweep = 24 * time.Second
	demoPoll  = 250 * time.Millisecond
)

// newDemo is the main job on a fresh machine.
func newDemo(d deps) *cobra.Command {
	var logFile bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Run the sample batch through everything, with nothing else installed", Args: cobra.NoArgs,
		Long: `Run the main job in one process: an embedded Redis, simulators of the providers that lose, delay and refuse,
all roles, and a merchant that verifies every callback. Submits the sample batch of deploy/sample, shows what happens,
and compares what the ledger says with what the simulators booked. A day takes about half a minute.

Exits 0 only if every row is closed, nothing was paid twice, and every callback was verified.`,
		Example: "  topupq demo\n  go run ./cmd/topupq demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := zap.NewNop()
			if logFile {
				log = newLog(d.stderr, config.Log{Level: "info", Format: "console"})
			}
			return runDemo(cmd.Context(), d.stdout, log)
		},
	}
	cmd.Flags().BoolVar(&logFile, "log", false, "print the program's log to standard error")
	return cmd
}

// demoEnv makes a day of the demo: hours are seconds, and the end of the day comes soon.
func demoEnv(now time.Time) map[string]string {
	env := map[string]string{
		"TOPUPQ_CHECK_EARLY": "700ms,1500ms,3s", "TOPUPQ_CHECK_INTERVAL": "5s", "TOPUPQ_CHECK_COUNT": "3",
		"TOPUPQ_END_OF_DAY": now.Add(demoSweep).UTC().Format(time.TimeOnly), "TOPUPQ_RESCUE_AFTER": "3s",
		"TOPUPQ_SUBMIT_MARGIN": "500ms", "TOPUPQ_CALLBACK_TIMEOUT": "3s",
	}
	for _, p := range []string{"RELOADLY", "AAT", "RECHARGEKIT"} {
		env["TOPUPQ_"+p+"_TIMEOUT"] = "3s"
		env["TOPUPQ_"+p+"_HOLD"] = "3500ms"
		env["TOPUPQ_"+p+"_SPACING"] = "1500ms"
		env["TOPUPQ_"+p+"_TIMEZONE"] = "UTC"
		env["TOPUPQ_"+p+"_CONFIRM"] = "hourly"
	}
	return env
}

func runDemo(ctx context.Context, out io.Writer, log *zap.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, demoDeadline)
	defer cancel()
	start := time.Now()
	s, err := startSandbox(ctx, sandboxOptions{
		log: log, env: demoEnv(start),
		sims: simOptions{magic: true, reverseAfter: 6 * time.Second, processing: 300 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Fprintln(out, "topupq demo: embedded Redis (nothing survives this process), simulated providers, one merchant")
	fmt.Fprintf(out, "  intake   http://%s\n  console  http://%s/dashboard (admin / admin)\n\n", s.at.intake, s.at.ops)

	first, err := s.submitSample(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "submitted deploy/sample/topups.csv: %d rows = %d accepted + %d duplicates + %d rejected (%s)\n",
		first.Rows, first.Accepted, first.Duplicates, first.Rejected, time.Since(start).Round(time.Millisecond))
	if err := s.watchDemo(ctx, out, first); err != nil {
		fmt.Fprintf(out, "\ngave up waiting: %v\n", err)
	}
	again, err := s.submitSample(ctx)
	if err != nil {
		return err
	}
	v := s.judge(first, again)
	v.print(out)
	fmt.Fprintf(out, "\ntook %s\n", time.Since(start).Round(100*time.Millisecond))
	if len(v.faults) > 0 {
		return &exitError{code: exitFailed, err: fmt.Errorf("the demo failed: %d promises broken", len(v.faults))}
	}
	return nil
}

// receipt is the answer to a batch.
type receipt struct {
	BatchID    topup.BatchID    `json:"batch_id"`
	Rows       int64            `json:"rows"`
	Accepted   int64            `json:"accepted"`
	Duplicates int64            `json:"duplicates"`
	Rejected   int64            `json:"rejected"`
	States     map[string]int64 `json:"states"`
}

// submitSample posts the sample file, as any merchant would.
func (s *sandbox) submitSample(ctx context.Context) (receipt, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.at.intake+"/v1/batches?name=sample", bytes.NewReader(sample.TopupsCSV()))
	if err != nil {
		return receipt{}, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "text/csv")
	var got receipt
	return got, s.call(req, http.StatusAccepted, &got)
}

// call makes a request as the sandbox's merchant.
func (s *sandbox) call(req *http.Request, want int, into any) error {
	req.Header.Set("Authorization", "Bearer "+s.apiKey)
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("call intake: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != want {
		return fmt.Errorf("intake answered %s: %s", resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// watchDemo prints the states as they change until everything is settled.
func (s *sandbox) watchDemo(ctx context.Context, out io.Writer, r receipt) error {
	ticker := time.NewTicker(demoPoll)
	defer ticker.Stop()
	last := ""
	for {
		b, err := s.node.store.GetBatch(ctx, r.BatchID)
		if err != nil {
			return err
		}
		if line := stateLine(b); line != last {
			fmt.Fprintln(out, line)
			last = line
		}
		if s.settled(ctx, r) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the demo's time is up")
		case <-ticker.C:
		}
	}
}

func stateLine(b *topup.Batch) string {
	line := fmt.Sprintf("  %3.0f %%", 100*b.Progress())
	for _, state := range topup.States {
		if n := b.States[state]; n > 0 {
			line += fmt.Sprintf("  %s %d", state, n)
		}
	}
	return line
}

// takenBack are the cases of the sample that the provider takes back, as caseOf names them.
func takenBack() map[string]bool {
	out := map[string]bool{}
	for _, c := range sample.Cases() {
		if c.WantState == sample.Reversed {
			out[c.Provider+"/"+c.Name] = true
		}
	}
	return out
}

func caseOf(t *topup.Topup) string { return string(t.Provider) + "/" + t.Metadata["case"] }

// settled reports whether every row is closed, is not to be reversed any more, agrees with its simulator, and was told to the merchant.
func (s *sandbox) settled(ctx context.Context, r receipt) bool {
	rows, err := s.rows(ctx, r.BatchID)
	if err != nil || int64(len(rows)) < r.Accepted || !s.receiver.completed(r.BatchID) {
		return false
	}
	booked, back := s.sims.bookings(), takenBack()
	for _, t := range rows {
		if !t.State.Closed() || (t.State == topup.Succeeded && back[caseOf(t)]) || len(disagreements(t, booked[string(t.ID)], s.receiver.knows(t.ID))) > 0 {
			return false
		}
	}
	return true
}

// rows are all top-ups of a batch.
func (s *sandbox) rows(ctx context.Context, id topup.BatchID) ([]*topup.Topup, error) {
	var out []*topup.Topup
	q := topup.Query{Batch: id, Limit: 1000}
	for {
		page, err := s.node.store.List(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Topups...)
		if page.Next == "" {
			return out, nil
		}
		q.Cursor = page.Next
	}
}
