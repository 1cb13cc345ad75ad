package topup

import (
	"context"
	"time"
)

// Event is one entry of a merchant's feed: that a version of a top-up, or the completion of a batch, is to be told.
type Event struct {
	// Sequence counts a merchant's events from 1 without a gap.
	Sequence int64
	// Subject is the ID of the top-up or batch, Version the one of it that is told.
	Subject string
	Version int
	Type    EventType
	At      time.Time
}

// ID is the webhook-id under which the same event is posted to an endpoint.
func (e Event) ID() string { return CallbackID(e.Subject, e.Version) }

// EventPage is a part of a merchant's feed. First and Last are the ends of what is kept: Last is 0 for a feed that
// never had an event, and First is Last+1 where none is kept any more.
type EventPage struct {
	Events      []Event
	First, Last int64
}

// Events is the feed of every merchant's events. An event is owed to the feed by the same write that owes its callback,
// stands in it exactly once, and after the earlier events of its top-up. What subscribes to callbacks and what became
// of them makes no difference to it.
type Events interface {
	// PublishEvents gives sequence numbers to what was owed to the feeds before the call, about limit events of it, and
	// returns how many it moved. Several processes may do so at once.
	PublishEvents(ctx context.Context, limit int) (int, error)
	// EventsAfter returns up to limit events whose sequence is above after, in order.
	EventsAfter(ctx context.Context, m MerchantID, after int64, limit int) (EventPage, error)
	// TrimEvents forgets the head of every feed, up to the first event that is not older than before.
	TrimEvents(ctx context.Context, before time.Time) error
}
