package dayend

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"topupq/archive"
	"topupq/reconcile"
	"topupq/report"
	"topupq/topup"
)

// Table is how a top-up stands in the CSV of a provider's report. New columns are only added at the end.
var Table = report.Table{Columns: []string{
	"id", "merchant", "reference", "batch_id", "recipient", "amount", "currency", "state", "attempts", "resends", "checks",
	"provider_reference", "provider_transaction_id", "operator_transaction_id", "delivered_amount", "delivered_currency",
	"cost", "cost_currency", "failure_code", "failure_provider_code", "created_at", "sent_at", "updated_at", "closed_at", "confirmed_at",
}, Cells: cells}

func cells(t *topup.Topup) []string {
	var f topup.Failure
	if t.Failure != nil {
		f = *t.Failure
	}
	return []string{
		string(t.ID), string(t.Merchant), t.Reference, string(t.Batch), t.Recipient.E164(), t.Amount.Text(), t.Amount.Currency, t.State.String(),
		strconv.Itoa(t.Attempts), strconv.Itoa(t.Resends), strconv.Itoa(t.Checks), plain(t.ProviderReference), plain(t.ProviderTransactionID),
		plain(t.OperatorTransactionID), amount(t.Delivered), t.Delivered.Currency, amount(t.Cost), t.Cost.Currency, string(f.Code), plain(f.ProviderCode),
		stamp(t.CreatedAt), stamp(t.SentAt), stamp(t.UpdatedAt), stamp(t.ClosedAt), stamp(t.ConfirmedAt),
	}
}

// plain disarms a text of unknown origin that a spreadsheet would take for a formula.
func plain(s string) string {
	if s != "" {
		switch s[0] {
		case '=', '+', '-', '@', '\t', '\r':
			return "'" + s
		}
	}
	return s
}

func amount(m topup.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.Text()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Books is what is kept about a closed day's report: its sums, without the rows.
type Books struct {
	Provider   topup.ProviderName `json:"provider"`
	Date       string             `json:"date"`
	MadeAt     time.Time          `json:"made_at"`
	Rows       int64              `json:"rows"`
	Open       int64              `json:"open"`
	Unresolved int64              `json:"unresolved"`
	// NotAsked counts the open ones that the sweep did not come to ask about: carried to the next day.
	NotAsked int64 `json:"not_asked"`
	// StatusCalls is how many of the day's budget of status calls were spent, Budget how many there were; both are 0
	// where calls are not rationed.
	StatusCalls int64           `json:"status_calls"`
	Budget      int64           `json:"status_budget"`
	Totals      []report.Total  `json:"totals"`
	Costs       []report.Cost   `json:"costs"`
	OpenByAge   []report.Age    `json:"open_by_age"`
	Changes     []report.Change `json:"changes"`
	SHA256      string          `json:"sha256"`
}

// Report writes a provider's day as JSON or CSV and returns its sums.
func (c *Closer) Report(ctx context.Context, p topup.ProviderName, date string, asCSV bool, w io.Writer) (*Books, error) {
	provider, d, err := c.day(p, date)
	if err != nil {
		return nil, err
	}
	now := c.cfg.Now()
	spent, err := c.cfg.Store.SpentCalls(ctx, p, d.From.In(location(provider)).Format("20060102"))
	if err != nil {
		return nil, err
	}
	src := report.Source{
		Day: d, Now: now, Rows: c.each(ctx, p, d.From, d.To), Earlier: c.earlier(ctx, p, d), Sweep: sweepOf(provider.Plan, d, now),
		Head: map[string]any{"provider": p, "status_calls": spent, "status_budget": provider.Budget},
		Tail: func(s *report.Summary) map[string]any { return map[string]any{"not_asked": s.NotAsked} },
	}
	write := report.WriteJSON
	if asCSV {
		write = report.WriteCSV
	}
	res, err := write(w, src, Table)
	if err != nil {
		return nil, err
	}
	return &Books{
		Provider: p, Date: date, MadeAt: now.UTC(), Rows: res.Rows, Open: res.Open, Unresolved: res.Unresolved, NotAsked: res.NotAsked,
		StatusCalls: spent, Budget: provider.Budget, Totals: res.Totals(), Costs: res.Costs(), OpenByAge: res.Ages(), Changes: res.Changes(), SHA256: res.SHA256,
	}, nil
}

// Dossier is all that is kept about a provider's closed day, nil for what there is not.
type Dossier struct {
	Closed    *topup.DayClosed    `json:"closed,omitempty"`
	Swept     *topup.DaySwept     `json:"swept,omitempty"`
	Books     *Books              `json:"report,omitempty"`
	Compared  *reconcile.Result   `json:"reconcile,omitempty"`
	Statement *reconcile.Result   `json:"statement,omitempty"`
	Archive   *archive.Manifest   `json:"archive,omitempty"`
	Forgotten *topup.DayForgotten `json:"forgotten,omitempty"`
}

// Dossier reads what is kept about a day.
func (c *Closer) Dossier(ctx context.Context, p topup.ProviderName, date string) (*Dossier, error) {
	if _, _, err := c.day(p, date); err != nil {
		return nil, err
	}
	d := &Dossier{}
	return d, errors.Join(
		loadInto(ctx, c, p, date, topup.DocClosed, &d.Closed), loadInto(ctx, c, p, date, topup.DocSweep, &d.Swept),
		loadInto(ctx, c, p, date, topup.DocReport, &d.Books), loadInto(ctx, c, p, date, topup.DocReconcile, &d.Compared),
		loadInto(ctx, c, p, date, topup.DocStatement, &d.Statement), loadInto(ctx, c, p, date, topup.DocArchive, &d.Archive),
		loadInto(ctx, c, p, date, topup.DocForgotten, &d.Forgotten),
	)
}

// loadInto reads a document; the pointer stays nil where there is none.
func loadInto[T any](ctx context.Context, c *Closer, p topup.ProviderName, date, name string, into **T) error {
	return c.load(ctx, p, date, name, into)
}

// sweepOf is the day's sweep, the zero time where it has not begun.
func sweepOf(plan topup.Plan, d report.Day, now time.Time) time.Time {
	at := plan.Sweep(d.From.Add(-time.Millisecond))
	if at.After(now) || !at.Before(d.To) {
		return time.Time{}
	}
	return at
}

func location(p Provider) *time.Location {
	if p.Plan.Location == nil {
		return time.UTC
	}
	return p.Plan.Location
}

// found turns "not found" into nothing.
func found(err error) error {
	if errors.Is(err, topup.ErrNotFound) {
		return nil
	}
	return err
}
