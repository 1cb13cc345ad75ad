package report

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// Table says how a top-up becomes a line. Columns are in a fixed order; new ones are only added at the end.
type Table struct {
	Columns []string
	Cells   func(*topup.Topup) []string
}

// Source is what a report is made of. Rows are the top-ups made on the day, Earlier those made before it that may have
// changed on it; both call do once for each.
type Source struct {
	Day     Day
	Now     time.Time
	Rows    func(do func(*topup.Topup) error) error
	Earlier func(do func(*topup.Topup) error) error
	// Head is what stands before the rows of a JSON report, Tail what a JSON report adds behind them; both may be nil.
	Head map[string]any
	Tail func(*Summary) map[string]any
	// Sweep is the day's sweep, for Summary.NotAsked; the zero time where there was none yet.
	Sweep time.Time
}

// Result is what a report came to: its sums and the SHA-256 of its lines of top-ups, in hex. It is the same for the JSON
// and the CSV of a day: that of the CSV's lines of kind "topup", with the line feeds.
type Result struct {
	Summary
	SHA256 string
}

// extra are the columns that only reports have, behind those of the table.
var extra = []string{"was", "age", "fees"}

// maker makes one report.
type maker struct {
	src   Source
	table Table
	sum   Summary
	hash  hash.Hash
	line  csvLine
}

func newMaker(src Source, table Table) *maker {
	m := &maker{src: src, table: table, hash: sha256.New()}
	m.line.out = csv.NewWriter(&m.line.buf)
	return m
}

// csvLine writes one line at a time.
type csvLine struct {
	buf strings.Builder
	out *csv.Writer
}

func (l *csvLine) text(cells []string) (string, error) {
	l.buf.Reset()
	if err := l.out.Write(cells); err != nil {
		return "", err
	}
	l.out.Flush()
	return l.buf.String(), l.out.Error()
}

// rows hands out the day's top-ups as they stood at its end, each with its line.
func (m *maker) rows(do func(t *topup.Topup, line string) error) error {
	cut := m.src.Day.cut(m.src.Now)
	return m.src.Rows(func(t *topup.Topup) error {
		was := AsOf(t, cut)
		if was == nil || !m.src.Day.Holds(was.CreatedAt) {
			return nil
		}
		m.sum.Add(was, cut)
		m.missed(t, was)
		line, err := m.line.text(m.cells("topup", 1, was, "", cut))
		if err != nil {
			return err
		}
		_, _ = io.WriteString(m.hash, line) // a hash takes everything
		return do(was, line)
	})
}

// missed counts an open top-up that was sent before the sweep and has not been asked about since it began.
func (m *maker) missed(t, was *topup.Topup) {
	sweep := m.src.Sweep
	asked := was.State.Asked() || was.State == topup.Unresolved
	if !sweep.IsZero() && asked && t.State == was.State && t.SentAt.Before(sweep) && t.CheckedAt.Before(sweep) {
		m.sum.NotAsked++
	}
}

// corrections hands out what the day changed about earlier ones.
func (m *maker) corrections(do func(c Correction) error) error {
	if m.src.Earlier == nil {
		return nil
	}
	seen := map[topup.ID]bool{}
	return m.src.Earlier(func(t *topup.Topup) error {
		c, ok := Correct(t, m.src.Day, m.src.Now)
		if !ok || seen[t.ID] {
			return nil
		}
		seen[t.ID] = true
		m.sum.Correct(c)
		return do(c)
	})
}

func (m *maker) cells(kind string, count int64, t *topup.Topup, was string, cut time.Time) []string {
	age := ""
	if !t.State.Closed() {
		age = AgeName(cut.Sub(t.CreatedAt))
	}
	fees := ""
	if !t.Fee.IsZero() {
		fees = t.Fee.Text()
	}
	return slices.Concat([]string{kind, strconv.FormatInt(count, 10)}, m.table.Cells(t), []string{was, age, fees})
}

func (m *maker) result() Result {
	return Result{m.sum, hex.EncodeToString(m.hash.Sum(nil))}
}

// WriteCSV writes the rows as kind "topup", what changed about earlier days as "correction" (column was: the state
// before), then sums in the same columns: "total" and "cost" by state and currency, "open" by age, "change" by states.
// The last line is of kind "sha256", with the sum in the first column of the table.
func WriteCSV(w io.Writer, src Source, table Table) (Result, error) {
	m := newMaker(src, table)
	header, err := m.line.text(slices.Concat([]string{"kind", "count"}, table.Columns, extra))
	if err == nil {
		_, err = io.WriteString(w, header)
	}
	if err != nil {
		return Result{}, err
	}
	err = m.rows(func(_ *topup.Topup, line string) error {
		_, err := io.WriteString(w, line)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	err = m.corrections(func(c Correction) error {
		line, err := m.line.text(m.cells("correction", 1, c.Is, c.Was.State.String(), src.Day.cut(src.Now)))
		if err == nil {
			_, err = io.WriteString(w, line)
		}
		return err
	})
	if err != nil {
		return Result{}, err
	}
	res := m.result()
	return res, m.writeSums(w, res)
}

// writeSums writes the lines behind the rows.
func (m *maker) writeSums(w io.Writer, res Result) error {
	var lines [][]string
	add := func(kind string, count int64, cells map[string]string) {
		line := make([]string, 2+len(m.table.Columns)+len(extra))
		line[0], line[1] = kind, strconv.FormatInt(count, 10)
		for i, c := range slices.Concat(m.table.Columns, extra) {
			line[2+i] = cells[c]
		}
		lines = append(lines, line)
	}
	for _, t := range res.Totals() {
		add("total", t.Count, map[string]string{"state": t.State, "currency": t.Currency, "amount": t.Requested})
	}
	for _, c := range res.Costs() {
		add("cost", c.Count, map[string]string{"state": c.State, "cost": c.Cost, "cost_currency": c.Currency, "fees": c.Fees})
	}
	for _, a := range res.Ages() {
		add("open", a.Count, map[string]string{"state": a.State, "currency": a.Currency, "amount": a.Requested, "age": a.Age})
	}
	for _, c := range res.Changes() {
		add("change", c.Count, map[string]string{"was": c.Was, "state": c.State, "currency": c.Currency, "amount": c.Requested})
	}
	add("sha256", res.Rows, map[string]string{m.table.Columns[0]: res.SHA256})
	for _, l := range lines {
		text, err := m.line.text(l)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// correctionView is a correction in JSON: the top-up as it is now, and the state that the earlier report told.
type correctionView struct {
	Was string `json:"was"`
	topup.View
}

// WriteJSON writes one object: "date", "timezone", "from", "to" and what Head adds; "data", the rows; "corrections", what
// changed about earlier days; then the sums, which stand behind because the rows are not kept.
func WriteJSON(w io.Writer, src Source, table Table) (Result, error) {
	m := newMaker(src, table)
	day := src.Day
	head := map[string]any{"date": day.Date, "timezone": day.Zone, "from": day.From, "to": day.To, "complete": !src.Now.Before(day.To)}
	for k, v := range src.Head {
		head[k] = v
	}
	if err := writeOpen(w, head, "data"); err != nil {
		return Result{}, err
	}
	list := &jsonList{w: w}
	if err := m.rows(func(t *topup.Topup, _ string) error { return list.add(t.View()) }); err != nil {
		return Result{}, err
	}
	if _, err := io.WriteString(w, `],"corrections":[`); err != nil {
		return Result{}, err
	}
	list = &jsonList{w: w}
	err := m.corrections(func(c Correction) error { return list.add(correctionView{c.Was.State.String(), c.Is.View()}) })
	if err != nil {
		return Result{}, err
	}
	res := m.result()
	tail := map[string]any{
		"rows": res.Rows, "open": res.Open, "unresolved": res.Unresolved, "totals": res.Totals(), "costs": res.Costs(),
		"open_by_age": res.Ages(), "changes": res.Changes(), "sha256": res.SHA256,
	}
	if src.Tail != nil {
		for k, v := range src.Tail(&res.Summary) {
			tail[k] = v
		}
	}
	text, err := json.Marshal(tail)
	if err != nil {
		return res, fmt.Errorf("encode sums: %w", err)
	}
	_, err = io.WriteString(w, "],"+strings.TrimPrefix(string(text), "{")+"\n")
	return res, err
}

// writeOpen writes an object up to the beginning of a list in it.
func writeOpen(w io.Writer, head map[string]any, name string) error {
	text, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("encode head: %w", err)
	}
	_, err = io.WriteString(w, strings.TrimSuffix(string(text), "}")+`,"`+name+`":[`)
	return err
}

// jsonList writes the items of a list one by one.
type jsonList struct {
	w io.Writer
	n int
}

func (l *jsonList) add(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode row: %w", err)
	}
	if l.n++; l.n > 1 {
		text = append([]byte{','}, text...)
	}
	_, err = l.w.Write(text)
	return err
}
