package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Formats of a file.
const (
	formatCSV    = "csv"
	formatNDJSON = "ndjson"
	formatJSON   = "json"
)

// submitFile is a file to hand in.
type submitFile struct {
	path, format string
	zipped       bool
	size         int64
}

var formatsByName = map[string]string{
	".csv": formatCSV, ".tsv": formatCSV, ".txt": formatCSV, ".ndjson": formatNDJSON, ".jsonl": formatNDJSON, ".json": formatJSON,
}

var mediaTypes = map[string]string{
	formatCSV: "text/csv", formatNDJSON: "application/x-ndjson", formatJSON: "application/json",
}

// openSubmitFile finds out what a file is. format may be empty.
func openSubmitFile(path, format string) (submitFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return submitFile{}, usageError("cannot read the file: %w", err)
	}
	if info.IsDir() {
		return submitFile{}, usageError("%s is a folder", path)
	}
	f := submitFile{path: path, format: format, size: info.Size()}
	name := strings.ToLower(path)
	if trimmed, ok := strings.CutSuffix(name, ".gz"); ok {
		f.zipped, name = true, trimmed
	}
	if format == "" {
		f.format = formatsByName[filepath.Ext(name)]
	}
	if mediaTypes[f.format] == "" {
		return submitFile{}, usageError("cannot tell what %s is: give --format csv, ndjson or json", path)
	}
	return f, nil
}

// open returns the file as it lies on the disk.
func (f submitFile) open() (*os.File, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	return in, nil
}

// rejected is where the refused rows go: a file of the same kind, JSON as one object a line.
func (f submitFile) rejected() string {
	if f.format == formatCSV {
		return f.path + ".rejected.csv"
	}
	return f.path + ".rejected.ndjson"
}

// rows opens the file for reading row by row. What it returns ends with io.EOF.
func (f submitFile) rows() (next func() (record, error), closeFile func(), err error) {
	if f.format == formatJSON {
		plain, closeFile, err := f.plain()
		if err != nil {
			return nil, nil, err
		}
		return newItemReader(plain).next, closeFile, nil
	}
	in, closeFile, err := f.records()
	if err != nil {
		return nil, nil, err
	}
	return in.next, closeFile, nil
}

// records opens a CSV or NDJSON file for reading record by record.
func (f submitFile) records() (*recordReader, func(), error) {
	plain, closeFile, err := f.plain()
	if err != nil {
		return nil, nil, err
	}
	return newRecordReader(plain, f.format == formatCSV), closeFile, nil
}

// plain opens the file, unpacked.
func (f submitFile) plain() (io.Reader, func(), error) {
	in, err := f.open()
	if err != nil {
		return nil, nil, err
	}
	var plain io.Reader = in
	if f.zipped {
		if plain, err = gzip.NewReader(in); err != nil {
			in.Close()
			return nil, nil, fmt.Errorf("unpack %s: %w", f.path, err)
		}
	}
	return plain, func() { _ = in.Close() }, nil // it was only read
}

// maxRecord bounds what is kept of one record; the intake refuses much shorter ones.
const maxRecord = 1 << 20

// record is one record of a file.
type record struct {
	// line is where it begins, or which item of a JSON file it is, from 1.
	line int
	// raw is the record without its line end; cut means that it is longer than that.
	raw []byte
	cut bool
}

func (r record) blank() bool { return len(bytes.TrimSpace(r.raw)) == 0 }

// lines is how many lines the record takes.
func (r record) lines() int { return 1 + bytes.Count(r.raw, []byte{'\n'}) }

// recordReader cuts a file into records, as the intake does: at line ends, but not at those inside a quoted cell of
// a CSV file. Records keep their bytes as they are.
type recordReader struct {
	in *bufio.Reader
	// separator is a CSV file's, 0 for other files.
	separator byte
	line      int
}

func newRecordReader(in io.Reader, csv bool) *recordReader {
	r := &recordReader{in: bufio.NewReaderSize(in, 64<<10)}
	if head, err := r.in.Peek(len(byteOrderMark)); err == nil && string(head) == byteOrderMark {
		_, _ = r.in.Discard(len(head)) // what was peeked can be discarded
	}
	if csv {
		r.separator = r.findSeparator()
	}
	return r
}

const byteOrderMark = "\ufeff"

// findSeparator is the commonest of comma, semicolon and tab in the first line.
func (r *recordReader) findSeparator() byte {
	head, _ := r.in.Peek(4096) // a short file gives what there is
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte{'\n'})
	best, most := byte(','), 0
	for _, sep := range []byte{',', ';', '\t'} {
		if n := bytes.Count(first, []byte{sep}); n > most {
			best, most = sep, n
		}
	}
	return best
}

// next returns the next record; io.EOF is the end.
func (r *recordReader) next() (record, error) {
	r.line++
	rec := record{line: r.line}
	cell := cellStart
	for size := 0; ; size++ {
		b, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) && size > 0 {
			return rec, nil
		}
		if err != nil {
			return rec, err
		}
		if b == '\n' && cell != cellQuoted {
			rec.raw = bytes.TrimSuffix(rec.raw, []byte{'\r'})
			return rec, nil
		}
		if b == '\n' {
			r.line++
		}
		cell = r.step(cell, b)
		if rec.cut = rec.cut || len(rec.raw) == maxRecord; !rec.cut {
			rec.raw = append(rec.raw, b)
		}
	}
}

// Where a recordReader is inside a CSV record.
type cellState uint8

const (
	cellStart cellState = iota
	cellBare
	cellQuoted
	cellClosed
)

func (r *recordReader) step(cell cellState, b byte) cellState {
	quote := b == '"'
	switch {
	case r.separator == 0:
		return cellBare
	case cell == cellQuoted && quote:
		return cellClosed
	case cell == cellQuoted:
		return cellQuoted
	case b == r.separator:
		return cellStart
	case quote && cell != cellBare:
		return cellQuoted
	case cell == cellStart && b != ' ' && b != '\r':
		return cellBare
	default:
		return cell
	}
}
