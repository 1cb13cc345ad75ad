package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// A part of the file that is validated again to name more refused rows than an answer holds.
	partRows  = 2000
	partBytes = 8 << 20
)

// allErrors names every refused row. The intake's answer has the first hundred; the rows after them are validated
// again in parts, which writes nothing, until as many are named as were refused.
func (s *submission) allErrors(ctx context.Context, a uploadAnswer) (map[int]rowError, error) {
	found := map[int]rowError{}
	last := 0
	for _, e := range a.Errors {
		found[e.Line], last = e, max(last, e.Line)
	}
	if int64(len(found)) >= a.Rejected {
		return found, nil
	}
	p, err := newParts(s.file, last)
	if err != nil {
		return nil, err
	}
	defer p.close()
	for int64(len(found)) < a.Rejected {
		if err := p.fill(found); err != nil {
			return nil, err
		}
		if len(p.rows) == 0 {
			break
		}
		errs, more, err := s.validate(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, e := range errs {
			found[e.Line] = e
		}
		p.drop(errs, more)
	}
	s.unnamed(a.Rejected - int64(len(found)))
	return found, nil
}

func (s *submission) unnamed(n int64) {
	if n > 0 {
		fmt.Fprintf(s.err, "%d more rows were refused and cannot be named: mend those that are and run the command again\n", n)
	}
}

// validate asks about the rows of a part and returns the errors by their lines in the file, and whether there are more.
func (s *submission) validate(ctx context.Context, p *parts) ([]rowError, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, stallAfter)
	defer cancel()
	body, lines := p.body()
	part := upload{dry: true, body: bytes.NewReader(body), size: int64(len(body)), format: s.file.format}
	if part.format == formatJSON {
		part.format = formatNDJSON
	}
	a, err := s.post(ctx, part)
	if err != nil {
		return nil, false, err
	}
	var out []rowError
	for _, e := range a.Errors {
		if line, ok := lines[e.Line]; ok {
			e.Line = line
			out = append(out, e)
		}
	}
	return out, a.Rejected > int64(len(a.Errors)), nil
}

// parts reads the file on in parts.
type parts struct {
	next   func() (record, error)
	close  func()
	header *record
	rows   []record
	bytes  int
	after  int
}

// newParts begins behind the line after.
func newParts(f submitFile, after int) (*parts, error) {
	next, closeFile, err := f.rows()
	if err != nil {
		return nil, err
	}
	p := &parts{next: next, close: closeFile, after: after}
	for f.format == formatCSV && p.header == nil {
		rec, err := next()
		if err != nil {
			closeFile()
			return nil, fmt.Errorf("read the header: %w", err)
		}
		if !rec.blank() {
			p.header = &rec
		}
	}
	return p, nil
}

// fill reads rows until the part is full. A row that is too long to be sent again is named here.
func (p *parts) fill(found map[int]rowError) error {
	for len(p.rows) < partRows && p.bytes < partBytes {
		rec, err := p.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		switch {
		case rec.line <= p.after || rec.blank():
		case rec.cut:
			found[rec.line] = rowError{Line: rec.line, Code: "too_large", Message: "the row is too long"}
		default:
			p.rows, p.bytes = append(p.rows, rec), p.bytes+len(rec.raw)
		}
	}
	return nil
}

// body is the part as a file of its own, and which line of the file each of its lines was.
func (p *parts) body() ([]byte, map[int]int) {
	var b bytes.Buffer
	line, lines := 1, map[int]int{}
	if p.header != nil {
		b.Write(p.header.raw)
		b.WriteByte('\n')
		line += p.header.lines()
	}
	for _, rec := range p.rows {
		lines[line] = rec.line
		b.Write(rec.raw)
		b.WriteByte('\n')
		line += rec.lines()
	}
	return b.Bytes(), lines
}

// drop forgets the rows that are judged: all of them, or with more those up to the last error.
func (p *parts) drop(errs []rowError, more bool) {
	keep := 0
	if more && len(errs) > 0 {
		last := errs[len(errs)-1].Line
		for keep < len(p.rows) && p.rows[len(p.rows)-1-keep].line > last {
			keep++
		}
	}
	p.rows = append([]record(nil), p.rows[len(p.rows)-keep:]...)
	p.bytes = 0
	for _, rec := range p.rows {
		p.bytes += len(rec.raw)
	}
}

// writeRejected writes the refused rows with the reason behind them. It replaces the file of an earlier run.
func (s *submission) writeRejected(path string, errs map[int]rowError) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) // it holds phone numbers
	if err != nil {
		return fmt.Errorf("write the refused rows: %w", err)
	}
	w := bufio.NewWriter(out)
	if s.file.format == formatCSV {
		err = s.rejectedCSV(w, errs)
	} else {
		err = s.rejectedRows(w, errs)
	}
	return errors.Join(err, w.Flush(), out.Close())
}

// rejectedCSV keeps the original columns as they are and adds the column error.
func (s *submission) rejectedCSV(w *bufio.Writer, errs map[int]rowError) error {
	in, closeFile, err := s.file.records()
	if err != nil {
		return err
	}
	defer closeFile()
	header := true
	for {
		rec, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		e, refused := errs[rec.line]
		switch {
		case rec.blank():
			continue
		case header:
			header = false
			fmt.Fprintf(w, "%s%cerror\n", rec.raw, in.separator)
		case refused:
			fmt.Fprintf(w, "%s%c%s\n", rec.raw, in.separator, quoteCell(reason(e)))
		}
	}
}

// rejectedRows writes rows one a line, each with the reason as its member error. What is no object, and so cannot have one,
// is written as it is: the reason is printed.
func (s *submission) rejectedRows(w *bufio.Writer, errs map[int]rowError) error {
	next, closeFile, err := s.file.rows()
	if err != nil {
		return err
	}
	defer closeFile()
	left := len(errs)
	for left > 0 {
		rec, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		e, refused := errs[rec.line]
		if !refused {
			continue
		}
		left--
		row, ok := withReason(rec.raw, reason(e))
		if !ok {
			row = rec.raw
			fmt.Fprintf(s.err, "line %d: %s\n", rec.line, reason(e))
		}
		w.Write(append(row, '\n')) //nolint:errcheck // Flush tells
	}
	if left > 0 {
		fmt.Fprintf(s.err, "%d refused rows cannot be read from the file\n", left)
	}
	return nil
}

// reason is "code field: message".
func reason(e rowError) string {
	where := strings.TrimSpace(e.Code + " " + e.Field)
	return clean(where + ": " + e.Message)
}

func quoteCell(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
