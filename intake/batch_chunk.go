package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"topupq/topup"
)

// chunk is a number of rows that are written in one step. Every reference is in it once; rows that repeat one are
// compared with it afterwards.
type chunk struct {
	candidates []candidate
	index      map[topup.ID]int
	repeats    []candidate
	rows       int

	result chunkResult
	// refused has the code of the limit that keeps a candidate out, "" for none.
	refused []string
	// stored is closed when the ledger has answered, done when everything is finished. err is set before stored,
	// unsettled before done.
	stored, done   chan struct{}
	err, unsettled error
}

// failure is why the chunk's rows are not all accounted for, nil when they are. Only after done.
func (c *chunk) failure() error { return errors.Join(c.err, c.unsettled) }

// chunkResult is what came of the rows of a chunk.
type chunkResult struct {
	accepted, duplicates, rejected int64
	// requested sums the accepted rows per currency.
	requested map[string]topup.Money
	errors    []RowError
	// earlier counts rows that an earlier batch has, by that batch.
	earlier map[topup.BatchID]int64
	// verdicts are those on all rows, kept only where they are told.
	telling  bool
	verdicts []verdict
	// planned are the rows that a validation would accept.
	planned []*topup.Topup
}

func (r *chunkResult) tell(v verdict) {
	if r.telling {
		r.verdicts = append(r.verdicts, v)
	}
}

func (b *batchRun) newChunk() *chunk {
	return &chunk{
		index: map[topup.ID]int{}, stored: make(chan struct{}), done: make(chan struct{}),
		result: chunkResult{requested: map[string]topup.Money{}, telling: b.receipts != nil},
	}
}

// reject counts a row that is not taken.
func (c *chunk) reject(e RowError) {
	c.rows++
	c.result.reject(e)
}

func (r *chunkResult) reject(e RowError) {
	r.rejected++
	r.tell(verdict{Line: e.Line, Reference: e.Reference, Verdict: verdictRejected, Code: e.Code, Field: e.Field, Message: e.Message})
	if len(r.errors) < 2*maxRowErrors { // enough for the first hundred after sorting
		r.errors = append(r.errors, e)
	}
}

// firstErrors are up to n errors in the order of the file.
func (r *chunkResult) firstErrors(n int) []RowError {
	slices.SortStableFunc(r.errors, func(a, b RowError) int { return a.Line - b.Line })
	return r.errors[:min(max(n, 0), len(r.errors))]
}

// fits reports whether cand may be in this chunk: a repeat of a row that is expired, or the other way round, cannot,
// because one of the two is only looked up.
func (c *chunk) fits(cand candidate) bool {
	i, there := c.index[cand.topup.ID]
	return !there || (!cand.expired && !c.candidates[i].expired)
}

func (c *chunk) add(cand candidate) {
	c.rows++
	if _, there := c.index[cand.topup.ID]; there {
		c.repeats = append(c.repeats, cand)
		return
	}
	c.index[cand.topup.ID] = len(c.candidates)
	c.candidates = append(c.candidates, cand)
}

// storeRetries are the waits before a chunk is tried again when the store is away for a moment.
var storeRetries = [...]time.Duration{100 * time.Millisecond, 400 * time.Millisecond}

// write puts a chunk into the ledger after the chunk before it, rings for what is new, and tells that it is done.
// Where the chunk before has failed nothing is written.
func (b *batchRun) write(ctx context.Context, ch, before *chunk) {
	defer close(ch.done)
	var existing []*topup.Topup
	ch.err = b.s.guarded(func() (err error) {
		if before != nil {
			if <-before.stored; before.err != nil {
				return before.err
			}
		}
		existing, err = b.store(ctx, ch)
		return err
	})
	close(ch.stored)
	if ch.err == nil {
		ch.unsettled = b.s.guarded(func() error {
			b.settle(ctx, ch, existing)
			return nil
		})
	}
}

// settle counts the rows of a chunk by what the ledger had, and rings for the new ones.
func (b *batchRun) settle(ctx context.Context, ch *chunk, existing []*topup.Topup) {
	due := map[topup.ProviderName][]topup.Due{}
	for i, cand := range ch.candidates {
		if code := ch.refused[i]; code != "" {
			ch.result.reject(limitRow(cand.topup, code))
			continue
		}
		if !ch.result.settle(cand, existing[i], b.id) {
			continue
		}
		if b.dry {
			ch.result.planned = append(ch.result.planned, cand.topup)
		} else if invited(cand.topup) {
			t := cand.topup
			due[t.Provider] = append(due[t.Provider], topup.Due{ID: t.ID, State: t.State, Round: t.Attempts})
		}
	}
	for _, cand := range ch.repeats {
		i := ch.index[cand.topup.ID]
		if code := ch.refused[i]; code != "" {
			ch.result.reject(limitRow(cand.topup, code))
			continue
		}
		first := existing[i]
		if first == nil {
			first = ch.candidates[i].topup
		}
		ch.result.compare(cand, first)
	}
	for p, list := range due {
		b.s.ringSends(ctx, p, list)
	}
}

// store creates what is new and returns what was there before, in order. While the store is away it tries again: a
// row that was written unseen is recognised by its batch and line.
func (b *batchRun) store(ctx context.Context, ch *chunk) (existing []*topup.Topup, err error) {
	cands := ch.candidates
	existing = make([]*topup.Topup, len(cands))
	var end func()
	if ch.refused, end, err = b.grant(ctx, cands, existing); err != nil {
		return nil, err
	}
	defer end()
	var fresh []*topup.Topup
	var freshAt, oldAt []int
	var old []topup.ID
	for i, cand := range cands {
		if existing[i] != nil || ch.refused[i] != "" {
			continue
		}
		if cand.expired || b.dry {
			old, oldAt = append(old, cand.topup.ID), append(oldAt, i)
		} else {
			fresh, freshAt = append(fresh, cand.topup), append(freshAt, i)
		}
	}
	b.s.invite(ctx, fresh)
	err = b.s.retry(ctx, func(ctx context.Context) error {
		if len(fresh) > 0 {
			created, err := b.s.cfg.Store.Create(ctx, fresh)
			if err != nil {
				return err
			}
			for n, c := range created {
				existing[freshAt[n]] = c.Existing
			}
		}
		if len(old) == 0 {
			return nil
		}
		find := b.s.known
		if b.dry { // all rows of a file are looked up: what has gone to the archive would take a question each
			find = b.s.cfg.Store.GetMany
		}
		found, err := find(ctx, old)
		for n, t := range found {
			existing[oldAt[n]] = t
		}
		return err
	})
	return existing, err
}

// retry calls do until it does not find the store away, a few times, within the time of one call of the store.
func (s *Server) retry(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	for try := 0; ; try++ {
		err := do(ctx)
		if !errors.Is(err, topup.ErrUnavailable) || try == len(storeRetries) {
			return err
		}
		wait := time.NewTimer(storeRetries[try])
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}

// settle counts a row by what the ledger had under its reference, and reports whether it is new.
func (r *chunkResult) settle(cand candidate, existing *topup.Topup, batch topup.BatchID) bool {
	t := cand.topup
	echo := existing != nil && t.Batch == batch && existing.Batch == batch && existing.Line == t.Line
	switch {
	case existing != nil && !echo:
		if r.compare(cand, existing) && existing.Batch != "" {
			if r.earlier == nil {
				r.earlier = map[topup.BatchID]int64{}
			}
			r.earlier[existing.Batch]++
		}
		return false
	case existing == nil && cand.expired:
		r.reject(rejected(t.Line, t.Reference, []FieldError{expiredError()}))
		return false
	}
	r.accepted++
	r.tell(verdict{Line: t.Line, Reference: t.Reference, Verdict: verdictAccepted, ID: t.ID})
	r.requested[t.Amount.Currency] = addMoney(r.requested[t.Amount.Currency], t.Amount)
	return true
}

// compare counts a row whose reference is taken: a duplicate where it asks for the same, which it reports, else
// rejected.
func (r *chunkResult) compare(cand candidate, existing *topup.Topup) bool {
	if cand.sameAs(existing) {
		r.duplicates++
		r.tell(verdict{Line: cand.topup.Line, Reference: cand.topup.Reference, Verdict: verdictDuplicate, ID: existing.ID})
		return true
	}
	r.reject(conflictRow(cand.topup))
	return false
}

func conflictRow(t *topup.Topup) RowError {
	return RowError{
		Line: t.Line, Reference: t.Reference, Code: codeConflict, Field: "reference",
		Message: "the reference is taken by a top-up that asks for something else",
	}
}
