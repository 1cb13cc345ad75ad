package intake

import (
	"bufio"
	"context"
	"net/http"
	"time"

	"topupq/report"
	"topupq/topup"
)

// reportTable is how a top-up stands in a report's CSV.
var reportTable = report.Table{Columns: topupColumns, Cells: topupCells}

// getReport answers with all top-ups of a day as they stood at its end, what the day changed about earlier days, and the
// sums of both, as JSON or CSV, streamed. A day that lasts is told as it stands now.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request, c caller) error {
	day, err := s.readDay(r)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(s.streamTo(w), 64<<10)
	format := wanted(r, typeJSON, typeCSV)
	w.Header().Set("Content-Type", format+"; charset=utf-8")
	write := report.WriteJSON
	if format == typeCSV {
		w.Header().Set("Content-Disposition", `attachment; filename="topups-`+day.Date+`.csv"`)
		write = report.WriteCSV
	}
	_, err = write(out, s.reportSource(r.Context(), c.merchant.ID, day), reportTable)
	if err == nil {
		err = out.Flush()
	}
	return s.cutShort(w, r, err)
}

// reportSource reads a merchant's top-ups of a day, and those of the day before and the late ones for the corrections.
func (s *Server) reportSource(ctx context.Context, m topup.MerchantID, day report.Day) report.Source {
	between := func(from, to time.Time) func(func(*topup.Topup) error) error {
		return func(do func(*topup.Topup) error) error {
			if err := s.eachTopup(ctx, topup.Query{Merchant: m, From: from, To: to}, do); err != nil {
				return err
			}
			return s.eachArchived(ctx, m, from, to, do)
		}
	}
	before := between(day.From.Add(-topup.LateAfter), day.From)
	return report.Source{
		Day: day, Now: s.now(), Rows: between(day.From, day.To),
		Earlier: func(do func(*topup.Topup) error) error {
			if err := before(do); err != nil {
				return err
			}
			return s.cfg.Store.EachLate(ctx, m, day.From, day.To, do)
		},
	}
}

// readDay reads the date and the time zone of its midnight (default UTC).
func (s *Server) readDay(r *http.Request) (report.Day, error) {
	zone := r.URL.Query().Get("timezone")
	loc, err := time.LoadLocation(zone) // "" is UTC
	if err != nil || zone == "Local" {
		return report.Day{}, malformed("timezone must be a name such as Africa/Johannesburg.")
	}
	day, err := report.ParseDay(r.PathValue("date"), loc)
	if err != nil {
		return report.Day{}, malformed("The date must be written as 2026-11-23.")
	}
	if day.From.After(s.now()) {
		return report.Day{}, malformed("That day has not begun.")
	}
	return day, nil
}
