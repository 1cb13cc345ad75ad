package reconcile

import (
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Drift compares what the provider's balance lost between two readings with what our top-ups cost.
type Drift struct {
	Currency string    `json:"currency"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Before   string    `json:"before"`
	After    string    `json:"after"`
	// Spent is what the top-ups sent between the readings cost, less what was given back for earlier ones.
	Spent string `json:"spent"`
	// Drift is After - Before + Spent: below zero where money is gone that our top-ups do not explain.
	Drift string `json:"drift"`
	// Uncertain bounds what may be on either side of a reading: what was open at one of them.
	Uncertain string `json:"uncertain"`
	// Unpriced counts top-ups whose cost is not known; with any the drift cannot be told.
	Unpriced int64 `json:"unpriced"`
}

// drifting adds up; a nil one does nothing.
type drifting struct {
	before, after    topup.BalanceAt
	spent, uncertain decimal.Decimal
	unpriced         int64
}

func newDrifting(before, after *topup.BalanceAt) *drifting {
	if before == nil || after == nil || before.Amount.Currency != after.Amount.Currency || !before.At.Before(after.At) {
		return nil
	}
	return &drifting{before: *before, after: *after}
}

// add counts one top-up: its debit when it was sent, and its credit when we learned that it was given back.
func (d *drifting) add(t *topup.Topup) {
	if d == nil || t.SentAt.IsZero() || t.SentAt.After(d.after.At) {
		return
	}
	ended := t.ClosedAt
	if ended.IsZero() {
		ended = d.after.At.Add(time.Hour) // not yet
	}
	// What was open at a reading may have been debited or not, and given back or not.
	openAtBefore := !t.SentAt.After(d.before.At) && ended.After(d.before.At)
	openAtAfter := ended.After(d.after.At)
	booked := t.State == topup.Succeeded || t.State == topup.Reversed
	sentBetween := t.SentAt.After(d.before.At)
	if !openAtBefore && !openAtAfter && !sentBetween {
		return
	}
	cost, known := d.cost(t)
	if !known {
		if booked || !t.State.Closed() {
			d.unpriced++
		}
		return
	}
	if sentBetween && booked {
		d.spent = d.spent.Add(cost)
	}
	if t.State == topup.Reversed && ended.After(d.before.At) && !ended.After(d.after.At) {
		d.spent = d.spent.Sub(cost)
	}
	if openAtBefore || openAtAfter {
		d.uncertain = d.uncertain.Add(cost)
	}
}

// cost is what a top-up costs in the balance's currency.
func (d *drifting) cost(t *topup.Topup) (decimal.Decimal, bool) {
	for _, m := range []topup.Money{t.Cost, t.Predicted, t.Amount} {
		if m.Currency == d.before.Amount.Currency {
			return m.Amount, true
		}
	}
	return decimal.Decimal{}, false
}

// finishDrift tells the drift, and makes it a case where it is more than can be explained.
func (c *comparison) finishDrift() {
	d := c.drift
	if d == nil {
		return
	}
	currency := d.before.Amount.Currency
	text := func(x decimal.Decimal) string { return topup.Money{Amount: x, Currency: currency}.Text() }
	drift := d.after.Amount.Amount.Sub(d.before.Amount.Amount).Add(d.spent)
	c.res.Drift = &Drift{
		Currency: currency, From: d.before.At, To: d.after.At, Before: text(d.before.Amount.Amount), After: text(d.after.Amount.Amount),
		Spent: text(d.spent), Drift: text(drift), Uncertain: text(d.uncertain), Unpriced: d.unpriced,
	}
	if d.unpriced > 0 || drift.Abs().LessThanOrEqual(d.uncertain) {
		return
	}
	kind := DriftUp
	if drift.Sign() < 0 {
		kind = DriftDown
	}
	row := Row{At: d.after.At, Ours: "spent " + text(d.spent), Theirs: "balance " + text(d.before.Amount.Amount) + " to " + text(d.after.Amount.Amount)}
	c.book.add(kind, row, topup.Money{Amount: drift, Currency: currency})
}
