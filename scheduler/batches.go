package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// leftAfter is how long a batch that is not sealed may stand untouched: a living intake touches it every minute while
// it reads. The scheduler counts by its own clock, from when it first saw the batch as it is.
const leftAfter = 5 * time.Minute

// seenBatch is a batch that is not sealed as it was at a time.
type seenBatch struct {
	rev uint32
	at  time.Time
}

// batches closes the batches whose last row is closed, and owes their merchants batch.completed. One that cannot be
// read does not keep the others from closing.
func (s *Scheduler) batches(ctx context.Context) error {
	now := s.cfg.Now()
	ids, err := s.cfg.Store.DueBatches(ctx, now, now.Add(s.cfg.RescueAfter), perTick)
	if err != nil {
		return fmt.Errorf("find due batches: %w", err)
	}
	var errs []error
	for _, id := range ids {
		if err := s.closeBatch(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("close batch %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// errAsleep means that the rows of a released batch are to be woken first.
var errAsleep = errors.New("rows are still to be woken")

func (s *Scheduler) closeBatch(ctx context.Context, id topup.BatchID) error {
	now := s.cfg.Now()
	left := false
	b, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error {
		if b.Wake {
			return errAsleep
		}
		if left = s.left(b, now); left {
			if err := b.SealLeft(); err != nil {
				return err
			}
			if err := b.Close(now); !errors.Is(err, topup.ErrNotAllowed) {
				return err
			}
			return nil // sealed; its last row rings again
		}
		return b.Close(now)
	})
	switch {
	case errors.Is(err, errAsleep):
		return s.wakeBatch(ctx, id, now)
	case errors.Is(err, topup.ErrNotFound):
		delete(s.unsealed, id)
		return s.cfg.Store.ForgetDueBatch(ctx, id)
	case errors.Is(err, topup.ErrNotAllowed):
		return nil // rows are still open: the last one rings again
	case err != nil:
		return err
	}
	delete(s.unsealed, id)
	if left {
		s.cfg.Log.Warn("batch was left by its intake and is sealed as far as it came", zap.String("batch", string(id)), zap.Int64("accepted", b.Accepted))
	}
	if b.ClosedAt.IsZero() {
		return nil
	}
	s.cfg.Log.Info("batch closed", zap.String("batch", string(id)), zap.Int64("accepted", b.Accepted))
	return s.cfg.Store.ForgetDueBatch(ctx, id)
}

// wakeBatch makes the rows of a batch due that was released, and looks at it again. Cut short it begins anew: waking a
// row twice changes nothing.
func (s *Scheduler) wakeBatch(ctx context.Context, id topup.BatchID, now time.Time) error {
	if err := s.cfg.Store.WakeBatch(ctx, id, now); err != nil {
		return err
	}
	_, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error {
		b.Wake = false
		return nil
	})
	return err
}

// left reports whether a batch that is not sealed has stood untouched for leftAfter under our eyes.
func (s *Scheduler) left(b *topup.Batch, now time.Time) bool {
	if b.Sealed {
		delete(s.unsealed, b.ID)
		return false
	}
	seen, ok := s.unsealed[b.ID]
	if !ok || seen.rev != b.Rev {
		s.unsealed[b.ID] = seenBatch{b.Rev, now}
		return false
	}
	return now.Sub(seen.at) >= leftAfter
}
