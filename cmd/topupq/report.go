package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/spf13/cobra"

	"topupq/client"
	"topupq/dayend"
	"topupq/report"
	"topupq/topup"
)

// reportFlags are those of report.
type reportFlags struct {
	asJSON, asCSV  bool
	zone, provider string
}

// newReport tells of a day: a merchant's through the API, or with --provider a provider's from the ledger.
func newReport(d deps) *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use: "report YYYY-MM-DD", Short: "Show a day's top-ups: totals, or every row as CSV or JSON",
		Long: `Shows a merchant's day with its API key: totals by state and currency, costs and fees, what is open by age, and what
the day changed about earlier ones. A day that is over keeps its report for ever; later truth is a correction in the
report of the day on which it was learned.

With --provider an operator sees a provider's day of all merchants, read from the ledger: what the status budget did not
reach, how the books compare, and what was archived. The day is that of the provider's own zone.

Exit code: 0 done, 1 failed, 2 wrong usage or configuration.`,
		Example: "  topupq report 2026-11-23\n  topupq report 2026-11-23 --csv > day.csv\n  topupq report 2026-11-23 --timezone Africa/Johannesburg\n  topupq report 2026-11-23 --provider aat",
		Args:    oneArg,
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, d, args[0]) },
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&f.asCSV, "csv", false, "print every row as CSV")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print every row and the totals as JSON")
	cmd.Flags().StringVar(&f.zone, "timezone", "", "whose midnights bound the day, an IANA name (default UTC)")
	cmd.Flags().StringVar(&f.provider, "provider", "", "an operator's report of this provider: reloadly, aat, rechargekit")
	cmd.MarkFlagsMutuallyExclusive("csv", "json")
	cmd.MarkFlagsMutuallyExclusive("provider", "timezone")
	return cmd
}

func (f reportFlags) run(cmd *cobra.Command, d deps, date string) error {
	if date == "" {
		return usageError("write %s", cmd.UseLine())
	}
	if err := validDate(date); err != nil {
		return err
	}
	if f.provider != "" {
		p, err := topup.ParseProvider(f.provider)
		if err != nil {
			return usageError("--provider: %w", err)
		}
		return withCloser(cmd, d, func(ctx context.Context, c *dayend.Closer, all *providers) error {
			if _, ok := all.routes[p]; !ok {
				return usageError("%s has no credentials here: topupq config lists its settings", p)
			}
			return showProviderReport(ctx, cmd.OutOrStdout(), c, p, date, f.asCSV, f.asJSON)
		})
	}
	api, err := newAPIClient(cmd, d)
	if err != nil {
		return err
	}
	mediaType := "application/json"
	if f.asCSV {
		mediaType = "text/csv"
	}
	body, err := api.report(cmd.Context(), date, f.zone, mediaType)
	if err != nil {
		return err
	}
	defer body.Close()
	if f.asCSV || f.asJSON {
		if _, err := io.Copy(cmd.OutOrStdout(), body); err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		return nil
	}
	return showReport(cmd, body)
}

// report opens a day's report, which may be of any length; the caller closes it.
func (c *apiClient) report(ctx context.Context, date, zone, mediaType string) (io.ReadCloser, error) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return nil, usageError("%q is no date: write it as 2026-11-23", clean(date))
	}
	params := &client.GetReportParams{}
	if zone != "" {
		params.Timezone = &zone
	}
	resp, err := c.calls.GetReport(ctx, types.Date{Time: day}, params, accept(mediaType))
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// reportTotals is what stands behind the rows of a report.
type reportTotals struct {
	Rows, Open, Unresolved int64
	SHA256                 string
	Totals                 []report.Total
	Costs                  []report.Cost
	Ages                   []report.Age
	Changes                []report.Change
}

func showReport(cmd *cobra.Command, body io.Reader) error {
	r, err := readTotals(body)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d top-ups, %d still open, %d of them unresolved\n", r.Rows, r.Open, r.Unresolved)
	if err := showSums(w, r.Totals, r.Costs, r.Ages, r.Changes); err != nil {
		return err
	}
	if r.Rows > 0 {
		fmt.Fprintf(w, "\nsha256 of the rows: %s\n", clean(r.SHA256))
	}
	return nil
}

// readTotals passes over the rows, which may be millions, and keeps what stands around them.
func readTotals(body io.Reader) (reportTotals, error) {
	var r reportTotals
	dec := json.NewDecoder(body)
	if _, err := dec.Token(); err != nil {
		return r, err
	}
	into := map[string]any{
		"rows": &r.Rows, "open": &r.Open, "unresolved": &r.Unresolved, "totals": &r.Totals, "costs": &r.Costs, "open_by_age": &r.Ages,
		"changes": &r.Changes, "sha256": &r.SHA256,
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return r, err
		}
		if name, _ := key.(string); name == "data" || name == "corrections" {
			err = skipArray(dec)
		} else if to, wanted := into[name]; wanted {
			err = dec.Decode(to)
		} else {
			err = dec.Decode(new(json.RawMessage))
		}
		if err != nil {
			return r, err
		}
	}
	_, err := dec.Token()
	return r, err
}

func skipArray(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return err
	}
	var row json.RawMessage
	for dec.More() {
		if err := dec.Decode(&row); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}
