package clients

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyMargin widens a window of the report: the clock that it reads dates on is not known for sure.
const reloadlyMargin = 24 * time.Hour

// errReloadlyFilter means that the report holds rows that nobody asked for, so its silence proves nothing.
var errReloadlyFilter = errors.New("the report did not filter by our reference")

// Check asks for the order: by getTopupStatus where the transaction is known, by the report filtered by our reference
// otherwise and where the first does not suffice. A failure is believed only if the report does not contradict it.
func (r *Reloadly) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	id, err := strconv.ParseInt(ref.TransactionID, 10, 64)
	if err != nil || id <= 0 {
		return r.checkReport(ctx, ref)
	}
	status, err := r.api.TopupStatus(ctx, id)
	if reloadly.IsNotFound(err) {
		return r.checkReport(ctx, ref)
	}
	if err != nil {
		return topup.Outcome{}, fmt.Errorf("ask reloadly for the status: %w", err)
	}
	switch status.Status {
	case reloadly.StatusSuccessful:
		if status.Transaction == nil {
			return r.checkReport(ctx, ref)
		}
		return reloadlyJudge(status.Transaction, ref), nil
	case reloadly.StatusFailed, reloadly.StatusRefunded:
		return r.confirmFailure(ctx, ref, status)
	default:
		return reloadlyOpen(string(status.Status), ref.TransactionID), nil
	}
}

// confirmFailure asks the report for a second opinion. A report without the order says nothing against the failure.
func (r *Reloadly) confirmFailure(ctx context.Context, ref topup.Ref, s reloadly.TopupStatus) (topup.Outcome, error) {
	second, err := r.checkReport(ctx, ref)
	if err != nil {
		return second, err
	}
	switch second.Answer {
	case topup.Refused, topup.Mismatch:
		return second, nil
	case topup.Absent:
		if s.Transaction != nil && string(s.Transaction.CustomIdentifier) != string(ref.Reference) {
			return reloadlyForeign(), nil
		}
		out := reloadlyFailure(string(s.Status), string(s.Code), string(s.Message))
		out.Reference, out.TransactionID = ref.TransactionID, ref.TransactionID
		return out, nil
	}
	return topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeContradiction, ProviderCode: string(s.Status), TransactionID: ref.TransactionID,
		Message: "Reloadly's status and report contradict each other.",
	}, nil
}

// checkReport reads every row with our reference.
func (r *Reloadly) checkReport(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	var rows []reloadly.Transaction
	for row, err := range r.api.Transactions(ctx, reloadly.ReportFilter{CustomIdentifier: string(ref.Reference)}) {
		if err != nil {
			return topup.Outcome{}, fmt.Errorf("ask reloadly's report: %w", err)
		}
		switch {
		case row.CustomIdentifier == reloadly.Text(ref.Reference):
			rows = append(rows, row)
		case !strings.EqualFold(string(row.CustomIdentifier), string(ref.Reference)):
			return topup.Outcome{}, fmt.Errorf("ask reloadly's report: %w", errReloadlyFilter)
		}
	}
	return reloadlyRows(rows, ref), nil
}

// CheckMany asks for many orders at once by reading the report of their time, a day wider each way, 500 rows a call.
// Orders that it does not find are not in the map: a window proves no absence, ask for them singly. Where asking singly
// takes fewer calls than reading the window, it does that. With an error the map holds what was learned before it, no
// failures among it, since a later row might have contradicted them.
func (r *Reloadly) CheckMany(ctx context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
	wanted := map[topup.ID]topup.Ref{}
	var first, last time.Time
	for _, ref := range refs {
		if ref.SentAt.IsZero() {
			continue
		}
		wanted[ref.Reference] = ref
		if first.IsZero() || ref.SentAt.Before(first) {
			first = ref.SentAt
		}
		if ref.SentAt.After(last) {
			last = ref.SentAt
		}
	}
	if len(wanted) == 0 {
		return map[topup.ID]topup.Outcome{}, nil
	}
	window := reloadly.ReportFilter{Start: first.Add(-reloadlyMargin), End: last.Add(reloadlyMargin)}
	p, err := r.api.TransactionsPage(ctx, window, 1, reloadly.MaxReportSize)
	if err != nil {
		return nil, fmt.Errorf("read reloadly's report: %w", err)
	}
	if p.TotalPages > len(wanted) {
		return r.checkEach(ctx, wanted)
	}
	rows, err := r.collect(ctx, window, wanted)
	return reloadlyLearned(rows, wanted, err), err
}

// collect reads the window and keeps the rows that are wanted.
func (r *Reloadly) collect(ctx context.Context, window reloadly.ReportFilter, wanted map[topup.ID]topup.Ref) (map[topup.ID][]reloadly.Transaction, error) {
	rows := map[topup.ID][]reloadly.Transaction{}
	for row, err := range r.api.Transactions(ctx, window) {
		if err != nil {
			return rows, fmt.Errorf("read reloadly's report: %w", err)
		}
		if id := topup.ID(row.CustomIdentifier); wanted[id].Reference != "" {
			rows[id] = append(rows[id], row)
		}
	}
	return rows, nil
}

func reloadlyLearned(rows map[topup.ID][]reloadly.Transaction, wanted map[topup.ID]topup.Ref, err error) map[topup.ID]topup.Outcome {
	learned := map[topup.ID]topup.Outcome{}
	for id, list := range rows {
		out := reloadlyRows(list, wanted[id])
		if err == nil || out.Answer != topup.Refused {
			learned[id] = out
		}
	}
	return learned
}

func (r *Reloadly) checkEach(ctx context.Context, wanted map[topup.ID]topup.Ref) (map[topup.ID]topup.Outcome, error) {
	learned := map[topup.ID]topup.Outcome{}
	for id, ref := range wanted {
		out, err := r.Check(ctx, ref)
		if err != nil {
			return learned, err
		}
		learned[id] = out
	}
	return learned, nil
}
