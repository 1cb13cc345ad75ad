package intake

import (
	"context"

	"go.uber.org/zap"

	"topupq/topup"
)

// conclude releases a batch with control totals when they match, and leaves it held when they do not. An upload that
// was cut off earlier left its rows held in a batch of their own: when this file has all of them, they go as well.
func (b *batchRun) conclude(ctx context.Context) error {
	if b.control == nil {
		return nil
	}
	if wrong := b.control.mismatches(); len(wrong) > 0 {
		released, err := b.released(ctx)
		if err != nil {
			return err
		}
		b.s.log.Warn("control totals do not match", zap.String("batch", string(b.id)), zap.String("merchant", string(b.merchant)), zap.Bool("held", !released))
		return mismatch(b, wrong, released)
	}
	if b.dry {
		return nil
	}
	for id, rows := range b.control.earlier {
		if err := b.completes(ctx, id, rows); err != nil {
			return err
		}
	}
	if released, err := b.released(ctx); err != nil || released {
		return err
	}
	return b.s.retry(ctx, func(ctx context.Context) error { return b.s.matched(ctx, b.id) })
}

// released reports whether the batch was released while its file was being read, and has the rows woken that have come in
// since: they were withheld like the others.
func (b *batchRun) released(ctx context.Context) (released bool, err error) {
	if b.dry || !b.written {
		return false, nil
	}
	err = b.s.retry(ctx, func(ctx context.Context) error {
		_, err := b.s.cfg.Store.UpdateBatch(ctx, b.id, func(rec *topup.Batch) error {
			if released = rec.Hold == nil && !rec.ReleasedAt.IsZero(); !released {
				return topup.ErrUnchanged
			}
			rec.Wake = true
			return nil
		})
		return err
	})
	return released, err
}

// completes releases an earlier batch whose control totals did not match, if all its rows are in this file.
func (b *batchRun) completes(ctx context.Context, id topup.BatchID, rows int64) error {
	return b.s.retry(ctx, func(ctx context.Context) error {
		earlier, err := b.s.cfg.Store.GetBatch(ctx, id)
		if err != nil {
			return err
		}
		if earlier.Merchant != b.merchant || earlier.Hold == nil || earlier.Hold.Reason != topup.CodeControlTotals || !covers(earlier, rows) {
			return nil
		}
		b.s.log.Info("earlier batch completed", zap.String("batch", string(id)), zap.String("by", string(b.id)))
		return b.s.matched(ctx, id)
	})
}

// covers reports whether rows are all that the ledger counts of a batch.
func covers(b *topup.Batch, rows int64) bool {
	var all int64
	for _, n := range b.States {
		all += n
	}
	return rows == all
}

// matched ends the hold for control totals. A hold of another reason stays, and its pause with it: somebody has stopped the
// batch while its file was being read.
func (s *Server) matched(ctx context.Context, id topup.BatchID) error {
	now := s.now()
	_, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error {
		if b.Hold == nil || b.Hold.Reason != topup.CodeControlTotals {
			return topup.ErrUnchanged
		}
		return b.Release(now)
	})
	return err
}

// release ends the hold of a batch. The record comes first: it alone decides about rows that were withheld. That they
// are to be woken is in it too, so that a crash after it costs nothing.
func (s *Server) release(ctx context.Context, id topup.BatchID) error {
	now := s.now()
	if _, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error { return b.Release(now) }); err != nil {
		return err
	}
	return s.alignPause(ctx, id)
}
