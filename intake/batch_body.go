package intake

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
)

// rollingBody prolongs the connection's deadline with every read: a batch may take as long as it likes, but not
// stand still.
type rollingBody struct {
	body  io.Reader
	ctl   *http.ResponseController
	limit time.Duration
	over  atomic.Bool
}

// Read reads within the limit.
func (b *rollingBody) Read(p []byte) (int, error) {
	_ = b.ctl.SetReadDeadline(time.Now().Add(b.limit)) // not supported by every test writer
	if b.over.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return b.body.Read(p)
}

// interrupt ends a Read that waits, and all after it.
func (b *rollingBody) interrupt() {
	b.over.Store(true)
	_ = b.ctl.SetReadDeadline(time.Now()) // not supported by every test writer
}

// openBody is the body of a batch, unpacked, and as it comes. The returned func frees the unpacker.
func (s *Server) openBody(w http.ResponseWriter, r *http.Request) (io.Reader, *rollingBody, func(), error) {
	ctl := http.NewResponseController(w)
	_ = ctl.SetWriteDeadline(time.Time{}) // set again before the answer
	body := &rollingBody{body: r.Body, ctl: ctl, limit: s.cfg.Limits.Stall}
	switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
		return body, body, func() {}, nil
	case "gzip", "x-gzip":
		unzip, err := gzip.NewReader(body)
		if err != nil {
			return nil, nil, nil, malformed("The body is not gzip.")
		}
		return unzip, body, func() {}, nil
	case "zstd":
		dec, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, nil, nil, malformed("The body is not zstd.")
		}
		return dec, body, dec.Close, nil
	default:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		return nil, nil, nil, unsupported("Content-Encoding may be gzip or zstd.")
	}
}

// causeOf says in plain words why a body could not be read further.
func causeOf(err error) string {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is not complete"
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return "its gzip is damaged"
	case errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return "its zstd is damaged"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "nothing came for too long"
	default:
		return "it could not be read"
	}
}

// openRows is the reader for the format of a batch.
func (s *Server) openRows(r *http.Request, body io.Reader) (rowSource, error) {
	typ, err := mediaType(r)
	if err != nil {
		return nil, err
	}
	limit := s.cfg.Limits.Row
	switch typ {
	case typeJSON:
		return newJSONRows(body, limit), nil
	case typeNDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return newNDJSONSource(body, limit), nil
	case typeCSV:
		return newCSVSource(body, limit), nil
	default:
		return nil, unsupported("Send application/json, application/x-ndjson or text/csv.")
	}
}
