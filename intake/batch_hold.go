package intake

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// holdBatch stops the rows that were not sent yet, within a second.
func (s *Server) holdBatch(w http.ResponseWriter, r *http.Request, c caller) error {
	b, err := s.loadBatch(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.hold(r.Context(), b.ID, topup.CodeBatchHeld); err != nil {
		return holdError(err)
	}
	s.log.Info("batch held", zap.String("batch", string(b.ID)), zap.String("merchant", string(b.Merchant)))
	return s.answerBatch(w, r, c, b.ID)
}

// hold writes the hold, and the pause that the workers look at. The record comes second: where it shows the hold, the
// pause is in force.
func (s *Server) hold(ctx context.Context, id topup.BatchID, why topup.Code) error {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	now := s.now()
	scope := topup.PauseScope{Kind: topup.PauseByHold, Name: string(id)}
	if err := s.cfg.Store.SetPause(ctx, scope, topup.Pause{Reason: why, Actor: topup.ActorMerchant, Since: now}); err != nil {
		return err
	}
	_, err := s.cfg.Store.UpdateBatch(ctx, id, func(b *topup.Batch) error { return b.HoldBack(why, now) })
	if errors.Is(err, topup.ErrNotAllowed) {
		return errors.Join(err, s.cfg.Store.EndPause(ctx, scope))
	}
	if err != nil && !errors.Is(err, topup.ErrUnchanged) {
		return err
	}
	return s.alignPause(ctx, id)
}

// alignTries bounds how often alignPause begins anew because others hold and release the same batch.
const alignTries = 8

// alignPause brings the pause of a batch in line with its record: holds and releases write both, and may come at the same
// moment. Rows that wait for control totals need no pause, since they are withheld.
func (s *Server) alignPause(ctx context.Context, id topup.BatchID) error {
	scope := topup.PauseScope{Kind: topup.PauseByHold, Name: string(id)}
	b, err := s.cfg.Store.GetBatch(ctx, id)
	for range alignTries {
		if err != nil {
			return err
		}
		held := b.Hold
		if held != nil && held.Reason != topup.CodeControlTotals {
			err = s.cfg.Store.SetPause(ctx, scope, topup.Pause{Reason: held.Reason, Actor: topup.ActorMerchant, Since: held.Since})
		} else {
			err = s.cfg.Store.EndPause(ctx, scope)
		}
		if err != nil {
			return err
		}
		if b, err = s.cfg.Store.GetBatch(ctx, id); err == nil && sameHold(held, b.Hold) {
			return nil
		}
	}
	return topup.ErrContention
}

func sameHold(a, b *topup.BatchHold) bool {
	return a == b || a != nil && b != nil && a.Reason == b.Reason && a.Since.Equal(b.Since)
}

func holdError(err error) error {
	if errors.Is(err, topup.ErrNotAllowed) {
		return problem(http.StatusConflict, codeNotHoldable, "The batch is closed: the outcome of every row is known.")
	}
	return err
}

// releaseBatch lets a batch go on, whoever of the merchant's side has held it. An operator's pause stays.
func (s *Server) releaseBatch(w http.ResponseWriter, r *http.Request, c caller) error {
	b, err := s.loadBatch(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, cancel := s.writing(r.Context())
	defer cancel()
	if err := s.release(ctx, b.ID); err != nil {
		return err
	}
	s.log.Info("batch released", zap.String("batch", string(b.ID)), zap.String("merchant", string(b.Merchant)))
	return s.answerBatch(w, r, c, b.ID)
}

func (s *Server) answerBatch(w http.ResponseWriter, r *http.Request, c caller, id topup.BatchID) error {
	b, err := s.loadBatch(r.Context(), c, string(id))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, b.View())
	return nil
}

// batchCancelled is the answer to the cancellation of a batch.
type batchCancelled struct {
	topup.BatchView
	// Cancelled counts the rows that this call has closed; Done means that no row is left that could be.
	Cancelled int64 `json:"cancelled"`
	Done      bool  `json:"done"`
}

const (
	// cancelTime bounds one call; what is left is cancelled by the next one, and not sent in between.
	cancelTime = 25 * time.Second
	// cancelAtOnce is how many rows are cancelled at the same time.
	cancelAtOnce = 32
)

// cancelBatch closes every row that provably was not sent: 200 when all are, 202 when the call has to be repeated. From
// its first moment on nothing further is sent.
func (s *Server) cancelBatch(w http.ResponseWriter, r *http.Request, c caller) error {
	reason, err := readReason(r)
	if err != nil {
		return err
	}
	b, err := s.loadBatch(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.hold(r.Context(), b.ID, topup.CodeBatchCancelled); err != nil {
		return holdError(err)
	}
	ctl := http.NewResponseController(w)
	_ = ctl.SetWriteDeadline(time.Now().Add(cancelTime + s.cfg.Limits.Write)) // not supported by every test writer
	n, done, err := s.cancelRows(r.Context(), c, b, reason)
	if err == nil && done {
		ctx, cancel := s.writing(r.Context())
		defer cancel()
		err = s.release(ctx, b.ID) // what is left may have been sent, and has to go on to its outcome
	}
	if err != nil {
		return err
	}
	s.log.Info("batch cancelled", zap.String("batch", string(b.ID)), zap.String("merchant", string(b.Merchant)), zap.Int64("rows", n), zap.Bool("done", done))
	if b, err = s.loadBatch(r.Context(), c, string(b.ID)); err != nil {
		return err
	}
	status := http.StatusOK
	if !done {
		status = http.StatusAccepted
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, batchCancelled{BatchView: b.View(), Cancelled: n, Done: done})
	return nil
}

// cancelRows cancels the rows of a batch, and reports how many and whether it came to the end of them.
func (s *Server) cancelRows(ctx context.Context, c caller, b *topup.Batch, reason string) (int64, bool, error) {
	deadline := time.Now().Add(cancelTime)
	q := topup.Query{
		Merchant: c.merchant.ID, Batch: b.ID, From: b.CreatedAt, Limit: maxPage,
		States: []topup.State{topup.Accepted, topup.Held, topup.Submitting, topup.Unknown},
	}
	var n atomic.Int64
	for {
		page, err := s.findTopups(ctx, q, "")
		if err != nil {
			return n.Load(), false, err
		}
		if err := s.cancelAll(ctx, c, page.Topups, reason, &n); err != nil {
			return n.Load(), false, err
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return n.Load(), b.Sealed, nil
		}
		if time.Now().After(deadline) {
			return n.Load(), false, nil
		}
	}
}

// withdraw keeps a row that cannot be cancelled from being sent again, should its first send prove not to have arrived.
func (s *Server) withdraw(ctx context.Context, id topup.ID, c caller) error {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	now := s.now()
	_, err := s.cfg.Store.Update(ctx, id, func(t *topup.Topup) error {
		if t.Merchant != c.merchant.ID {
			return topup.ErrNotFound
		}
		return t.Withdraw(now)
	})
	return err
}

// cancelAll cancels a page of rows. Their callbacks are left to the scheduler.
func (s *Server) cancelAll(ctx context.Context, c caller, ts []*topup.Topup, reason string, n *atomic.Int64) error {
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(cancelAtOnce)
	for _, t := range ts {
		eg.Go(func() error {
			_, err := s.cancel(ctx, t.ID, c, reason)
			if errors.Is(err, topup.ErrNotAllowed) {
				return s.withdraw(ctx, t.ID, c) // it was sent, or may have been
			}
			if err == nil {
				n.Add(1)
			}
			return err
		})
	}
	return eg.Wait()
}
