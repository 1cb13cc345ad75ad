package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"

	"topupq/dayend"
	"topupq/report"
	"topupq/topup"
)

// showProviderReport tells an operator of a provider's day, all merchants together, from the ledger itself.
func showProviderReport(ctx context.Context, w io.Writer, c *dayend.Closer, p topup.ProviderName, date string, asCSV, asJSON bool) error {
	if asCSV || asJSON {
		out := bufio.NewWriterSize(w, 64<<10)
		if _, err := c.Report(ctx, p, date, asCSV, out); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	}
	b, err := c.Report(ctx, p, date, false, io.Discard)
	if err != nil {
		return err
	}
	kept, err := c.Dossier(ctx, p, date)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s: %d top-ups, %d open, %d of them unresolved\n", b.Provider, b.Date, b.Rows, b.Open, b.Unresolved)
	if b.NotAsked > 0 {
		fmt.Fprintf(w, "%d of the open ones were not asked about by the day's sweep: they are carried to the next\n", b.NotAsked)
	}
	if b.Budget > 0 {
		fmt.Fprintf(w, "status calls: %d of %d\n", b.StatusCalls, b.Budget)
	}
	if err := showSums(w, b.Totals, b.Costs, b.OpenByAge, b.Changes); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nsha256 of the rows: %s\n", b.SHA256)
	return showDossier(w, kept)
}

// showSums prints the sums of a report, those that are there.
func showSums(w io.Writer, totals []report.Total, costs []report.Cost, ages []report.Age, changes []report.Change) error {
	var t [][]string
	for _, x := range totals {
		t = append(t, []string{x.Currency, x.State, count(x.Count), x.Requested})
	}
	if err := section(w, "", []string{"CURRENCY", "STATE", "COUNT", "REQUESTED"}, t); err != nil {
		return err
	}
	t = nil
	for _, x := range costs {
		t = append(t, []string{x.Currency, x.State, count(x.Count), x.Cost, x.Fees, count(x.Unpriced)})
	}
	if err := section(w, "what it cost", []string{"CURRENCY", "STATE", "COUNT", "COST", "FEES", "UNPRICED"}, t); err != nil {
		return err
	}
	t = nil
	for _, x := range ages {
		t = append(t, []string{x.Currency, x.Age, x.State, count(x.Count), x.Requested})
	}
	if err := section(w, "open, by age", []string{"CURRENCY", "AGE", "STATE", "COUNT", "REQUESTED"}, t); err != nil {
		return err
	}
	t = nil
	for _, x := range changes {
		t = append(t, []string{x.Currency, x.Was, x.State, count(x.Count), x.Requested})
	}
	return section(w, "corrections to earlier days", []string{"CURRENCY", "WAS", "IS", "COUNT", "REQUESTED"}, t)
}

func section(w io.Writer, title string, header []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	if title != "" {
		fmt.Fprintln(w, title)
	}
	return printTable(w, header, rows)
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// showDossier tells what the end of the day did.
func showDossier(w io.Writer, k *dayend.Dossier) error {
	var pairs [][2]string
	switch {
	case k.Closed == nil:
		pairs = append(pairs, [2]string{"closed", "not yet"})
	case k.Closed.Problem != "":
		pairs = append(pairs, [2]string{"closed", fmt.Sprintf("%s, try %d: %s", timeText(&k.Closed.At), k.Closed.Tries, k.Closed.Problem)})
	default:
		pairs = append(pairs, [2]string{"closed", timeText(&k.Closed.At)})
	}
	if k.Swept != nil {
		pairs = append(pairs, [2]string{"swept", "from " + timeText(&k.Swept.Sweep) + " to " + timeText(&k.Swept.Done)})
	}
	if k.Compared != nil {
		pairs = append(pairs, [2]string{"compared", fmt.Sprintf("by %s: %d differences%s", k.Compared.Method, len(k.Compared.Cases), caseNames(k))})
		if x := k.Compared.Drift; x != nil {
			pairs = append(pairs, [2]string{"drift", x.Drift + " " + x.Currency})
		}
	}
	if k.Statement != nil {
		pairs = append(pairs, [2]string{"statement", fmt.Sprintf("imported %s: %d differences", timeText(&k.Statement.MadeAt), len(k.Statement.Cases))})
	}
	if k.Archive != nil {
		pairs = append(pairs, [2]string{"archived", fmt.Sprintf("%s, %d rows", k.Archive.File, k.Archive.Rows)})
	}
	if k.Forgotten != nil && !k.Forgotten.At.IsZero() {
		pairs = append(pairs, [2]string{"left the ledger", fmt.Sprintf("%d rows, %d stay", k.Forgotten.Gone, k.Forgotten.Left)})
	}
	fmt.Fprintln(w)
	return printFields(w, pairs)
}

func caseNames(k *dayend.Dossier) string {
	names := ""
	for _, c := range k.Compared.Cases {
		names += fmt.Sprintf(" %s(%d)", c.Kind, c.Count)
	}
	return names
}
