package intake

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// byteOrderMark is what some programs put before UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// lineReader reads lines of bounded length in constant memory.
type lineReader struct {
	in   *bufio.Reader
	line int
}

func newLineReader(body io.Reader, limit int64) *lineReader {
	in := bufio.NewReaderSize(body, int(limit))
	if head, err := in.Peek(len(byteOrderMark)); err == nil && string(head) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // what was peeked can be discarded
	}
	return &lineReader{in: in}
}

// next returns the next line that is not blank, without its end; it is valid until the next call. long means that
// the line was above the limit and has been skipped. io.EOF is the clean end. A last line without an end counts,
// unless the body broke off in it.
func (l *lineReader) next() (text []byte, long bool, err error) {
	for {
		l.line++
		text, err = l.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, true, l.skip()
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
			return nil, false, err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, false, nil
		}
	}
}

// skip reads on to the end of the line. The end of the body is found again by the next call.
func (l *lineReader) skip() error {
	for {
		_, err := l.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// ndjsonSource reads one JSON object per line. A line that cannot be read is one rejected row and no more.
type ndjsonSource struct {
	lines *lineReader
	limit int64
}

func newNDJSONSource(body io.Reader, limit int64) *ndjsonSource {
	return &ndjsonSource{lines: newLineReader(body, limit), limit: limit}
}

func (n *ndjsonSource) next(r *row) error {
	text, long, err := n.lines.next()
	r.reset(n.lines.line)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return cutError(r.line, err)
	case long:
		r.lost = tooLongRow(r.line, n.limit)
	default:
		r.parse(string(text), reasonName)
	}
	return nil
}
