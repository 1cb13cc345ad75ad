package topup

import (
	"context"
	"slices"
	"time"
)

// Redelivery is an order to send a merchant's events again: those of a range of time whose callback is in one of States.
type Redelivery struct {
	ID       string     `json:"id"`
	Merchant MerchantID `json:"merchant"`
	// From and To bound when the event happened: From <= t < To.
	From   time.Time       `json:"from"`
	To     time.Time       `json:"to"`
	States []CallbackState `json:"states"`
	// RunAt is when it may begin.
	RunAt     time.Time `json:"run_at"`
	CreatedAt time.Time `json:"created_at"`
	// After is the last sequence that was looked at, Seen how many events were in the range, Redelivered how many of them
	// were made due.
	After       int64     `json:"after,omitempty"`
	Seen        int64     `json:"seen,omitempty"`
	Redelivered int64     `json:"redelivered,omitempty"`
	DoneAt      time.Time `json:"done_at,omitzero"`
}

// Covers reports whether an event's time is in the range.
func (r *Redelivery) Covers(e Event) bool { return !e.At.Before(r.From) && e.At.Before(r.To) }

// Redeliver makes a callback due if it is one of those meant; ErrUnchanged where it is not, or is due anyway.
func (r *Redelivery) Redeliver(c *Callback, now time.Time) error {
	if c == nil || !slices.Contains(r.States, c.State) || (c.State == CallbackWaiting && !c.NextAt.After(now)) {
		return ErrUnchanged
	}
	c.Redeliver(now)
	return nil
}

// Redeliveries holds orders to send events again, each until a week after it was carried out.
type Redeliveries interface {
	PutRedelivery(ctx context.Context, r *Redelivery) error
	// GetRedelivery returns ErrNotFound where there is none, or not any more.
	GetRedelivery(ctx context.Context, id string) (*Redelivery, error)
	// OpenRedeliveries returns those that are not done, in no order.
	OpenRedeliveries(ctx context.Context) ([]*Redelivery, error)
}
