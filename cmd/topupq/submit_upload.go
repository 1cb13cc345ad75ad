package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/schollz/progressbar/v3"

	"topupq/client"
)

const (
	// uploadTries bounds how often a file is sent; the waits between double up to maxPause.
	uploadTries = 6
	maxPause    = 30 * time.Second
	// stallAfter ends an upload in which nothing moves any more.
	stallAfter = 2 * time.Minute
)

// upload sends the file until the intake has taken it all. Sending it again after a failure does nothing twice:
// what was taken before comes back as duplicate.
func (s *submission) upload(ctx context.Context) (uploadAnswer, error) {
	pause := s.pause
	for try := 1; ; try++ {
		answer, err := s.uploadOnce(ctx)
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return answer, errors.New("stopped; run the same command again to go on: nothing is done twice")
		}
		var p *apiProblem
		if answered := errors.As(err, &p); answered && !p.passing() || try == uploadTries {
			return answer, err
		}
		wait := pause
		if p != nil && p.RetryAfter > 0 {
			wait = min(p.RetryAfter, maxPause)
		}
		fmt.Fprintf(s.err, "%v\nsending the file again in %s; what was taken is not taken twice\n", err, wait)
		if err := sleep(ctx, wait); err != nil {
			return answer, errors.New("stopped; run the same command again to go on: nothing is done twice")
		}
		pause = min(2*pause, maxPause)
	}
}

func (s *submission) uploadOnce(ctx context.Context) (uploadAnswer, error) {
	in, err := s.file.open()
	if err != nil {
		return uploadAnswer{}, err
	}
	defer in.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallAfter, func() { cancel(fmt.Errorf("nothing moved for %s", stallAfter)) })
	defer stall.Stop()
	var body io.Reader = &movingReader{in: in, moved: func() { stall.Reset(stallAfter) }}
	if s.progress != nil {
		bar := s.bar("uploading", s.file.size, true)
		defer func() { _ = bar.Finish() }() // a bar that cannot be drawn is no failure
		moving := progressbar.NewReader(body, bar)
		body = &moving
	}
	return s.post(ctx, upload{dry: s.dry, body: body, size: s.file.size, zipped: s.file.zipped, format: s.file.format})
}

// upload is one body of rows.
type upload struct {
	dry    bool
	body   io.Reader
	size   int64
	zipped bool
	format string
}

// post sends rows and reads what came of the batch.
func (s *submission) post(ctx context.Context, u upload) (uploadAnswer, error) {
	var a uploadAnswer
	params := &client.CreateBatchParams{Name: &s.name}
	if u.dry {
		params.ValidateOnly = &u.dry
	}
	if encoding := "gzip"; u.zipped {
		params.ContentEncoding = &encoding
	}
	sized := func(_ context.Context, r *http.Request) error {
		if r.ContentLength = u.size; u.size == 0 {
			r.Body = http.NoBody
		}
		return nil
	}
	resp, err := s.api.calls.CreateBatchWithBody(ctx, params, mediaTypes[u.format], u.body, sized)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil {
		return a, fmt.Errorf("read the answer to the batch: %w", err)
	}
	return a, nil
}

// bar draws progress on the terminal.
func (s *submission) bar(what string, total int64, inBytes bool) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(s.progress), progressbar.OptionSetDescription(what), progressbar.OptionShowBytes(inBytes),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("top-ups"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true),
	)
}

// movingReader tells when bytes are taken from it.
type movingReader struct {
	in    io.Reader
	moved func()
}

// Read reads on.
func (r *movingReader) Read(b []byte) (int, error) {
	r.moved()
	return r.in.Read(b) //nolint:wrapcheck // io.EOF must stay itself
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
