package intake

import (
	"bufio"
	"errors"
	"io"
)

// jsonRows reads the items of {"topups": [...]} one after another in constant memory. Items count from 1. An item
// that is JSON but not acceptable is one rejected row; where the text stops being JSON nothing more can be read.
type jsonRows struct {
	in     *bufio.Reader
	limit  int64
	opened bool
	item   int
	buf    []byte
}

func newJSONRows(body io.Reader, limit int64) *jsonRows {
	return &jsonRows{in: bufio.NewReaderSize(body, 64<<10), limit: limit, buf: make([]byte, 0, 1024)}
}

func (j *jsonRows) next(r *row) error {
	if !j.opened {
		if err := j.open(); err != nil {
			return err
		}
		j.opened = true
	}
	c, err := j.begin()
	if err != nil || c == ']' {
		return j.end(err)
	}
	r.reset(j.item)
	long, err := j.read()
	if err != nil {
		return j.broken(err)
	}
	if long {
		r.lost = tooLongRow(j.item, j.limit)
		return nil
	}
	if r.parse(string(j.buf), "") {
		return &brokenError{line: j.item, text: r.lost.Message}
	}
	return nil
}

// open reads up to the bracket of the array. What is wrong here refuses the whole request.
func (j *jsonRows) open() error {
	if head, err := j.in.Peek(len(byteOrderMark)); err == nil && string(head) == byteOrderMark {
		_, _ = j.in.Discard(len(byteOrderMark)) // what was peeked can be discarded
	}
	shape := malformed(`The body must be {"topups": [...]}.`)
	for _, want := range []byte(`{"`) {
		if c, err := j.byteAfterSpace(); err != nil || c != want {
			return shape
		}
	}
	name, err := j.in.ReadSlice('"')
	if err != nil {
		return shape
	}
	if member := string(name[:len(name)-1]); member != "topups" {
		return invalid([]FieldError{{Field: printable(member), Code: fieldUnknown, Message: "there is no such field"}})
	}
	for _, want := range []byte(`:[`) {
		if c, err := j.byteAfterSpace(); err != nil || c != want {
			return shape
		}
	}
	return nil
}

var (
	errNoComma = errors.New("a comma is missing between two items")
	errEarly   = errors.New("the JSON text ends too early")
)

// begin goes to the first byte of the next item and leaves it unread, or reads the bracket that ends the array.
func (j *jsonRows) begin() (byte, error) {
	c, err := j.byteAfterSpace()
	if err == nil && j.item > 0 && c != ']' {
		if c != ',' {
			return 0, errNoComma
		}
		c, err = j.byteAfterSpace()
		if err == nil && c == ']' {
			return 0, errors.New("an item is missing after a comma")
		}
	}
	if err != nil || c == ']' {
		return c, err
	}
	j.item++
	return c, j.in.UnreadByte()
}

// end checks what follows the array: the closing brace and nothing else. err is the failure to get there, if any.
func (j *jsonRows) end(err error) error {
	if err != nil {
		j.item++
		return j.broken(err)
	}
	j.item = max(j.item, 1) // what follows an empty array is told of as the first row
	c, err := j.byteAfterSpace()
	if err == nil && c == ',' {
		return &brokenError{line: j.item, text: "there is another member after topups"}
	}
	if err != nil || c != '}' {
		return &brokenError{line: j.item, text: "the closing brace is missing"}
	}
	if _, err := j.byteAfterSpace(); !errors.Is(err, io.EOF) {
		return &brokenError{line: j.item, text: "there is more text after the closing brace"}
	}
	return io.EOF
}

func (j *jsonRows) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = errEarly
	}
	if errors.Is(err, errEarly) || errors.Is(err, errNoComma) {
		return &brokenError{line: j.item, text: err.Error()}
	}
	return cutError(j.item, err)
}

// read takes one item into buf, whatever it is. Above the limit it is skipped, and long is true.
func (j *jsonRows) read() (long bool, err error) {
	j.buf = j.buf[:0]
	var scan itemScan
	for {
		c, err := j.in.ReadByte()
		if err != nil {
			return false, err
		}
		if scan.ends(c) {
			return long, j.in.UnreadByte()
		}
		if int64(len(j.buf)) < j.limit {
			j.buf = append(j.buf, c)
		} else {
			long = true
		}
		if scan.take(c) {
			return long, nil
		}
	}
}

// itemScan finds the end of a JSON value without reading it: it knows strings and counts brackets.
type itemScan struct {
	depth           int
	inside, escaped bool
}

// ends reports whether c, still unread, ends a bare value such as a number.
func (i *itemScan) ends(c byte) bool {
	return i.depth == 0 && !i.inside && (c == ',' || c == ']' || c == '}')
}

// take moves on by c and reports whether it completes the value.
func (i *itemScan) take(c byte) bool {
	if i.inside {
		switch {
		case i.escaped:
			i.escaped = false
		case c == '\\':
			i.escaped = true
		case c == '"':
			i.inside = false
			return i.depth == 0
		}
		return false
	}
	switch c {
	case '"':
		i.inside = true
	case '{', '[':
		i.depth++
	case '}', ']':
		i.depth--
		return i.depth == 0
	}
	return false
}

func (j *jsonRows) byteAfterSpace() (byte, error) {
	for {
		c, err := j.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, nil
		}
	}
}
