package workers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// SpoolDrain brings the answers of a spool into the ledger: at the start, and as soon as the ledger is back. It does
// in the end what the worker that got the answer could not do.
type SpoolDrain struct {
	submit *Submit
	// waiting are the files that could not be dealt with, each told once.
	waiting map[string]bool
}

const (
	// drainEvery is how often the spool is looked at, drainTimeout how long one look may wait for the ledger.
	drainEvery   = time.Second
	drainTimeout = 10 * time.Second
)

// NewSpoolDrain returns the drain of the spool that submit writes to.
func NewSpoolDrain(submit *Submit) *SpoolDrain {
	return &SpoolDrain{submit: submit, waiting: map[string]bool{}}
}

// Run drains until ctx ends, and once more then. It always returns nil: what cannot be drained stays where it is.
func (d *SpoolDrain) Run(ctx context.Context) error {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		d.look(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	d.look(context.WithoutCancel(ctx))
	return nil
}

func (d *SpoolDrain) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := d.runOnce(ctx); err != nil && !errors.Is(err, topup.ErrUnavailable) {
		d.submit.Log.Error("spool not read", zap.Error(err))
	}
}

// runOnce takes the answers in the order in which they came. It ends with topup.ErrUnavailable while the ledger is
// away; an answer that it cannot place does not hold up the next one.
func (d *SpoolDrain) runOnce(ctx context.Context) error {
	spool := d.submit.Spool
	if spool == nil {
		return nil
	}
	names, err := spool.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		a, err := spool.get(name)
		if err == nil {
			err = d.apply(ctx, a)
		}
		switch {
		case errors.Is(err, topup.ErrUnavailable):
			return err
		case err == nil:
			if err := spool.remove(name); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			d.leave(name, a, err)
		}
	}
	return nil
}

// apply writes one answer and does what hangs on it.
func (d *SpoolDrain) apply(ctx context.Context, a sendAnswer) error {
	t, err := d.submit.Ledger.Get(ctx, a.ID)
	if err != nil {
		return fmt.Errorf("load top-up: %w", err)
	}
	before, next, err := d.submit.recordAnswer(ctx, t, a)
	if err != nil {
		return fmt.Errorf("record answer: %w", err)
	}
	d.submit.Log.Info("spooled answer recorded", zap.String("topup", string(a.ID)), zap.Time("answered", a.At), zap.Stringer("answer", a.Outcome.Answer))
	d.submit.after(ctx, before, next)
	if err := d.submit.goOn(ctx, before, next); err != nil {
		d.submit.Log.Warn("wake-up not queued; the scheduler repeats it", zap.String("topup", string(a.ID)), zap.Error(err))
	}
	return nil
}

// leave keeps an answer for later: its record may come back when the merchant submits it again after a loss of the
// store, or its provider when the settings do.
func (d *SpoolDrain) leave(name string, a sendAnswer, err error) {
	if d.waiting[name] {
		return
	}
	d.waiting[name] = true
	d.submit.Log.Error("spooled answer cannot be placed; it is kept", zap.String("file", name), zap.String("topup", string(a.ID)), zap.Error(err))
}
