package intake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"topupq/topup"
)

const (
	// maxLookupLines bounds a batch of lookups: what they find is kept in the ledger's Redis for a day.
	maxLookupLines = 10_000
	// lookupChunk is how many lookups are written, rung for or read in one step.
	lookupChunk = 500
)

// lookupBatchView is a batch of lookups as merchants see it. IDs has one entry per line, null where none was accepted.
type lookupBatchView struct {
	BatchID   string                    `json:"batch_id"`
	Lines     int                       `json:"lines"`
	Accepted  int                       `json:"accepted"`
	Rejected  int                       `json:"rejected"`
	CreatedAt time.Time                 `json:"created_at"`
	IDs       []*string                 `json:"ids,omitempty"`
	Errors    []RowError                `json:"errors,omitempty"`
	States    map[topup.LookupState]int `json:"states,omitempty"`
}

func viewLookupBatch(b *topup.LookupBatch) lookupBatchView {
	return lookupBatchView{BatchID: b.ID, Lines: b.Lines, Accepted: b.Accepted, Rejected: b.Rejected, CreatedAt: b.CreatedAt.UTC()}
}

// lookupLine is what came of one line of a batch.
type lookupLine struct {
	Line  int       `json:"line"`
	ID    string    `json:"id,omitempty"`
	Error *RowError `json:"error,omitempty"`
}

// lookupRun is one batch of lookups on its way.
type lookupRun struct {
	s     *Server
	batch topup.LookupBatch
	open  []*topup.Lookup
	lines []lookupLine
}

// createLookups takes a batch of lookups, one JSON object a line, and answers with their IDs. A bad line never stops
// the others.
func (s *Server) createLookups(w http.ResponseWriter, r *http.Request, c caller) error {
	typ, err := mediaType(r)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{typeNDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"}, typ) {
		return unsupported("Send " + typeNDJSON + ".")
	}
	done, ok := s.quota.upload(c.merchant.ID)
	if !ok {
		return tooMany("Too many uploads at the same time; finish one first.")
	}
	defer done()
	body, _, closeBody, err := s.openBody(w, r)
	if err != nil {
		return err
	}
	defer closeBody()
	run := &lookupRun{s: s, batch: topup.LookupBatch{ID: topup.NewLookupBatchID(), Merchant: c.merchant.ID, CreatedAt: s.now()}}
	err = run.take(context.WithoutCancel(r.Context()), newLineReader(body, s.cfg.Limits.Row))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Limits.Write)) // not supported by every test writer
	if err != nil {
		return err
	}
	return run.answer(w, r)
}

// take reads all lines. An error is the store's or the queue's: what was accepted before it is of no use to anybody.
func (u *lookupRun) take(ctx context.Context, lines *lineReader) error {
	for {
		text, long, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && lines.line > maxLookupLines {
			u.reject(RowError{Line: lines.line, Code: codeTooLarge, Message: fmt.Sprintf("a batch has at most %d lines; nothing after it was read", maxLookupLines)})
			break
		}
		if err != nil {
			u.reject(RowError{Line: lines.line, Code: codeStreamBroken, Message: "the body breaks off (" + causeOf(err) + "); nothing after it was read"})
			break
		}
		u.add(lines.line, text, long)
		if len(u.open) >= lookupChunk {
			if err := u.write(ctx); err != nil {
				return err
			}
		}
	}
	if u.batch.Lines == 0 {
		return malformed("There are no lines.")
	}
	if err := u.write(ctx); err != nil {
		return err
	}
	put, cancel := u.s.writing(ctx)
	defer cancel()
	return u.s.cfg.Store.PutLookupBatch(put, &u.batch, lookupTTL)
}

func (u *lookupRun) reject(e RowError) {
	u.batch.Lines, u.batch.Rejected = e.Line, u.batch.Rejected+1
	u.lines = append(u.lines, lookupLine{Line: e.Line, Error: &e})
}

// add judges one line.
func (u *lookupRun) add(line int, text []byte, long bool) {
	if long {
		u.reject(*tooLongRow(line, u.s.cfg.Limits.Row))
		return
	}
	v, err := parseJSON(string(text))
	if err != nil {
		u.reject(*malformedRow(line, "not JSON that can be taken: "+err.Error()))
		return
	}
	var m mistakes
	l := u.s.readLookup(&v, &m)
	if len(m.list) > 0 {
		u.reject(rejected(line, "", m.list))
		return
	}
	l.ID, l.Merchant = topup.NewLookupIDIn(u.batch.ID, line), u.batch.Merchant
	u.batch.Lines, u.batch.Accepted = line, u.batch.Accepted+1
	u.open = append(u.open, l)
	u.lines = append(u.lines, lookupLine{Line: line, ID: l.ID})
}

// write keeps the open lookups and rings for them.
func (u *lookupRun) write(ctx context.Context) error {
	if len(u.open) == 0 {
		return nil
	}
	ids := make([]string, len(u.open))
	for i, l := range u.open {
		ids[i] = l.ID
	}
	put, cancel := u.s.writing(ctx)
	defer cancel()
	if err := u.s.cfg.Store.PutLookups(put, u.open, lookupTTL); err != nil {
		return err
	}
	u.open = u.open[:0]
	return u.s.ringLookups(ctx, ids)
}

// answer tells what came of each line: as one object, or as a line each.
func (u *lookupRun) answer(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Location", "/v1/lookups/batches/"+u.batch.ID)
	if wanted(r, typeJSON, typeNDJSON) == typeNDJSON {
		w.Header().Set("Content-Type", typeNDJSON)
		w.WriteHeader(http.StatusAccepted)
		out := json.NewEncoder(w)
		for _, line := range u.lines {
			if err := out.Encode(line); err != nil {
				return nil //nolint:nilerr // the client is gone
			}
		}
		return nil
	}
	view := viewLookupBatch(&u.batch)
	view.IDs, view.Errors = make([]*string, u.batch.Lines), []RowError{}
	for _, line := range u.lines {
		if line.Error == nil {
			view.IDs[line.Line-1] = &line.ID
		} else if len(view.Errors) < maxRowErrors {
			view.Errors = append(view.Errors, *line.Error)
		}
	}
	writeJSON(w, http.StatusAccepted, view)
	return nil
}

// getLookups answers with what a batch of lookups has found so far: a line each, or the counts as one object.
func (s *Server) getLookups(w http.ResponseWriter, r *http.Request, c caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	b, err := s.cfg.Store.GetLookupBatch(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if b.Merchant != c.merchant.ID {
		return notFound()
	}
	if wait := s.preferWait(r); wait > 0 {
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
		s.awaitLookups(r.Context(), b, wait)
	}
	if wanted(r, typeNDJSON, typeJSON) == typeNDJSON {
		return s.streamLookups(w, r, b)
	}
	view := viewLookupBatch(b)
	if view.States, err = s.lookupStates(r.Context(), b); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

// awaitStep is how many lookups are looked at together while a client waits for all of them.
const awaitStep = 50

// awaitLookups waits until none of a batch's lookups is queued. Each look goes on where the last one found one that was.
func (s *Server) awaitLookups(ctx context.Context, b *topup.LookupBatch, wait time.Duration) {
	next := 1
	s.await(ctx, wait, func(ctx context.Context) (bool, error) {
		for next <= b.Lines {
			found, err := s.cfg.Store.GetLookups(ctx, lookupIDs(b, next, awaitStep))
			if err != nil {
				return false, err
			}
			for _, l := range found {
				if l != nil && l.State == topup.LookupQueued {
					return false, nil
				}
				next++
			}
		}
		return true, nil
	})
}

// lookupIDs are the IDs of up to n lines of a batch.
func lookupIDs(b *topup.LookupBatch, first, n int) []string {
	ids := make([]string, 0, n)
	for line := first; line < first+n && line <= b.Lines; line++ {
		ids = append(ids, topup.NewLookupIDIn(b.ID, line))
	}
	return ids
}

// lookupStates counts a batch's lookups.
func (s *Server) lookupStates(ctx context.Context, b *topup.LookupBatch) (map[topup.LookupState]int, error) {
	states := map[topup.LookupState]int{topup.LookupQueued: 0, topup.LookupDone: 0, topup.LookupFailed: 0}
	err := s.eachLookup(ctx, b, func(_ int, l *topup.Lookup) error {
		states[l.State]++
		return nil
	})
	return states, err
}

// streamLookups writes a batch's lookups in the order of their lines.
func (s *Server) streamLookups(w http.ResponseWriter, r *http.Request, b *topup.LookupBatch) error {
	w.Header().Set("Content-Type", typeNDJSON)
	out := bufio.NewWriterSize(s.streamTo(w), 64<<10)
	enc := json.NewEncoder(out)
	err := s.eachLookup(r.Context(), b, func(line int, l *topup.Lookup) error {
		return enc.Encode(struct {
			Line int `json:"line"`
			lookupView
		}{line, viewLookup(l)})
	})
	if err == nil {
		err = out.Flush()
	}
	return s.cutShort(w, r, err)
}

// eachLookup visits a batch's lookups in the order of their lines, some at a time.
func (s *Server) eachLookup(ctx context.Context, b *topup.LookupBatch, visit func(line int, l *topup.Lookup) error) error {
	for first := 1; first <= b.Lines; first += lookupChunk {
		read, cancel := s.reading(ctx)
		found, err := s.cfg.Store.GetLookups(read, lookupIDs(b, first, lookupChunk))
		cancel()
		if err != nil {
			return err
		}
		s.ringLost(ctx, found)
		for i, l := range found {
			if l == nil {
				continue
			}
			if err := visit(first+i, l); err != nil {
				return err
			}
		}
	}
	return nil
}
