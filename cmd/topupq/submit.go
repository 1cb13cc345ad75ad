package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"topupq/topup"
)

const (
	// exitRejected tells that the file was taken but for some rows, exitStopped that somebody stopped watching before
	// every outcome was known.
	exitRejected = 3
	exitStopped  = 4
)

// submission is one run of the submit command.
type submission struct {
	api  *apiClient
	file submitFile
	name string
	// dry only validates.
	dry    bool
	asJSON bool
	// progress draws bars; nil where nobody looks at a terminal.
	progress io.Writer
	out, err io.Writer
	// pause is the first wait before the file is sent again, poll the wait between looks at a batch.
	pause, poll time.Duration
}

// newSubmit hands a file in.
func newSubmit(d deps) *cobra.Command {
	var watch, dry, asJSON bool
	var name, format string
	cmd := &cobra.Command{
		Use: "submit FILE", Short: "Hand in a file of top-ups, as many as you like",
		Long: `Streams a CSV, NDJSON or JSON file (also .gz) to the intake as one batch and prints what came of it.
Rows that are refused go to FILE.rejected.csv (of NDJSON and JSON to FILE.rejected.ndjson) with the reason as "error"; they
never stop the others. Mend that file and hand it in alone.

Stop it at any time and run it again: a reference that was taken is never taken twice.

Exit code: 0 every row is accepted or was before, 3 some were refused, 1 failed, 2 wrong usage; with --watch 4 when it is
stopped before every outcome is known. The outcomes themselves are in what it prints, with --json under "states".`,
		Example: `  topupq submit topups.csv
  topupq submit topups.ndjson.gz --watch --name "November bonus"
  topupq submit topups.csv --validate-only`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := openSubmitFile(args[0], format)
			if err != nil {
				return err
			}
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			s := &submission{
				api: api, file: file, name: cmp.Or(name, filepath.Base(file.path)), dry: dry, asJSON: asJSON,
				out: d.stdout, err: d.stderr, pause: time.Second, poll: time.Second,
			}
			if isTerminal(d.stderr) {
				s.progress = d.stderr
			}
			return s.run(cmd.Context(), watch && !dry)
		},
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "stay until every top-up of the batch has its outcome")
	cmd.Flags().BoolVar(&dry, "validate-only", false, "check every row and write nothing")
	cmd.Flags().StringVar(&name, "name", "", "name of the batch (default the file's)")
	cmd.Flags().StringVar(&format, "format", "", "csv, ndjson or json (default by the file's name)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// rowError is one refused row.
type rowError struct {
	Line      int    `json:"line"`
	Reference string `json:"reference"`
	Code      string `json:"code"`
	Field     string `json:"field"`
	Message   string `json:"message"`
}

// uploadAnswer is the intake's answer to a batch. Errors are the first hundred.
type uploadAnswer struct {
	topup.BatchView
	Errors []rowError `json:"errors"`
	// PredictedCosts comes with a validation: what rows of providers that publish their prices should cost.
	PredictedCosts *predictedCosts `json:"predicted_costs"`
	// Plan comes with a validation.
	Plan json.RawMessage `json:"plan"`
}

type predictedCosts struct {
	Rows int64             `json:"rows"`
	Sums map[string]string `json:"sums"`
}

// run uploads, finds all refused rows, and watches.
func (s *submission) run(ctx context.Context, watch bool) error {
	answer, err := s.upload(ctx)
	if err != nil {
		return err
	}
	rejectedFile := ""
	if answer.Rejected > 0 {
		errs, err := s.allErrors(ctx, answer)
		if err != nil {
			return fmt.Errorf("the file is handed in, but not all refused rows are known: %w", err)
		}
		rejectedFile = s.file.rejected()
		if err := s.writeRejected(rejectedFile, errs); err != nil {
			return err
		}
	} else if err := forget(s.file.rejected()); err != nil {
		return err
	}
	stopped := false
	if watch && answer.Accepted > 0 {
		if stopped, err = s.watch(ctx, &answer.BatchView); err != nil {
			return err
		}
	}
	if err := s.print(answer, rejectedFile); err != nil {
		return err
	}
	switch {
	case stopped:
		return &exitError{code: exitStopped}
	case answer.Rejected > 0:
		return &exitError{code: exitRejected}
	default:
		return nil
	}
}

// forget removes the refused rows of an earlier run: there are none any more.
func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the refused rows of an earlier run: %w", err)
	}
	return nil
}

// submitResult is what --json prints.
type submitResult struct {
	topup.BatchView
	PredictedCosts *predictedCosts `json:"predicted_costs,omitempty"`
	Plan           json.RawMessage `json:"plan,omitempty"`
	RejectedFile   string          `json:"rejected_file,omitempty"`
}

func (s *submission) print(a uploadAnswer, rejectedFile string) error {
	if s.asJSON {
		return printJSON(s.out, submitResult{a.BatchView, a.PredictedCosts, a.Plan, rejectedFile})
	}
	accepted := "accepted"
	if s.dry {
		accepted = "would be accepted"
	}
	pairs := [][2]string{
		{"batch", string(a.BatchID)}, {"rows", strconv.FormatInt(a.Rows, 10)}, {accepted, strconv.FormatInt(a.Accepted, 10)},
		{"duplicates", strconv.FormatInt(a.Duplicates, 10)}, {"rejected", strconv.FormatInt(a.Rejected, 10)},
	}
	for _, currency := range sortedKeys(a.Totals) {
		pairs = append(pairs, [2]string{"total " + currency, a.Totals[currency].Requested})
	}
	if !s.dry {
		pairs = append(pairs, [2]string{"states", countsText(a.States)})
	}
	if p := a.PredictedCosts; p != nil {
		for _, currency := range sortedKeys(p.Sums) {
			pairs = append(pairs, [2]string{"should cost " + currency, fmt.Sprintf("%s for %d rows whose prices are known", p.Sums[currency], p.Rows)})
		}
	}
	plan, err := planFields(a.Plan)
	if err != nil {
		return err
	}
	return printFields(s.out, append(append(pairs, plan...), [2]string{"rejected rows", rejectedFile}))
}
