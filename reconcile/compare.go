package reconcile

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"strings"
	"time"

	"topupq/topup"
)

// Method says what the provider's side was read from.
type Method string

// The methods.
const (
	// ByList reads the provider's own list, ByStatement a file that a person has imported.
	ByList      Method = "list"
	ByStatement Method = "statement"
	// ByCount compares numbers only; ByOrders relies on the questions about single orders.
	ByCount  Method = "count"
	ByOrders Method = "orders"
)

// Side is what one side says about the day: how many bookings it has that stand, and their sums.
type Side struct {
	Count int64 `json:"count"`
	Sums  []Sum `json:"sums"`
}

// Result is what the comparison of one provider's day came to.
type Result struct {
	Provider topup.ProviderName `json:"provider"`
	Date     string             `json:"date"`
	From     time.Time          `json:"from"`
	To       time.Time          `json:"to"`
	Method   Method             `json:"method"`
	MadeAt   time.Time          `json:"made_at"`
	Ours     Side               `json:"ours"`
	// Theirs is nil where the provider lists nothing.
	Theirs *Side `json:"theirs,omitempty"`
	// Confirmed counts ours that the provider has confirmed once more after it had delivered, one by one.
	Confirmed int64  `json:"confirmed"`
	Drift     *Drift `json:"drift,omitempty"`
	// Problem says why the comparison could not be made in full, "" where it was.
	Problem string `json:"problem,omitempty"`
	Cases   []Case `json:"cases"`

	tally tally
}

// Clean reports whether everything was compared and nothing differs.
func (r *Result) Clean() bool { return r.Problem == "" && len(r.Cases) == 0 }

// Input is what is compared. From and To bound the day in the provider's zone.
type Input struct {
	Provider topup.ProviderName
	Date     string
	From, To time.Time
	Now      time.Time
	// Ours calls do for every top-up of the provider that may have been sent on the day: perhaps for others too, and
	// perhaps twice for one.
	Ours func(do func(*topup.Topup) error) error
	// Find returns top-ups by ID, nil where there is none, in order.
	Find func(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error)
	// Lines is the provider's list, nil for none; Statement says that it is a file. Lines around the day do no harm.
	Lines     iter.Seq2[topup.Listed, error]
	Statement bool
	// Count is the provider's count of the day, nil for none.
	Count *int64
	// Before and After are the provider's balances at about From and To, nil for none.
	Before, After *topup.BalanceAt
}

// findRows is how many lines are looked up at a time.
const findRows = 256

// comparison is one run.
type comparison struct {
	in   Input
	book book
	// seen are the references of the list, as 64-bit hashes: a day of a million orders takes some tens of megabytes.
	seen         map[uint64]struct{}
	ours, theirs money
	res          Result
	drift        *drifting
	// unread counts lines without a date or a state that can be read: nothing can be said about them.
	unread int
}

// Compare compares a day. An error means that our own side could not be read; what fails on the provider's side is told
// in Result.Problem, and what was read until then is compared.
func Compare(ctx context.Context, in Input) (*Result, error) {
	c := &comparison{in: in, book: book{}, seen: map[uint64]struct{}{}, ours: money{}, theirs: money{}, drift: newDrifting(in.Before, in.After)}
	c.res = Result{Provider: in.Provider, Date: in.Date, From: in.From, To: in.To, MadeAt: in.Now.UTC(), Method: ByOrders}
	switch {
	case in.Lines != nil && in.Statement:
		c.res.Method = ByStatement
	case in.Lines != nil:
		c.res.Method = ByList
	case in.Count != nil:
		c.res.Method = ByCount
	}
	complete := false
	if in.Lines != nil {
		var err error
		if complete, err = c.readLines(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.readOurs(complete); err != nil {
		return nil, err
	}
	c.count()
	c.finishDrift()
	c.res.Ours.Sums = c.ours.list()
	if in.Lines != nil {
		c.res.Theirs.Sums = c.theirs.list()
	}
	if c.unread > 0 {
		c.res.Problem = strings.TrimSpace(fmt.Sprintf("%s %d lines of the provider's list have no date or state that can be read.", c.res.Problem, c.unread))
	}
	c.res.Cases = c.book.cases()
	return &c.res, nil
}

// readLines compares line by line with our records; complete is false when the provider's list broke off.
func (c *comparison) readLines(ctx context.Context) (complete bool, err error) {
	c.res.Theirs = &Side{}
	var part []topup.Listed
	complete = true
	for l, err := range c.in.Lines {
		if err != nil {
			c.res.Problem, complete = "The provider's list could not be read to its end: "+err.Error(), false
			break
		}
		if part = append(part, l); len(part) == findRows {
			if err := c.compareLines(ctx, part); err != nil {
				return false, err
			}
			part = part[:0]
		}
	}
	return complete, c.compareLines(ctx, part)
}

func (c *comparison) compareLines(ctx context.Context, lines []topup.Listed) error {
	ids := make([]topup.ID, len(lines))
	for i, l := range lines {
		ids[i] = l.Reference
	}
	found, err := c.in.Find(ctx, ids)
	if err != nil {
		return fmt.Errorf("find our side: %w", err)
	}
	for i, l := range lines {
		c.compareLine(l, found[i])
	}
	return nil
}

// ofDay reports whether a line belongs to the day. A statement without times is taken to be of its day.
func (c *comparison) ofDay(l topup.Listed) bool {
	if l.At.IsZero() {
		return c.in.Statement
	}
	return !l.At.Before(c.in.From) && l.At.Before(c.in.To)
}

func (c *comparison) compareLine(l topup.Listed, t *topup.Topup) {
	row := Row{Reference: l.Reference, TransactionID: l.TransactionID, At: l.At, Theirs: theirs(l)}
	again := false
	if l.Reference != "" {
		again = c.see(l.Reference, l.State)
	}
	if (l.At.IsZero() && !c.in.Statement) || (c.ofDay(l) && l.State == topup.ListedUnclear) {
		c.unread++
	}
	if !c.ofDay(l) {
		return
	}
	if l.State == topup.ListedBooked {
		c.res.Theirs.Count++
		c.theirs.add(l.Amount)
	}
	switch {
	case again:
		row.Ours = ours(t)
		c.book.add(BookedTwice, row, l.Amount)
	case t == nil && l.State != topup.ListedReturned:
		row.Ours = "not in the ledger"
		c.book.add(UnknownHere, row, l.Amount)
	case t != nil:
		row.Ours = ours(t)
		c.compareStates(l, t, row)
	}
}

// see remembers a reference and reports whether it was booked before.
func (c *comparison) see(id topup.ID, state topup.ListedState) (again bool) {
	h := fnv.New64a()
	h.Write([]byte(id))
	key := h.Sum64() << 1
	_, booked := c.seen[key|1]
	if state == topup.ListedBooked {
		c.seen[key|1] = struct{}{}
	}
	c.seen[key] = struct{}{}
	return booked && state == topup.ListedBooked
}

func (c *comparison) listed(id topup.ID) bool {
	h := fnv.New64a()
	h.Write([]byte(id))
	_, there := c.seen[h.Sum64()<<1]
	return there
}

// compareStates names what differs between a line and our record of it.
func (c *comparison) compareStates(l topup.Listed, t *topup.Topup, row Row) {
	booked, returned := l.State == topup.ListedBooked, l.State == topup.ListedReturned
	elsewhere := t.Provider != c.in.Provider // rerouted: this provider should have nothing
	switch {
	case elsewhere && booked && t.State == topup.Succeeded:
		row.Ours += " at " + string(t.Provider)
		c.book.add(BookedTwice, row, l.Amount)
	case booked && (t.State == topup.Failed || t.State == topup.Reversed || t.State == topup.Accepted || t.State == topup.Held):
		c.book.add(FailedButBooked, row, l.Amount)
	case returned && t.State == topup.Succeeded && !elsewhere:
		c.book.add(DeliveredButReturned, row, t.Amount)
	case (booked || returned) && !t.State.Closed():
		c.book.add(OpenHere, row, t.Amount)
	}
	if !booked {
		return
	}
	if l.Recipient != "" && l.Recipient != t.Recipient && t.Ordered().Recharge != topup.RechargePinnedNoPhone {
		c.book.add(NumberDiffers, row, l.Amount)
	}
	if !l.Amount.IsZero() && l.Amount.Currency == t.Amount.Currency && !l.Amount.Equal(t.Amount) {
		c.book.add(AmountDiffers, row, l.Amount)
	}
	if !l.Cost.IsZero() && !t.Cost.IsZero() && t.State == topup.Succeeded && !l.Cost.Equal(t.Cost) {
		row.Ours, row.Theirs = "cost "+t.Cost.String(), "cost "+l.Cost.String()
		c.book.add(CostDiffers, row, topup.Money{Amount: l.Cost.Amount.Sub(t.Cost.Amount), Currency: l.Cost.Currency})
	}
}

// readOurs sums our side, and finds what the list does not have.
func (c *comparison) readOurs(complete bool) error {
	seen := map[topup.ID]bool{}
	err := c.in.Ours(func(t *topup.Topup) error {
		if t.Provider != c.in.Provider || t.SentAt.IsZero() || seen[t.ID] {
			return nil
		}
		if late := t.CreatedAt.Before(c.in.From); late {
			seen[t.ID] = true // only those can come twice
		}
		c.drift.add(t)
		if t.SentAt.Before(c.in.From) || !t.SentAt.Before(c.in.To) {
			return nil
		}
		c.readOne(t, complete)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read our side: %w", err)
	}
	return nil
}

func (c *comparison) readOne(t *topup.Topup, complete bool) {
	if t.State == topup.Succeeded {
		c.res.Ours.Count++
		c.ours.add(t.Amount)
		if !t.ConfirmedAt.IsZero() {
			c.res.Confirmed++
		}
	}
	delivered := t.State == topup.Succeeded || t.State == topup.Reversed
	if complete && delivered && !c.listed(t.ID) {
		c.book.add(NotListed, Row{Reference: t.ID, TransactionID: t.ProviderTransactionID, At: t.SentAt, Ours: ours(t), Theirs: "not listed"}, t.Amount)
	}
	if c.in.Count != nil {
		c.counted(t)
	}
}

func ours(t *topup.Topup) string {
	if t == nil {
		return "not in the ledger"
	}
	return t.State.String() + " " + t.Amount.String()
}

func theirs(l topup.Listed) string {
	text := l.State.String()
	if l.Word != "" {
		text += " (" + l.Word + ")"
	}
	if !l.Amount.IsZero() {
		text += " " + l.Amount.String()
	}
	return text
}
