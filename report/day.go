package report

import (
	"fmt"
	"time"

	"topupq/topup"
)

// Day is a calendar day in a time zone: From <= t < To, in UTC.
type Day struct {
	Date, Zone string
	From, To   time.Time
}

// ParseDay reads a date such as "2026-11-23" as a day of loc; nil is UTC.
func ParseDay(date string, loc *time.Location) (Day, error) {
	if loc == nil {
		loc = time.UTC
	}
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return Day{}, fmt.Errorf("%q is not a date such as 2026-11-23", date)
	}
	return dayOf(at.Year(), at.Month(), at.Day(), loc), nil
}

// DayOf is the day of loc that holds t; nil is UTC.
func DayOf(t time.Time, loc *time.Location) Day {
	if loc == nil {
		loc = time.UTC
	}
	y, m, d := t.In(loc).Date()
	return dayOf(y, m, d, loc)
}

func dayOf(y int, m time.Month, d int, loc *time.Location) Day {
	return Day{
		Date: time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), Zone: loc.String(),
		From: time.Date(y, m, d, 0, 0, 0, 0, loc).UTC(), To: time.Date(y, m, d+1, 0, 0, 0, 0, loc).UTC(),
	}
}

// Next is the day n days later, in the zone that Zone names.
func (d Day) Next(n int, loc *time.Location) Day {
	at, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return d
	}
	return dayOf(at.Year(), at.Month(), at.Day()+n, loc)
}

// Holds reports whether t lies in the day.
func (d Day) Holds(t time.Time) bool { return !t.Before(d.From) && t.Before(d.To) }

// AsOf is t as it stood at an instant: its state is that after its last move before at, and nothing is told that was
// decided later. nil when t was made later.
func AsOf(t *topup.Topup, at time.Time) *topup.Topup {
	version := 0
	for _, m := range t.History {
		if !m.At.Before(at) {
			break
		}
		version++
	}
	if version == 0 {
		return nil
	}
	c := *t.AsOf(version)
	c.UpdatedAt = t.History[version-1].At
	if !c.ConfirmedAt.Before(at) {
		c.ConfirmedAt = time.Time{}
	}
	if c.State != topup.Succeeded && c.State != topup.Reversed {
		c.Cost, c.Fee, c.Delivered = topup.Money{}, topup.Money{}, topup.Money{}
	}
	return &c
}

// Correction is a top-up of an earlier day that ended a day in another state than it began it.
type Correction struct {
	// Was is how it stood when the day began, Is when it ended.
	Was, Is *topup.Topup
}

// Correct tells what a day changed about t, false when t is of that day or later, or nothing changed.
func Correct(t *topup.Topup, day Day, now time.Time) (Correction, bool) {
	if !t.CreatedAt.Before(day.From) {
		return Correction{}, false
	}
	c := Correction{Was: AsOf(t, day.From), Is: AsOf(t, day.cut(now))}
	if c.Was == nil || c.Is == nil || c.Was.State == c.Is.State {
		return Correction{}, false
	}
	return c, true
}

// cut is the instant as of which a day is told: its end, or now while it lasts.
func (d Day) cut(now time.Time) time.Time {
	if now.Before(d.To) {
		return now.Add(time.Millisecond)
	}
	return d.To
}
