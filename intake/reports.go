package intake

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// reportDay is the day that a report is about.
type reportDay struct {
	date, zone string
	from, to   time.Time
}

// reportTotal sums the top-ups of one state and currency.
type reportTotal struct {
	State     string `json:"state"`
	Currency  string `json:"currency"`
	Count     int64  `json:"count"`
	Requested string `json:"requested"`

	sum decimal.Decimal
}

// report sums what passes through it.
type report struct {
	totals map[[2]string]*reportTotal
	rows   int64
	open   int64
}

// getReport answers with all top-ups of a day and their totals, as JSON or CSV, streamed.
func (s *Server) getReport(w http.ResponseWriter, r *http.Request, c caller) error {
	day, err := s.readDay(r)
	if err != nil {
		return err
	}
	q := topup.Query{Merchant: c.merchant.ID, From: day.from, To: day.to}
	out := bufio.NewWriterSize(s.streamTo(w), 64<<10)
	format := wanted(r, typeJSON, typeCSV)
	w.Header().Set("Content-Type", format+"; charset=utf-8")
	rep := &report{totals: map[[2]string]*reportTotal{}}
	write := rep.writeJSON
	if format == typeCSV {
		w.Header().Set("Content-Disposition", `attachment; filename="topups-`+day.date+`.csv"`)
		write = rep.writeCSV
	}
	err = write(out, day, func(do func(*topup.Topup) error) error { return s.eachTopup(r.Context(), q, do) })
	if err == nil {
		err = out.Flush()
	}
	return s.cutShort(w, r, err)
}

// readDay reads the date and the time zone of its midnight (default UTC).
func (s *Server) readDay(r *http.Request) (reportDay, error) {
	zone := r.URL.Query().Get("timezone")
	loc, err := time.LoadLocation(zone) // "" is UTC
	if err != nil || zone == "Local" {
		return reportDay{}, malformed("timezone must be a name such as Africa/Johannesburg.")
	}
	from, err := time.ParseInLocation(time.DateOnly, r.PathValue("date"), loc)
	if err != nil {
		return reportDay{}, malformed("The date must be written as 2026-11-23.")
	}
	if from.After(s.now()) {
		return reportDay{}, malformed("That day has not begun.")
	}
	to := time.Date(from.Year(), from.Month(), from.Day()+1, 0, 0, 0, 0, loc)
	return reportDay{date: r.PathValue("date"), zone: loc.String(), from: from.UTC(), to: to.UTC()}, nil
}

// each calls do for every top-up of the day.
type each func(do func(*topup.Topup) error) error

func (rep *report) add(t *topup.Topup) {
	key := [2]string{t.State.String(), t.Amount.Currency}
	total, ok := rep.totals[key]
	if !ok {
		total = &reportTotal{State: key[0], Currency: key[1]}
		rep.totals[key] = total
	}
	total.Count++
	total.sum = total.sum.Add(t.Amount.Amount)
	rep.rows++
	if !t.State.Closed() {
		rep.open++
	}
}

// sums are the totals in a stable order.
func (rep *report) sums() []reportTotal {
	sums := []reportTotal{}
	for _, total := range rep.totals {
		total.Requested = topup.Money{Amount: total.sum, Currency: total.Currency}.Text()
		sums = append(sums, *total)
	}
	slices.SortFunc(sums, func(a, b reportTotal) int {
		return strings.Compare(a.Currency+" "+a.State, b.Currency+" "+b.State)
	})
	return sums
}

// writeJSON writes {"date", "timezone", "from", "to", "data": [...], "rows", "open", "totals": [...]}: the totals
// stand behind the rows because the rows are not kept.
func (rep *report) writeJSON(w io.Writer, day reportDay, rows each) error {
	head, err := json.Marshal(map[string]any{"date": day.date, "timezone": day.zone, "from": day.from, "to": day.to})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, strings.TrimSuffix(string(head), "}")+`,"data":[`); err != nil {
		return err
	}
	err = rows(func(t *topup.Topup) error {
		row, err := json.Marshal(t.View())
		if err != nil {
			return err
		}
		if rep.rows > 0 {
			row = append([]byte{','}, row...)
		}
		rep.add(t)
		_, err = w.Write(row)
		return err
	})
	if err != nil {
		return err
	}
	tail, err := json.Marshal(map[string]any{"rows": rep.rows, "open": rep.open, "totals": rep.sums()})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "],"+strings.TrimPrefix(string(tail), "{")+"\n")
	return err
}

// writeCSV writes the rows as kind "topup", then the totals as kind "total" in the same columns: amount is their
// sum and count how many there are.
func (rep *report) writeCSV(w io.Writer, _ reportDay, rows each) error {
	c := csv.NewWriter(w)
	if err := c.Write(append([]string{"kind", "count"}, topupColumns...)); err != nil {
		return err
	}
	err := rows(func(t *topup.Topup) error {
		rep.add(t)
		return c.Write(append([]string{"topup", "1"}, topupCells(t)...))
	})
	if err != nil {
		return err
	}
	for _, total := range rep.sums() {
		cells := make([]string, len(topupColumns))
		cells[slices.Index(topupColumns, "state")] = total.State
		cells[slices.Index(topupColumns, "currency")] = total.Currency
		cells[slices.Index(topupColumns, "amount")] = total.Requested
		if err := c.Write(append([]string{"total", strconv.FormatInt(total.Count, 10)}, cells...)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
