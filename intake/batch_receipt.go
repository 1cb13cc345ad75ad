package intake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"topupq/topup"
)

// The verdicts on a row.
const (
	verdictAccepted  = "accepted"
	verdictDuplicate = "duplicate"
	verdictRejected  = "rejected"
)

// verdict is what became of one row of a batch, as a line of the streamed answer.
type verdict struct {
	Line      int      `json:"line"`
	Reference string   `json:"reference"`
	Verdict   string   `json:"verdict"`
	ID        topup.ID `json:"id,omitempty"`
	Code      string   `json:"code,omitempty"`
	Field     string   `json:"field,omitempty"`
	Message   string   `json:"message,omitempty"`
}

// receipts writes a verdict per row while the batch is read. A client that does not read them stops nobody: they are
// dropped, the rows are taken, and the connection is cut at the end.
type receipts struct {
	w   http.ResponseWriter
	out *bufio.Writer
	enc *json.Encoder
	err error
}

// newReceipts begins the streamed answer to an upload. The status has to be told before the first row is.
func (s *Server) newReceipts(w http.ResponseWriter) *receipts {
	ctl := http.NewResponseController(w)
	_ = ctl.EnableFullDuplex() // not needed, and not there, for HTTP/2 and for test writers
	out := bufio.NewWriterSize(s.streamTo(w), 64<<10)
	return &receipts{w: w, out: out, enc: json.NewEncoder(out)}
}

// begin writes the header; only then the batch's address is known to be worth telling.
func (o *receipts) begin(b *batchRun) {
	if statusOf(o.w) != 0 {
		return
	}
	status := http.StatusOK
	if !b.dry {
		o.w.Header().Set("Location", "/v1/batches/"+string(b.id))
		status = http.StatusAccepted
	}
	o.w.Header().Set("Content-Type", typeNDJSON+"; charset=utf-8")
	o.w.WriteHeader(status)
}

// write writes the verdicts of a chunk in the order of the file.
func (o *receipts) write(b *batchRun, verdicts []verdict) {
	if len(verdicts) == 0 {
		return
	}
	o.begin(b)
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return a.Line - b.Line })
	for _, v := range verdicts {
		if o.err == nil {
			o.err = o.enc.Encode(v)
		}
	}
	o.flush()
}

func (o *receipts) flush() {
	if o.err == nil {
		o.err = o.out.Flush()
	}
	if o.err == nil {
		_ = http.NewResponseController(o.w).Flush() // not supported by every test writer
	}
}

// end completes the answer. What went wrong after the first line is told in a last line of its own, under "problem";
// when the store is away it is cut, since rows without a verdict may have been taken.
func (o *receipts) end(s *Server, r *http.Request, b *batchRun, err error) error {
	var p *Problem
	if errors.As(err, &p) && statusOf(o.w) != 0 {
		o.err = errors.Join(o.err, o.enc.Encode(map[string]*Problem{"problem": p}))
		err = nil
	}
	if err == nil {
		o.begin(b)
		o.flush()
		err = o.err
	}
	return s.cutShort(o.w, r, err)
}

// errIdle is a rowSource's answer when no row has come for a moment.
var errIdle = errors.New("no row for a moment")

// idleAfter is how long the verdicts on rows that were read may wait for further rows.
const idleAfter = 100 * time.Millisecond

// pump reads rows in a goroutine of its own, so that verdicts go out while the next row is not there yet.
type pump struct {
	rows chan pumped
	stop chan struct{}
	done chan struct{}
	body *rollingBody
	// ended means that the last row was read: nothing waits for the client any more.
	ended bool
}

type pumped struct {
	row row
	err error
}

// pumpDepth is how many rows are read ahead.
const pumpDepth = 64

func newPump(rows rowSource, body *rollingBody) *pump {
	p := &pump{rows: make(chan pumped, pumpDepth), stop: make(chan struct{}), done: make(chan struct{}), body: body}
	go func() {
		defer close(p.done)
		for {
			var next pumped
			next.err = rows.next(&next.row)
			select {
			case p.rows <- next:
			case <-p.stop:
				return
			}
			if next.err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pump) next(r *row) error {
	select {
	case next := <-p.rows:
		return p.take(r, next)
	default:
	}
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	select {
	case next := <-p.rows:
		return p.take(r, next)
	case <-idle.C:
		return errIdle
	}
}

func (p *pump) take(r *row, next pumped) error {
	*r, p.ended = next.row, next.err != nil
	return next.err
}

// close ends the goroutine, also where it waits for the client.
func (p *pump) close() {
	close(p.stop)
	if !p.ended {
		p.body.interrupt()
	}
	<-p.done
}

// idle writes what is read and tells what came of it.
func (b *batchRun) idle(ctx context.Context) error {
	err := b.dispatch(ctx)
	for err == nil && len(b.queue) > 0 {
		err = b.gather(ctx)
	}
	return err
}
