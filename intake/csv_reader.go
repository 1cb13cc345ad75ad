package intake

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvReader splits CSV into records in constant memory. encoding/csv would keep a quoted field of any length, and
// after a stray quote it cannot say whether the rows that follow are rows or the inside of a field.
//
// A quoted field may hold separators, line ends and doubled quotes. A record ends where a line ends outside quotes:
// a line inside a quoted field is never taken for a row, since a customer's note could then be a top-up.
type csvReader struct {
	in    *bufio.Reader
	limit int64
	comma byte
	line  int
	buf   []byte
	// ends are the offsets in buf at which the cells of the record end, but the last one's.
	ends []int
}

// record is one record. Its cells are valid until the next call.
type record struct {
	// line is where it begins.
	line  int
	cells []string
	// long means above the limit: skipped to its end. bad says what is wrong with its quotes.
	long bool
	bad  string
}

func (r record) blank() bool {
	if r.long || r.bad != "" {
		return false
	}
	for _, c := range r.cells {
		if strings.Trim(c, " \t") != "" {
			return false
		}
	}
	return true
}

func newCSVReader(body io.Reader, limit int64) *csvReader {
	in := bufio.NewReaderSize(body, 64<<10)
	if head, err := in.Peek(len(byteOrderMark)); err == nil && string(head) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // what was peeked can be discarded
	}
	return &csvReader{in: in, limit: limit, comma: ',', line: 0}
}

// header finds the separator out and reads the first record that is not blank.
func (c *csvReader) header() (record, error) {
	c.comma = c.separator()
	for {
		rec, err := c.next(nil)
		if err != nil || !rec.blank() {
			return rec, err
		}
	}
}

// separator is the commonest of comma, semicolon and tab in the first line.
func (c *csvReader) separator() byte {
	head, _ := c.in.Peek(4096) // a short body gives what there is
	first, _, _ := strings.Cut(strings.TrimLeft(string(head), "\r\n"), "\n")
	best, count := byte(','), 0
	for _, sep := range []byte{',', ';', '\t'} {
		if n := strings.Count(first, string(sep)); n > count {
			best, count = sep, n
		}
	}
	return best
}

// States of the reader inside a record.
type csvState uint8

const (
	cellStart csvState = iota
	cellBare
	cellQuoted
	cellClosed
)

// next reads one record into cells. io.EOF is the clean end; a *brokenError a quote that is never closed; any
// other error is the body's, and what was read of the record is dropped.
func (c *csvReader) next(cells []string) (record, error) {
	c.line++
	rec := record{line: c.line}
	c.buf, c.ends = c.buf[:0], c.ends[:0]
	state, size := cellStart, int64(0)
	for {
		b, err := c.in.ReadByte()
		if errors.Is(err, io.EOF) && state != cellQuoted && size > 0 {
			return c.finish(rec, cells), nil
		}
		if errors.Is(err, io.EOF) && state == cellQuoted {
			return rec, &brokenError{line: rec.line, text: "a quote that is opened here is never closed"}
		}
		if err != nil {
			return rec, err
		}
		if b == '\n' && state != cellQuoted {
			return c.finish(rec, cells), nil
		}
		if b == '\n' {
			c.line++
		}
		if size++; size > c.limit {
			rec.long = true
		}
		if b == c.comma && state != cellQuoted {
			c.cut(&rec)
			state = cellStart
			continue
		}
		state = c.step(state, b, &rec)
	}
}

// step takes a byte that ends neither the cell nor the record.
func (c *csvReader) step(state csvState, b byte, rec *record) csvState {
	switch state {
	case cellStart:
		if b == '"' {
			return cellQuoted
		}
		if b == ' ' || b == '\r' {
			return cellStart // before a quote, or of no meaning
		}
		state = cellBare
	case cellBare:
		if b == '"' {
			rec.bad = "a quote inside a cell that is not quoted: quote the cell and double the quote"
		}
	case cellQuoted:
		if b == '"' {
			return cellClosed
		}
	case cellClosed:
		return c.afterQuote(b, rec)
	}
	c.keep(b, rec)
	return state
}

// afterQuote takes the byte behind a quote inside a quoted cell: another quote stands for one, space is ignored.
func (c *csvReader) afterQuote(b byte, rec *record) csvState {
	switch b {
	case '"':
		c.keep(b, rec)
		return cellQuoted
	case ' ', '\r':
		return cellClosed
	default:
		rec.bad = "text after a closing quote: double the quotes inside a quoted cell"
		return cellClosed
	}
}

func (c *csvReader) keep(b byte, rec *record) {
	if !rec.long && rec.bad == "" {
		c.buf = append(c.buf, b)
	}
}

// cut ends a cell.
func (c *csvReader) cut(rec *record) {
	if !rec.long {
		c.ends = append(c.ends, len(c.buf))
	}
}

// finish cuts the record into cells.
func (c *csvReader) finish(rec record, cells []string) record {
	text := string(c.buf)
	cells, start := cells[:0], 0
	for _, end := range append(c.ends, len(text)) {
		cells = append(cells, strings.TrimSuffix(text[start:end], "\r"))
		start = end
	}
	rec.cells = cells
	return rec
}

func countMessage(got, want int) string {
	return fmt.Sprintf("has %d cells, and the header has %d", got, want)
}
