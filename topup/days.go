package topup

import (
	"context"
	"encoding/json"
	"time"
)

// LateAfter is how long after its creation a move makes a top-up a late one: reports look for what is younger among the
// top-ups of the day before.
const LateAfter = 24 * time.Hour

// Days is what reports, reconciliation and the archive need of the store beside Store.
type Days interface {
	// EachCreated calls do for every top-up that a merchant ("" for all of them) made in [from, to), a few at a time
	// and always in the same order. Memory does not grow with their number.
	EachCreated(ctx context.Context, m MerchantID, from, to time.Time, do func(*Topup) error) error
	// EachLate calls do for every top-up that has moved in [from, to) later than LateAfter after it was made, perhaps
	// more than once, and perhaps for one that has not.
	EachLate(ctx context.Context, m MerchantID, from, to time.Time, do func(*Topup) error) error

	// PutDay keeps a document about a provider's day under a name; GetDay returns ErrNotFound where there is none.
	// They are kept as long as top-ups are, and longer.
	PutDay(ctx context.Context, p ProviderName, date, name string, doc json.RawMessage) error
	GetDay(ctx context.Context, p ProviderName, date, name string) (json.RawMessage, error)

	// AddBalance keeps what a provider's account held at an instant; Balances returns what was kept in [from, to],
	// oldest first.
	AddBalance(ctx context.Context, p ProviderName, at time.Time, m Money) error
	Balances(ctx context.Context, p ProviderName, from, to time.Time) ([]BalanceAt, error)

	// AddHour adds to the figures of a provider's hour; Hours returns the hours of [from, to), those without figures
	// among them.
	AddHour(ctx context.Context, p ProviderName, hour time.Time, add HourFigures) error
	Hours(ctx context.Context, p ProviderName, from, to time.Time) ([]HourFigures, error)

	// PutAlarms keeps the alarms in force, in the place of those before; Alarms returns them.
	PutAlarms(ctx context.Context, alarms []Alarm) error
	Alarms(ctx context.Context) ([]Alarm, error)

	// Forget removes top-ups that were archived and remembers only that their references are taken; each only if its
	// revision is still the archived one. It returns how many it removed.
	Forget(ctx context.Context, ts []*Topup) (int, error)
	// ForgetLists removes from the lists of a UTC day the IDs of top-ups that are forgotten.
	ForgetLists(ctx context.Context, day time.Time) error
	// Remembered returns what is left of a forgotten top-up: see Topup.Archived. ErrNotFound.
	Remembered(ctx context.Context, id ID) (*Topup, error)
}

// The documents that Days keeps of a provider's day.
const (
	DocReport    = "report"
	DocReconcile = "reconcile"
	DocStatement = "statement"
	DocArchive   = "archive"
	DocClosed    = "closed"
	DocForgotten = "forgotten"
	DocSweep     = "sweep"
)

// DayClosed is the document of a closed day. Problem says what could not be done, "" for nothing; then it is tried again.
type DayClosed struct {
	At      time.Time `json:"at"`
	Tries   int       `json:"tries"`
	Problem string    `json:"problem,omitempty"`
}

// dayTries is how often a day is closed anew because something could not be done.
const dayTries = 6

// Done reports whether the day was closed and needs no further try.
func (c DayClosed) Done() bool { return c.Tries > 0 && (c.Problem == "" || c.Tries >= dayTries) }

// DayForgotten is the document of a day whose closed top-ups have left the ledger, or are about to: Begun is since when
// some may have, At when all had that were finished. Gone counts those that did, Left those that stay.
type DayForgotten struct {
	Begun time.Time `json:"begun,omitzero"`
	At    time.Time `json:"at,omitzero"`
	Gone  int64     `json:"gone"`
	Left  int64     `json:"left"`
}

// DaySwept is the document of an end-of-day sweep that was worked through: when it was to begin and when it was done.
type DaySwept struct {
	Sweep time.Time `json:"sweep"`
	Done  time.Time `json:"done"`
}

// Alarm is something that a person has to see to. It stays in force until its cause is gone.
type Alarm struct {
	// Name is one of AlarmNames.
	Name     string       `json:"name"`
	Provider ProviderName `json:"provider"`
	Since    time.Time    `json:"since"`
	// Detail is one plain sentence with the figures.
	Detail string `json:"detail"`
}

// HourFigures are what came of a provider's top-ups in an hour.
type HourFigures struct {
	Hour time.Time
	// Succeeded, Failed and Reversed count outcomes.
	Succeeded, Failed, Reversed int64
	// Spent is what they cost, in micros by currency.
	Spent map[string]int64
}

// Count adds an outcome that t has just come to.
func (h *HourFigures) Count(t *Topup) {
	switch t.State {
	case Succeeded:
		h.Succeeded++
		cost := t.Cost
		if cost.IsZero() {
			cost = t.Amount
		}
		if h.Spent == nil {
			h.Spent = map[string]int64{}
		}
		h.Spent[cost.Currency] += cost.Micros()
	case Failed:
		h.Failed++
	case Reversed:
		h.Reversed++
	case Accepted, Submitting, Pending, Unknown, Held, Unresolved: // no outcome yet
	}
}

// BalanceAt is a provider's balance at an instant.
type BalanceAt struct {
	At     time.Time
	Amount Money
}

// Archived is what is remembered of a top-up that has left the ledger for the archive.
type Archived struct {
	// Day is the day on which it was made, in UTC; Content a digest of what it asked for.
	Day     time.Time
	Content uint32
}
