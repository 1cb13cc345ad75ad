package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"topupq/topup"
)

// Recovery is what the ledger knows of its own past: when it was last found, or said, to have gone back in time, and
// what it holds now that a recovery would put in doubt.
type Recovery struct {
	// Last is the recovery mark so far, the zero time if there is none.
	Last    time.Time
	Backlog topup.Backlog
}

// Recovery reads the mark and counts what is open.
func (d *Desk) Recovery(ctx context.Context) (Recovery, error) {
	var r Recovery
	var err error
	if r.Last, err = d.cfg.Store.Recovered(ctx); err != nil {
		return r, fmt.Errorf("read recovery mark: %w", err)
	}
	if r.Backlog, err = d.cfg.Store.Backlog(ctx); err != nil {
		return r, fmt.Errorf("count what is open: %w", err)
	}
	return r, nil
}

// Recover says that the store was brought back from an older copy while nobody was running to notice. Every top-up
// made before now is then asked about before it may be sent, and none of them is cancelled.
func (c *Clerk) Recover(ctx context.Context, by Person, reason string) error {
	o := Order{By: by, Reason: reason}
	if err := o.check(c.hand.applied()); err != nil {
		return err
	}
	e := topup.AuditEntry{
		At: c.desk.cfg.Now(), Actor: by.Name, Role: by.Role, Remote: by.Remote, Act: "recover", Target: "store", Reason: o.Reason,
	}
	if err := c.hand.begin(ctx, e); err != nil {
		return err
	}
	err := c.hand.markRecovered(ctx)
	e.At, e.Detail = c.desk.cfg.Now(), "done"
	if err != nil {
		e.Detail = "failed"
	}
	return errors.Join(err, c.hand.end(ctx, e))
}
