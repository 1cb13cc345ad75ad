package intake

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// create writes the batch before its first rows, and touches it from then on until ctx ends.
func (b *batchRun) create(ctx context.Context) error {
	if b.written || b.dry {
		return nil
	}
	err := b.s.retry(ctx, func(ctx context.Context) error {
		return b.s.cfg.Store.CreateBatch(ctx, b.record())
	})
	b.written = err == nil
	if b.written {
		b.touching.Go(func() { b.touch(ctx) })
	}
	return err
}

// record is the batch as it begins: held, where its rows wait for its control totals.
func (b *batchRun) record() *topup.Batch {
	rec := &topup.Batch{ID: b.id, Merchant: b.merchant, Name: b.name, CreatedAt: b.started}
	if b.control != nil {
		rec.Hold = &topup.BatchHold{Reason: topup.CodeControlTotals, Since: b.started}
	}
	return rec
}

// touch writes the batch as it is every now and then, so that whoever looks sees that its intake lives. When an intake
// dies, the scheduler seals the batch after some time without.
func (b *batchRun) touch(ctx context.Context) {
	ticker := time.NewTicker(b.s.cfg.TouchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		write, cancel := b.s.writing(ctx)
		_, err := b.s.cfg.Store.UpdateBatch(write, b.id, func(*topup.Batch) error { return nil })
		cancel()
		if err != nil {
			b.s.log.Warn("running batch not touched", zap.String("batch", string(b.id)), zap.Error(err))
		}
	}
}

// seal closes the batch for new rows.
func (b *batchRun) seal(ctx context.Context) error {
	if err := b.s.retry(ctx, func(ctx context.Context) error { return b.update(ctx, true) }); err != nil {
		return err
	}
	b.s.log.Info("batch taken", zap.String("batch", string(b.id)), zap.String("merchant", string(b.merchant)),
		zap.Int64("accepted", b.accepted), zap.Int64("duplicates", b.duplicates), zap.Int64("rejected", b.rejected))
	return nil
}

// sealPart closes a batch that the store's failure has ended, so that the rows that were taken can still complete
// it; the merchant sends the file again in any case. While the store is away the batch stays open until the scheduler
// finds that it was left: its rows go their way.
func (b *batchRun) sealPart(ctx context.Context) {
	err := b.recount(ctx)
	if err == nil {
		err = b.update(ctx, true)
	}
	b.s.log.Warn("batch broken off", zap.String("batch", string(b.id)), zap.String("merchant", string(b.merchant)),
		zap.Int64("accepted", b.accepted), zap.Bool("sealed", err == nil), zap.Error(err))
}

// recount finds the rows of failed chunks that were written unseen.
func (b *batchRun) recount(ctx context.Context) error {
	ctx, cancel := b.s.writing(ctx)
	defer cancel()
	for _, ch := range b.failed {
		ids := make([]topup.ID, len(ch.candidates))
		for i, cand := range ch.candidates {
			ids[i] = cand.topup.ID
		}
		found, err := b.s.cfg.Store.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		for _, t := range found {
			if t != nil && t.Batch == b.id {
				b.accepted++
			}
		}
	}
	return nil
}

// update writes the counts.
func (b *batchRun) update(ctx context.Context, sealed bool) error {
	ctx, cancel := b.s.writing(ctx)
	defer cancel()
	_, err := b.s.cfg.Store.UpdateBatch(ctx, b.id, func(rec *topup.Batch) error {
		rec.Rows, rec.Accepted, rec.Duplicates, rec.Rejected = b.rows(), b.accepted, b.duplicates, b.rejected
		rec.Sealed = sealed
		return nil
	})
	return err
}

// answer says what came of the batch: as the ledger has it, or as it would be.
func (b *batchRun) answer(ctx context.Context, w http.ResponseWriter) error {
	if b.dry {
		writeJSON(w, http.StatusOK, batchAnswer{BatchView: b.local().View(), Errors: b.errors, PredictedCosts: b.prices.view(), Plan: b.plan.view(ctx)})
		return nil
	}
	ctx, cancel := b.s.writing(ctx)
	defer cancel()
	rec, err := b.s.cfg.Store.GetBatch(ctx, b.id)
	if err != nil { // it is taken all the same: answer with what we know
		b.s.log.Warn("batch not read back", zap.String("batch", string(b.id)), zap.Error(err))
		rec = b.local()
		rec.States = map[topup.State]int64{topup.Accepted: b.accepted}
	}
	w.Header().Set("Location", "/v1/batches/"+string(b.id))
	writeJSON(w, http.StatusAccepted, batchAnswer{BatchView: rec.View(), BatchID: &b.id, Errors: b.errors})
	return nil
}

// local is the batch as this run knows it.
func (b *batchRun) local() *topup.Batch {
	return &topup.Batch{
		Name: b.name, Rows: b.rows(), Accepted: b.accepted, Duplicates: b.duplicates, Rejected: b.rejected,
		Sealed: true, Requested: b.requested, Succeeded: map[string]topup.Money{}, CreatedAt: b.started,
	}
}
