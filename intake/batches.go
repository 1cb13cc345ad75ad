package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"topupq/topup"
)

// maxBatchName bounds the name of a batch, in characters.
const maxBatchName = 200

// batchAnswer is the answer to an upload. BatchID is null when nothing was written.
type batchAnswer struct {
	topup.BatchView
	BatchID *topup.BatchID `json:"batch_id"`
	Errors  []RowError     `json:"errors"`
	// PredictedCosts is what a validation expects the rows to cost, as far as prices are published.
	PredictedCosts *pricesView `json:"predicted_costs,omitempty"`
	// Plan is what a validation foretells.
	Plan *planView `json:"plan,omitempty"`
}

// createBatch takes a batch of any length: 202 with the counts, 200 when it was only to be validated. Rows that
// cannot be taken are counted and the first hundred named.
func (s *Server) createBatch(w http.ResponseWriter, r *http.Request, c caller) error {
	run, err := s.newRun(r, c)
	if err != nil {
		return err
	}
	done, ok := s.quota.upload(c.merchant.ID)
	if !ok {
		return tooMany("Too many uploads at the same time; finish one first.")
	}
	defer done()
	if wanted(r, typeJSON, typeNDJSON) == typeNDJSON {
		run.receipts = s.newReceipts(w)
	}
	body, wire, closeBody, err := s.openBody(w, r)
	if err != nil {
		return err
	}
	defer closeBody()
	rows, err := s.openRows(r, body)
	if err != nil {
		return err
	}
	if run.receipts != nil {
		pumped := newPump(rows, wire)
		defer pumped.close()
		rows = pumped
	}
	err = run.take(context.WithoutCancel(r.Context()), rows)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Limits.Write)) // not supported by every test writer
	if run.receipts != nil {
		return run.receipts.end(s, r, run, err)
	}
	if err != nil {
		return err
	}
	return run.answer(r.Context(), w)
}

func (s *Server) newRun(r *http.Request, c caller) (*batchRun, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	run := &batchRun{
		s: s, merchant: c.merchant.ID, name: q.Get("name"), id: topup.NewBatchID(), started: s.now(),
		limits: batchLimits{limits: c.merchant.Limits}, errors: []RowError{}, requested: map[string]topup.Money{},
	}
	if run.control, err = readControl(q); err != nil {
		return nil, err
	}
	if text := q.Get("validate_only"); text != "" {
		if run.dry, err = strconv.ParseBool(text); err != nil {
			return nil, malformed("validate_only must be true or false.")
		}
	}
	if run.dry {
		run.plan = s.newPlan()
	}
	if utf8.RuneCountInString(run.name) > maxBatchName || !utf8.ValidString(run.name) || !plainText(run.name) {
		return nil, malformed("name must be plain text of at most 200 characters.")
	}
	return run, nil
}

// batchRun is one upload on its way into the ledger. Rows are read by one goroutine and written in chunks by others;
// what came of them is gathered in the order of the file.
type batchRun struct {
	s        *Server
	merchant topup.MerchantID
	name     string
	id       topup.BatchID
	started  time.Time
	dry      bool
	written  bool
	seen     seenRows
	// touching is the goroutine that keeps the batch from being taken for left.
	touching sync.WaitGroup

	open, last *chunk
	queue      []*chunk
	failed     []*chunk

	accepted, duplicates, rejected int64
	requested                      map[string]topup.Money
	errors                         []RowError
	gathered                       int
	prices                         prices
	plan                           *plan
	limits                         batchLimits
	foreseen                       foreseen
	// control is what the file is expected to hold; its rows are withheld until it is known to. nil for no expectation.
	control *control
	// receipts tells the verdict on every row, nil where only the counts are wanted.
	receipts *receipts
}

// chunksInFlight bounds the chunks that wait for the ledger or ring.
const chunksInFlight = 4

// chunksPerUpdate is how often the counts of an unfinished batch are written, for those who watch it.
const chunksPerUpdate = 40

// take reads all rows and writes them. An error is the store's, or a refusal of the whole body before its first
// row. Whatever happens, no goroutine is left behind.
func (b *batchRun) take(ctx context.Context, rows rowSource) error {
	ctx, cancel := context.WithCancel(ctx)
	defer b.touching.Wait()
	defer cancel()
	err := b.readAll(ctx, rows)
	if err == nil {
		err = b.dispatch(ctx)
	}
	for len(b.queue) > 0 {
		if failed := b.gather(ctx); err == nil {
			err = failed
		}
	}
	if err == nil && b.rows() == 0 {
		return malformed("There are no rows.")
	}
	if b.dry || !b.written {
		if err == nil {
			err = b.conclude(ctx)
		}
		return err
	}
	if err != nil {
		b.sealPart(ctx)
		return err
	}
	if err := b.seal(ctx); err != nil {
		return err
	}
	return b.conclude(ctx)
}

func (b *batchRun) rows() int64 { return b.accepted + b.duplicates + b.rejected }

func (b *batchRun) readAll(ctx context.Context, rows rowSource) error {
	var r row
	b.open = b.newChunk()
	for {
		err := rows.next(&r)
		var broken *brokenError
		switch {
		case errors.Is(err, errIdle):
			if err := b.idle(ctx); err != nil {
				return err
			}
			continue
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &broken):
			b.open.reject(broken.rowError())
			b.control.breaks()
			return nil
		case err != nil:
			return err
		}
		if err := b.add(ctx, &r); err != nil {
			return err
		}
	}
}

// add judges a row and puts it into the open chunk.
func (b *batchRun) add(ctx context.Context, r *row) error {
	b.control.see(r)
	switch cand, ok := b.judge(r); {
	case !ok:
	case b.dry && b.seen.repeats(b.open, cand):
	default:
		if !b.open.fits(cand) {
			if err := b.dispatch(ctx); err != nil {
				return err
			}
		}
		b.open.add(cand)
	}
	if b.open.rows < b.s.cfg.ChunkRows {
		return nil
	}
	return b.dispatch(ctx)
}

// judge turns a row into a candidate, or rejects it.
func (b *batchRun) judge(r *row) (candidate, bool) {
	if r.lost != nil {
		b.open.reject(*r.lost)
		return candidate{}, false
	}
	cand := b.s.rules.topup(&r.request, b.merchant, b.s.now(), &r.wrong)
	if len(r.wrong.list) > 0 {
		b.open.reject(rejected(r.line, r.request.Reference, r.wrong.list))
		return candidate{}, false
	}
	cand.topup.Line = r.line
	if !b.dry {
		cand.topup.Batch = b.id
	}
	if b.control != nil && !b.dry && !cand.expired {
		if err := cand.topup.Withhold(); err != nil {
			b.open.reject(*malformedRow(r.line, "cannot be held back until the control totals are known"))
			return candidate{}, false
		}
	}
	return cand, true
}

// dispatch starts the writing of the open chunk and opens the next one. Chunks are stored one after another, so that
// the first row of a reference wins and the ledger has the rows in the order of the file; meanwhile the next rows
// are read and the last ones rung for.
func (b *batchRun) dispatch(ctx context.Context) error {
	ch := b.open
	b.open = b.newChunk()
	if ch.rows == 0 {
		return nil
	}
	if err := b.create(ctx); err != nil {
		return err
	}
	for len(b.queue) >= chunksInFlight {
		if err := b.gather(ctx); err != nil {
			return err
		}
	}
	before := b.last
	b.last = ch
	b.queue = append(b.queue, ch)
	go b.write(ctx, ch, before)
	return nil
}

// gather waits for the oldest chunk and adds what came of it.
func (b *batchRun) gather(ctx context.Context) error {
	ch := b.queue[0]
	b.queue = b.queue[1:]
	<-ch.done
	if err := ch.failure(); err != nil {
		b.failed = append(b.failed, ch)
		return err
	}
	b.accepted += ch.result.accepted
	b.duplicates += ch.result.duplicates
	b.rejected += ch.result.rejected
	for currency, sum := range ch.result.requested {
		b.requested[currency] = addMoney(b.requested[currency], sum)
	}
	for i, code := range ch.refused {
		if b.dry && code != "" {
			b.plan.over.note(code, ch.candidates[i].topup.Line)
		}
	}
	for _, t := range ch.result.planned {
		cost, known := b.price(ctx, t)
		b.plan.add(ctx, t, cost, known)
	}
	if b.receipts != nil {
		b.receipts.write(b, ch.result.verdicts)
	}
	b.control.add(ch.result.earlier)
	room := maxRowErrors - len(b.errors)
	b.errors = append(b.errors, ch.result.firstErrors(room)...)
	if b.gathered++; b.gathered%chunksPerUpdate == 0 && !b.dry {
		b.progress(ctx)
	}
	return nil
}

// progress writes the counts so far. Nothing depends on it.
func (b *batchRun) progress(ctx context.Context) {
	if err := b.update(ctx, false); err != nil {
		b.s.log.Warn("counts of a running batch not written", zap.String("batch", string(b.id)), zap.Error(err))
	}
}

func addMoney(a, b topup.Money) topup.Money {
	return topup.Money{Amount: a.Amount.Add(b.Amount), Currency: b.Currency}
}
