package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// newReport fetches the merchant's report of a day.
func newReport(d deps) *cobra.Command {
	var asJSON, asCSV bool
	var zone string
	cmd := &cobra.Command{
		Use: "report YYYY-MM-DD", Short: "Show a day's top-ups: totals, or every row as CSV or JSON",
		Example: "  topupq report 2026-11-23\n  topupq report 2026-11-23 --csv > day.csv\n  topupq report 2026-11-23 --timezone Africa/Johannesburg",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := time.Parse(time.DateOnly, args[0]); err != nil {
				return usageError("%q is not a day: write it like 2026-11-23", clean(args[0]))
			}
			api, err := newAPIClient(cmd, d)
			if err != nil {
				return err
			}
			path := "/v1/reports/" + args[0]
			if zone != "" {
				path += "?" + url.Values{"timezone": {zone}}.Encode()
			}
			switch {
			case asCSV:
				return api.download(cmd.Context(), path, "text/csv", cmd.OutOrStdout())
			case asJSON:
				return api.download(cmd.Context(), path, "application/json", cmd.OutOrStdout())
			}
			return showReport(cmd, api, path)
		},
	}
	apiFlags(cmd)
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print every row as CSV")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print every row and the totals as JSON")
	cmd.Flags().StringVar(&zone, "timezone", "", "whose midnights bound the day, an IANA name (default UTC)")
	cmd.MarkFlagsMutuallyExclusive("csv", "json")
	return cmd
}

// reportTotals is what stands behind the rows of a report.
type reportTotals struct {
	Rows   int64 `json:"rows"`
	Open   int64 `json:"open"`
	Totals []struct {
		State     string `json:"state"`
		Currency  string `json:"currency"`
		Count     int64  `json:"count"`
		Requested string `json:"requested"`
	} `json:"totals"`
}

func showReport(cmd *cobra.Command, api *apiClient, path string) error {
	body, err := api.stream(cmd.Context(), path, "application/json")
	if err != nil {
		return err
	}
	defer body.Close()
	r, err := readTotals(body)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	rows := [][]string{}
	for _, t := range r.Totals {
		rows = append(rows, []string{t.Currency, t.State, strconv.FormatInt(t.Count, 10), t.Requested})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d top-ups, %d still open\n", r.Rows, r.Open)
	if len(rows) == 0 {
		return nil
	}
	return printTable(cmd.OutOrStdout(), []string{"CURRENCY", "STATE", "COUNT", "REQUESTED"}, rows)
}

// readTotals passes over the rows, which may be millions, and keeps what stands around them.
func readTotals(body io.Reader) (reportTotals, error) {
	var r reportTotals
	dec := json.NewDecoder(body)
	if _, err := dec.Token(); err != nil {
		return r, err
	}
	into := map[string]any{"rows": &r.Rows, "open": &r.Open, "totals": &r.Totals}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return r, err
		}
		if name, _ := key.(string); name == "data" {
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
