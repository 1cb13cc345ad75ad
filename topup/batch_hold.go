package topup

import "time"

// Reasons of a hold of a batch.
const (
	// CodeBatchHeld means that the merchant holds the batch.
	CodeBatchHeld Code = "batch_held"
	// CodeControlTotals means that the control totals of the upload are not known to match.
	CodeControlTotals Code = "control_totals"
	// CodeBatchCancelled means that the rows are being cancelled.
	CodeBatchCancelled Code = "batch_cancelled"
)

// BatchHold says that no further row of a batch is sent, why, and since when.
type BatchHold struct {
	Reason Code      `json:"r"`
	Since  time.Time `json:"s"`
}

// HoldBack stops the sending of the rows that were not sent yet. It is ErrNotAllowed for a closed batch and
// ErrUnchanged for one that is held for the same reason.
func (b *Batch) HoldBack(why Code, now time.Time) error {
	if !b.ClosedAt.IsZero() {
		return ErrNotAllowed
	}
	if b.Hold != nil && b.Hold.Reason == why {
		return ErrUnchanged
	}
	b.Hold = &BatchHold{Reason: why, Since: now}
	return nil
}

// Release ends the hold: the rows may be sent, and are to be woken. Of one that was released before, those are woken that have
// come in since. ErrUnchanged where there never was a hold.
func (b *Batch) Release(now time.Time) error {
	switch {
	case b.Hold == nil && (b.ReleasedAt.IsZero() || !b.ClosedAt.IsZero()):
		return ErrUnchanged
	case b.Hold == nil:
		b.Wake = true
		return nil
	}
	b.Hold, b.ReleasedAt, b.Wake = nil, now, true
	return nil
}

// Withhold makes an accepted top-up wait for the release of its batch: until somebody has recorded that, nobody may
// send it, and nobody is rung for it. Unlike a pause this is written with the record itself, so there is no moment
// in which it could slip through. It must have been accepted, and have an expiry.
func (t *Topup) Withhold() error {
	if t.State != Accepted || t.Batch == "" || t.ExpiresAt.IsZero() {
		return ErrNotAllowed
	}
	t.Withheld, t.Waiting, t.DueAt = true, CodeBatchHeld, t.ExpiresAt
	return nil
}
