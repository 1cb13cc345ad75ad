package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"topupq/dayend"
	"topupq/reconcile"
	"topupq/report"
	"topupq/topup"
)

// exitDiffers ends a comparison in which the books differ, or that could not be made in full.
const exitDiffers = 3

// reconcileFlags are those of reconcile.
type reconcileFlags struct {
	provider, date, currency string
	asJSON                   bool
}

// newReconcile compares a provider's day with the provider, or with a statement.
func newReconcile(d deps) *cobra.Command {
	var f reconcileFlags
	cmd := &cobra.Command{
		Use: "reconcile --provider P [FILE.csv]", Short: "Compare a day's books with the provider's own list, count and balance, or with its statement",
		Long: `Compares what the ledger says of a provider's day with what the provider says: its list (Reloadly), its count (AAT), and
its balance before and after. Status calls that this takes are those of the provider's budget.

With a file it compares with the provider's statement instead: CSV with a header, separated by commas, semicolons or
tabs, "-" for standard input. Columns are known by common names (clientRef, customIdentifier, partner_request_id,
transactionId, date, msisdn, amount, status …); only one of references is required. The result is kept with the day.

It moves nothing. Exit code: 0 the books agree, 1 it could not be done, 2 wrong usage or configuration, 3 the books
differ or were not compared in full. A balance that grew by itself is told, and is no difference: a deposit does that.`,
		Example: "  topupq reconcile --provider reloadly\n  topupq reconcile --provider aat --date 2026-11-22\n  topupq reconcile --provider aat --date 2026-11-22 statement.csv --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError("write %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, d, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.provider, "provider", "", "whose books: reloadly, aat, rechargekit")
	fl.StringVar(&f.date, "date", "", "the day in the provider's own zone, like 2026-11-22 (default yesterday)")
	fl.StringVar(&f.currency, "currency", "", "the currency of amounts that name none in the file (default the provider's)")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f reconcileFlags) run(cmd *cobra.Command, d deps, args []string) error {
	p, err := topup.ParseProvider(f.provider)
	if err != nil {
		return usageError("--provider: %w", err)
	}
	if err := validDate(f.date); err != nil {
		return err
	}
	return withCloser(cmd, d, func(ctx context.Context, c *dayend.Closer, all *providers) error {
		route, ok := all.routes[p]
		if !ok {
			return usageError("%s has no credentials here: topupq config lists its settings", p)
		}
		date := f.date
		if date == "" {
			date = report.DayOf(time.Now(), route.Policy.Plan.Location).Next(-1, route.Policy.Plan.Location).Date
		}
		res, source, err := f.compare(ctx, d, c, route.Provider, route.Policy.Plan.Location, p, date, args)
		if err != nil {
			return err
		}
		return showReconciliation(cmd.OutOrStdout(), res, source, f.asJSON)
	})
}

// compare compares with the provider, or with the file where one is named. It returns what it compared with.
func (f reconcileFlags) compare(ctx context.Context, d deps, c *dayend.Closer, provider topup.Provider, loc *time.Location, p topup.ProviderName, date string, args []string) (*reconcile.Result, string, error) {
	if len(args) == 0 {
		res, err := c.Reconcile(ctx, p, date)
		return res, "the provider", err
	}
	in, err := openStatement(d, args[0])
	if err != nil {
		return nil, "", err
	}
	defer in.Close()
	bad := 0
	s := reconcile.Statement{Provider: p, Location: loc, Currency: f.currency, Bad: func(line int, problem string) {
		if bad++; bad <= maxBadLines {
			fmt.Fprintf(d.stderr, "line %d: %s\n", line, clean(problem))
		}
	}}
	if s.Currency == "" {
		s.Currency = provider.Traits().Currency
	}
	lines, err := s.Lines(in)
	if err != nil {
		return nil, "", usageError("%s: %w", clean(args[0]), err)
	}
	res, err := c.ReconcileStatement(ctx, p, date, lines, func() int { return bad })
	return res, "the statement " + args[0], err
}

// maxBadLines is how many unreadable lines of a statement are told one by one.
const maxBadLines = 20

// openStatement opens a file, "-" for standard input.
func openStatement(d deps, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(d.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError("open the statement: %w", err)
	}
	return f, nil
}

// validDate takes a day, or none.
func validDate(s string) error {
	if _, err := time.Parse(time.DateOnly, s); s != "" && err != nil {
		return usageError("%q is not a day: write it like 2026-11-23", clean(s))
	}
	return nil
}

// withCloser opens the ledger as the settings say and hands out what closes days.
func withCloser(cmd *cobra.Command, d deps, do func(context.Context, *dayend.Closer, *providers) error) error {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		return err
	}
	n, err := newNode(cmd.Context(), cfg, zap.NewNop(), "")
	if err != nil {
		return err
	}
	defer n.stop()
	p, err := newProviders(cfg)
	if err != nil {
		return err
	}
	c, err := n.closer(p)
	if err != nil {
		return err
	}
	return do(cmd.Context(), c, p)
}

// shownRows is how many rows of a case the table shows; JSON has up to reconcile.MaxRows.
const shownRows = 10

func showReconciliation(w io.Writer, r *reconcile.Result, source string, asJSON bool) error {
	if asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
		return differs(r)
	}
	fmt.Fprintf(w, "%s %s, compared with %s (by %s)\n\n", r.Provider, r.Date, clean(source), r.Method)
	sides := [][]string{{"ours", strconv.FormatInt(r.Ours.Count, 10), sums(r.Ours.Sums)}}
	if r.Theirs != nil {
		sides = append(sides, []string{"theirs", strconv.FormatInt(r.Theirs.Count, 10), sums(r.Theirs.Sums)})
	}
	if err := printTable(w, []string{"SIDE", "BOOKED", "SUMS"}, sides); err != nil {
		return err
	}
	if r.Method == reconcile.ByCount {
		fmt.Fprintln(w, "(the provider's count has what was taken back since, too, and may have what is open here)")
	}
	if x := r.Drift; x != nil {
		fmt.Fprintf(w, "\nbalance %s to %s %s, top-ups cost %s: drift %s (up to %s may be under way)\n", x.Before, x.After, x.Currency, x.Spent, x.Drift, x.Uncertain)
	} else {
		fmt.Fprintln(w, "\nno balance was read near both ends of the day: the drift is not known")
	}
	if r.Problem != "" {
		fmt.Fprintf(w, "\nnot compared in full: %s\n", clean(r.Problem))
	}
	if err := showCases(w, r.Cases); err != nil {
		return err
	}
	return differs(r)
}

func showCases(w io.Writer, cases []reconcile.Case) error {
	for _, k := range cases {
		fmt.Fprintf(w, "\n%s: %d (%s)\n%s\n", k.Kind, k.Count, sums(k.Sums), k.Meaning)
		var rows [][]string
		for _, row := range k.Rows[:min(len(k.Rows), shownRows)] {
			rows = append(rows, []string{string(row.Reference), row.TransactionID, timeText(&row.At), row.Ours, row.Theirs, strings.TrimSpace(row.Amount + " " + row.Currency)})
		}
		if err := printTable(w, []string{"REFERENCE", "TRANSACTION", "AT", "OURS", "THEIRS", "AMOUNT"}, rows); err != nil {
			return err
		}
		if more := k.Count - int64(len(rows)); more > 0 {
			fmt.Fprintf(w, "and %d more: --json has the first %d\n", more, reconcile.MaxRows)
		}
	}
	return nil
}

// differs is nil where the books agree.
func differs(r *reconcile.Result) error {
	n := 0
	for _, k := range r.Cases {
		if k.Kind != reconcile.DriftUp {
			n++
		}
	}
	switch {
	case n > 0:
		return &exitError{code: exitDiffers, err: fmt.Errorf("the books differ in %d ways", n)}
	case r.Problem != "":
		return &exitError{code: exitDiffers, err: errors.New("the books were not compared in full")}
	}
	return nil
}

func sums(all []reconcile.Sum) string {
	if len(all) == 0 {
		return "–"
	}
	var out []string
	for _, s := range all {
		out = append(out, s.Amount+" "+s.Currency)
	}
	return strings.Join(out, ", ")
}
