package reconcile

import (
	"fmt"

	"topupq/topup"
)

// tally is our side of a count: what is surely booked, and what may be.
type tally struct{ sure, maybe int64 }

// counted counts a top-up that was sent on the day.
func (c *comparison) counted(t *topup.Topup) {
	switch t.State {
	case topup.Succeeded, topup.Reversed:
		c.res.tally.sure++
	case topup.Pending, topup.Unknown, topup.Unresolved, topup.Submitting:
		c.res.tally.maybe++
	case topup.Accepted, topup.Held, topup.Failed: // not booked
	}
}

// count compares the provider's count with ours: what is open here may be booked or not.
func (c *comparison) count() {
	if c.in.Count == nil {
		return
	}
	n, mine := *c.in.Count, c.res.tally
	c.res.Theirs = &Side{Count: n, Sums: []Sum{}}
	if n >= mine.sure && n <= mine.sure+mine.maybe {
		return
	}
	off := n - mine.sure
	if off > 0 {
		off -= mine.maybe
	}
	c.book.add(CountDiffers, Row{
		Ours: fmt.Sprintf("%d booked and %d open", mine.sure, mine.maybe), Theirs: fmt.Sprintf("%d counted: %+d", n, off),
	}, topup.Money{})
}
