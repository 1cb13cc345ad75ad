package clients

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// errReloadlyFilter means that the report holds rows that nobody asked for, so its silence proves nothing.
var errReloadlyFilter = errors.New("the report did not filter by our reference")

// Check asks for the order: by getTopupStatus where the transaction is known, by the report filtered by our reference
// otherwise and where the first does not suffice. A failure is believed only if the report does not contradict it.
func (r *Reloadly) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	ctx = observed(ctx, reloadly.Observe)
	id, err := strconv.ParseInt(ref.TransactionID, 10, 64)
	if err != nil || id <= 0 {
		return r.checkReport(ctx, ref)
	}
	status, err := r.api.TopupStatus(ctx, id)
	if reloadly.IsNotFound(err) {
		return r.askReport(ctx, ref)
	}
	if err != nil {
		return topup.Outcome{}, fmt.Errorf("ask reloadly for the status: %w", err)
	}
	switch status.Status {
	case reloadly.StatusSuccessful:
		if status.Transaction == nil {
			return r.askReport(ctx, ref)
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
	second, err := r.askReport(ctx, ref)
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
	default:
		return topup.Outcome{
			Answer: topup.Unclear, Code: topup.CodeContradiction, ProviderCode: string(s.Status), TransactionID: ref.TransactionID,
			Message: "Reloadly's status and report contradict each other.",
		}, nil
	}
}

// askReport is checkReport as a further call.
func (r *Reloadly) askReport(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	if err := topup.Spend(ctx); err != nil {
		return topup.Outcome{}, err
	}
	return r.checkReport(ctx, ref)
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
