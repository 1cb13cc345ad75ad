package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
)

// enqueueBare is the baseline of intake: asynq.Client.Enqueue of 300-byte tasks, rows per second.
func (w *benchWorld) enqueueBare(ctx context.Context, n, goroutines int) (float64, error) {
	client := asynq.NewClientFromRedisClient(w.rdb)
	payload := bytes.Repeat([]byte("x"), 300)
	queue := "bare" + strconv.Itoa(goroutines)
	start := time.Now()
	err := inParallel(n, goroutines, func(int) error {
		_, err := client.EnqueueContext(ctx, asynq.NewTask("bare", payload, asynq.Queue(queue)))
		return err
	})
	return float64(n) / time.Since(start).Seconds(), err
}

// benchRows writes n NDJSON rows, numbered from first, as a merchant's file would hold them.
func benchRows(out io.Writer, first, n int) error {
	var row []byte
	for i := first; i < first+n; i++ {
		row = append(row[:0], `{"reference":"bench-`...)
		row = strconv.AppendInt(row, int64(i), 10)
		row = append(row, `","recipient":"`...)
		row = append(row, benchNumber(i).E164()...)
		row = append(row, `","amount":"10.00","currency":"INR","provider":"rechargekit","product":{"operator_code":1,"circle":5},"metadata":{"till":"7"}}`+"\n"...)
		if _, err := out.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// streamRows sends n rows as one NDJSON request and returns rows per second, durable in ledger and queue.
func (w *benchWorld) streamRows(ctx context.Context, intake string, first, n int) (float64, error) {
	body, feed := io.Pipe()
	go func() {
		buffered := &chunkWriter{out: feed}
		err := benchRows(buffered, first, n)
		if err == nil {
			err = buffered.flush()
		}
		_ = feed.CloseWithError(err) // nil ends the body
	}()
	start := time.Now()
	got, err := w.postRows(ctx, intake, body)
	if err != nil {
		return 0, err
	}
	if got.Accepted != int64(n) {
		return 0, fmt.Errorf("%d of %d rows accepted: %+v", got.Accepted, n, got)
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func (w *benchWorld) postRows(ctx context.Context, intake string, body io.Reader) (receipt, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+intake+"/v1/batches?name=bench", body)
	if err != nil {
		return receipt{}, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+w.apiKey)
	resp, err := benchClient.Do(req)
	if err != nil {
		return receipt{}, fmt.Errorf("send rows: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		return receipt{}, fmt.Errorf("intake answered %s: %s", resp.Status, answer)
	}
	var got receipt
	if err := json.Unmarshal(answer, &got); err != nil {
		return receipt{}, fmt.Errorf("decode answer: %w", err)
	}
	return got, nil
}

// benchClient is a client without a deadline: the context of the whole bench has one.
var benchClient = &http.Client{}

// chunkWriter gathers small writes, so that the pipe costs nothing that a file would not.
type chunkWriter struct {
	out io.Writer
	buf []byte
}

const chunkSize = 64 << 10

func (c *chunkWriter) Write(p []byte) (int, error) {
	c.buf = append(c.buf, p...)
	if len(c.buf) < chunkSize {
		return len(p), nil
	}
	return len(p), c.flush()
}

func (c *chunkWriter) flush() error {
	_, err := c.out.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

// intakeNode serves an intake in this world.
func (w *benchWorld) intakeNode(ctx context.Context) (*node, string, error) {
	n, err := w.node(ctx)
	if err != nil {
		return nil, "", err
	}
	at, err := n.startRoles(roles{intake: true})
	return n, at.intake, err
}
