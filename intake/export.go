package intake

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"topupq/topup"
)

// topupColumns are the columns of every CSV of top-ups, in this order. New ones are only added at the end.
var topupColumns = []string{
	"id", "reference", "batch_id", "line", "recipient", "amount", "currency", "provider", "state", "refund_safe",
	"attempts", "provider_reference", "provider_transaction_id", "operator_transaction_id", "delivered_amount",
	"delivered_currency", "cost", "cost_currency", "failure_code", "failure_message", "failure_provider_code",
	"created_at", "updated_at", "closed_at", "confirmed_at", "expires_at",
	"predicted_cost", "predicted_cost_currency",
}

// topupCells is a top-up as a line of CSV.
func topupCells(t *topup.Topup) []string {
	v := t.View()
	var failure topup.FailureView
	if v.Failure != nil {
		failure = *v.Failure
	}
	line := ""
	if t.Line > 0 {
		line = strconv.Itoa(t.Line)
	}
	return []string{
		string(v.ID), v.Reference, string(t.Batch), line, v.Recipient, v.Amount, v.Currency, string(v.Provider),
		v.State, strconv.FormatBool(v.RefundSafe), strconv.Itoa(v.Attempts), cell(v.ProviderReference),
		cell(v.ProviderTransactionID), cell(v.OperatorTransactionID), cell(v.DeliveredAmount),
		cell(v.DeliveredCurrency), cell(v.Cost), cell(v.CostCurrency), string(failure.Code), failure.Message,
		cell(failure.ProviderCode), timeCell(&v.CreatedAt), timeCell(&v.UpdatedAt), timeCell(v.ClosedAt),
		timeCell(v.ConfirmedAt), timeCell(v.ExpiresAt),
		cell(v.PredictedCost), cell(v.PredictedCostCurrency),
	}
}

// cell is a text of unknown origin in a CSV. A leading sign that a spreadsheet takes for a formula is disarmed.
func cell(s *string) string {
	if s == nil {
		return ""
	}
	if *s != "" {
		switch (*s)[0] {
		case '=', '+', '-', '@', '\t', '\r':
			return "'" + *s
		}
	}
	return *s
}

func timeCell(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// stalling is the writer of a streamed answer: every write prolongs the deadline, so that a long answer is no
// problem and a reader that has stopped is.
type stalling struct {
	w     http.ResponseWriter
	ctl   *http.ResponseController
	limit time.Duration
}

func (s *Server) streamTo(w http.ResponseWriter) *stalling {
	return &stalling{w: w, ctl: http.NewResponseController(w), limit: s.cfg.Limits.Stall}
}

// Write writes b within the limit.
func (o *stalling) Write(b []byte) (int, error) {
	_ = o.ctl.SetWriteDeadline(time.Now().Add(o.limit)) // not supported by every test writer
	return o.w.Write(b)
}

// rowWriter writes top-ups one after another.
type rowWriter interface {
	row(t *topup.Topup) error
	// end completes the document.
	end() error
}

type ndjsonRows struct{ enc *json.Encoder }

func newNDJSONRows(w io.Writer) rowWriter { return ndjsonRows{enc: json.NewEncoder(w)} }

func (n ndjsonRows) row(t *topup.Topup) error { return n.enc.Encode(t.View()) }

func (n ndjsonRows) end() error { return nil }

type csvRows struct{ out *csv.Writer }

func newCSVRows(w io.Writer) (rowWriter, error) {
	c := csvRows{out: csv.NewWriter(w)}
	return c, c.out.Write(topupColumns)
}

func (c csvRows) row(t *topup.Topup) error { return c.out.Write(topupCells(t)) }

func (c csvRows) end() error {
	c.out.Flush()
	return c.out.Error()
}
