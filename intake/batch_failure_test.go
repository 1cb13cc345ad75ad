package intake_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"topupq/intake"
	"topupq/topup"
)

// gatedReader gives its parts one by one and stops before the last until the gate opens.
type gatedReader struct {
	parts         []string
	gate, reached chan struct{}
}

func (g *gatedReader) Read(p []byte) (int, error) {
	if len(g.parts) == 0 {
		return 0, io.EOF
	}
	if len(g.parts) == 1 && g.reached != nil {
		close(g.reached)
		g.reached = nil
		<-g.gate
	}
	n := copy(p, g.parts[0])
	if g.parts[0] = g.parts[0][n:]; g.parts[0] == "" {
		g.parts = g.parts[1:]
	}
	return n, nil
}

func rowsOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, good(fmt.Sprintf("f%d", i)))
	}
	return b.String()
}

// The store goes away in the middle: 503, and the same file sent again completes it without doing anything twice.
func TestStoreAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"CreateBatch", "Create", "UpdateBatch"} {
		a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 10 })
		away := true
		a.store.down = func(name string, n int) error {
			if away && name == call && (n > 3 || name != "Create") {
				return errAway
			}
			return nil
		}
		r := a.upload(ndjson, rowsOf(100))
		r.problem(503, "unavailable")
		if r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		before := int64(a.store.count())
		a.store.mu.Lock()
		away = false
		a.store.mu.Unlock()
		rec := a.upload(ndjson, rowsOf(100)).receipt(202)
		if rec.Accepted+rec.Duplicates != 100 || rec.Duplicates != before || a.store.count() != 100 {
			t.Errorf("%s: %+v with %d before", call, rec, before)
		}
	}
}

// Rows that were taken before the store went away can still complete their batch.
func TestPartOfABatchIsSealed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 10 })
	a.store.lost = func(name string, n int) error {
		if name == "Create" && n > 3 {
			return errAway
		}
		return nil
	}
	a.upload(ndjson, rowsOf(100)).problem(503, "unavailable")
	for _, b := range a.store.batches {
		if !b.Sealed || b.Accepted != int64(a.store.count()) || b.Accepted == 0 || b.Rows != b.Accepted {
			t.Errorf("batch %+v, %d records", b, a.store.count())
		}
	}
}

// A short absence is ridden out, and a write whose answer was lost is recognised as ours.
func TestStoreAwayForAMoment(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 10 })
	a.store.lost = func(name string, n int) error {
		if name == "Create" && n%5 == 2 {
			return errAway
		}
		return nil
	}
	rec := a.upload(ndjson, rowsOf(60)).receipt(202)
	if rec.Accepted != 60 || rec.Duplicates != 0 || a.store.count() != 60 || a.ring.rung() != 60 {
		t.Errorf("%+v, %d records, %d wake-ups", rec, a.store.count(), a.ring.rung())
	}
}

// An upload that breaks off keeps its rows, whoever hangs up.
func TestBodyBreaksOff(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	body := io.MultiReader(strings.NewReader(rowsOf(10)+`{"reference":"half`), &failingReader{})
	rec := a.send("POST", "/v1/batches", body, "Content-Type", ndjson).receipt(202)
	if rec.Accepted != 10 || rec.Rejected != 1 || rec.Errors[0].Code != "stream_broken" || rec.Errors[0].Line != 11 {
		t.Errorf("%+v", rec)
	}
	// A row that is whole but for its line end is not taken either: it may be the first half of another one.
	body = io.MultiReader(strings.NewReader(good("x")+"\n"+good("y")), &failingReader{})
	rec = a.send("POST", "/v1/batches", body, "Content-Type", ndjson).receipt(202)
	if rec.Accepted != 1 || rec.Errors[0].Line != 2 {
		t.Errorf("%+v", rec)
	}
	body = io.MultiReader(strings.NewReader("reference,recipient,amount,currency\nc,+27831234567,5,ZAR\nd,+27831234567,5,ZAR"), &failingReader{})
	rec = a.send("POST", "/v1/batches", body, "Content-Type", csvType).receipt(202)
	if rec.Accepted != 1 || rec.Errors[0].Code != "stream_broken" || rec.Errors[0].Line != 3 {
		t.Errorf("%+v", rec)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Every row counts once in the batch's own record, too.
func TestBatchRecord(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 1 })
	rec := a.upload(ndjson, rowsOf(200)+"bad\n"+good("f0")).receipt(202)
	b := a.store.batches[topup.BatchID(*rec.BatchID)]
	if b.Rows != 202 || b.Accepted != 200 || b.Duplicates != 1 || b.Rejected != 1 || !b.Sealed || b.Merchant != a.merchant.ID {
		t.Errorf("%+v", b)
	}
	for _, tp := range a.store.topups {
		if tp.CreatedAt.Before(b.CreatedAt) {
			t.Fatal("a row is older than its batch: its listing would miss it")
		}
	}
}

// A panic while rows are written ends the request, not the process.
func TestPanicWhileWriting(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 10 })
	a.store.down = func(name string, n int) error {
		if name == "Create" && n == 3 {
			panic("whsec_secret")
		}
		return nil
	}
	a.upload(ndjson, rowsOf(100)).problem(500, "internal")
	a.store.down = nil
	rec := a.upload(ndjson, rowsOf(100)).receipt(202)
	if rec.Accepted+rec.Duplicates != 100 || a.store.count() != 100 {
		t.Errorf("%+v", rec)
	}
}

// TestSlowUploadIsTouched has a client that sends nothing for a while: the scheduler, which seals a batch that its
// intake has left, is shown that it has not.
func TestSlowUploadIsTouched(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.ChunkRows, c.TouchEvery = 10, time.Millisecond })
	touched := make(chan struct{})
	a.store.lost = func(name string, n int) error {
		if name == "UpdateBatch" && n == 5 {
			close(touched)
		}
		return nil
	}
	body := io.MultiReader(strings.NewReader(rowsOf(20)), &waitingReader{until: touched})
	if rec := a.send("POST", "/v1/batches", body, "Content-Type", ndjson).receipt(202); rec.Accepted != 20 {
		t.Errorf("%+v", rec)
	}
	for _, b := range a.store.batches {
		if !b.Sealed || b.Accepted != 20 {
			t.Errorf("%+v", b)
		}
	}
}

// waitingReader ends when it may.
type waitingReader struct{ until chan struct{} }

func (r *waitingReader) Read([]byte) (int, error) {
	<-r.until
	return 0, io.EOF
}
