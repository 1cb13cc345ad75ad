package intake

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvSource reads rows by the columns that the header names. A row that cannot be read is one rejected row; only a
// quote that is never closed ends the reading, since nobody can tell where the rows after it begin.
type csvSource struct {
	records *csvReader
	limit   int64
	columns []csvColumn
	cells   []string
}

// csvColumn is one column: a field of the top-up, of its product, or of its metadata.
type csvColumn struct {
	name     string
	product  string
	metadata string
}

// csvFields are the columns that are fields of the top-up itself; the first four must be there.
var csvFields = []string{"reference", "recipient", "amount", "currency", "provider", "expires_at", "priority"}

const csvRequired = 4

func newCSVSource(body io.Reader, limit int64) *csvSource {
	return &csvSource{records: newCSVReader(body, limit), limit: limit}
}

func (c *csvSource) next(r *row) error {
	if c.columns == nil {
		if err := c.readHeader(); err != nil {
			return err
		}
	}
	for {
		rec, err := c.records.next(c.cells)
		if err != nil {
			return c.endOf(err)
		}
		r.reset(rec.line)
		if c.cells = rec.cells; rec.blank() {
			continue // a spreadsheet's empty row
		}
		c.fill(r, rec)
		return nil
	}
}

func (c *csvSource) endOf(err error) error {
	var broken *brokenError
	if errors.Is(err, io.EOF) || errors.As(err, &broken) {
		return err
	}
	return cutError(c.records.line, err)
}

// readHeader reads the columns. What is wrong here refuses the whole request: no row can be understood.
func (c *csvSource) readHeader() error {
	rec, err := c.records.header()
	if err != nil || rec.long || rec.bad != "" {
		return malformed("The first line must be a header with the names of the columns, separated by comma, semicolon or tab.")
	}
	var m mistakes
	var columns []csvColumn
	for _, name := range rec.cells {
		columns = append(columns, columnOf(strings.TrimSpace(name), columns, &m))
	}
	for _, name := range csvFields[:csvRequired] {
		missing := !slices.ContainsFunc(columns, func(col csvColumn) bool { return col.name == name })
		// Without any reference column every row would be rejected for the same reason: say it once.
		if missing {
			m.add(name, fieldRequired, "there is no such column in the header")
		}
	}
	c.columns = columns
	return m.err()
}

func columnOf(name string, before []csvColumn, m *mistakes) csvColumn {
	col := csvColumn{name: name}
	col.product, _ = strings.CutPrefix(name, "product.")
	key, isMetadata := strings.CutPrefix(name, "metadata.")
	_, isProduct := productOwners[col.product]
	switch {
	case slices.ContainsFunc(before, func(c csvColumn) bool { return c.name == name }):
		m.add(printable(name), fieldRepeated, "the column is there twice")
	case slices.Contains(csvFields, name), name == reasonName:
		col.product = ""
	case isMetadata && key != "":
		col.product, col.metadata = "", key
	case !isProduct || col.product == name:
		m.add(printable(name), fieldUnknown, "there is no such column")
	}
	return col
}

// fill makes a request of a record. Empty cells are absent.
func (c *csvSource) fill(r *row, rec record) {
	switch {
	case rec.long:
		r.lost = tooLongRow(r.line, c.limit)
		return
	case rec.bad != "":
		r.lost = malformedRow(r.line, rec.bad)
		return
	case len(rec.cells) != len(c.columns):
		r.lost = malformedRow(r.line, countMessage(len(rec.cells), len(c.columns)))
		return
	}
	for i, col := range c.columns {
		text := rec.cells[i]
		if !utf8.ValidString(text) {
			r.wrong.add(col.name, fieldInvalid, "is not valid UTF-8")
		} else if text = strings.Trim(text, " "); text != "" {
			r.cell(col, text)
		}
	}
}

func (r *row) cell(col csvColumn, text string) {
	q := &r.request
	switch {
	case col.metadata != "":
		if q.Metadata == nil {
			q.Metadata = map[string]string{}
		}
		q.Metadata[col.metadata] = text
	case col.product != "":
		q.given = append(q.given, col.product)
		q.Product.readCell(col.product, text, &r.wrong)
	default:
		q.column(col.name, text)
	}
}

func (q *topupRequest) column(name, text string) {
	switch name {
	case "reference":
		q.Reference = text
	case "recipient":
		q.Recipient = text
	case "amount":
		q.Amount = text
	case "currency":
		q.Currency = text
	case "provider":
		q.Provider = text
	case "expires_at":
		q.ExpiresAt = text
	case "priority":
		q.Priority = text
	}
}
