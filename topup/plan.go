package topup

import (
	"fmt"
	"slices"
	"time"
)

// Confirm says how often a success is asked about again.
type Confirm string

// The confirm settings.
const (
	ConfirmHourly   Confirm = "hourly"
	ConfirmEndOfDay Confirm = "end_of_day"
	ConfirmNone     Confirm = "none"
)

// TimeOfDay is a wall-clock time, as a duration since midnight.
type TimeOfDay time.Duration

// ParseTimeOfDay reads "HH:MM" or "HH:MM:SS".
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return TimeOfDay(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day: write HH:MM or HH:MM:SS", s)
}

// String is "HH:MM:SS".
func (d TimeOfDay) String() string {
	return time.Time{}.Add(time.Duration(d)).Format("15:04:05")
}

// Plan says when a provider is asked about a top-up: early checks, hourly checks, and the sweep at the end of the
// provider's own day. All of it is data; the methods are pure. Instants are UTC, whole milliseconds.
type Plan struct {
	// Early are delays after the send, ascending.
	Early []time.Duration
	// Interval and Count are the hourly checks: 1h and 3.
	Interval time.Duration
	Count    int
	// EndOfDay is the sweep's time in Location; nil Location is UTC.
	EndOfDay TimeOfDay
	Location *time.Location
	Confirm  Confirm
	// Linger is how long the daily sweep goes on asking about unresolved ones; default 7 days.
	Linger time.Duration
	// Gather brings checks together at common moments instead of spreading them out, in the order of sending: for
	// a provider that answers about many orders in one call.
	Gather bool
	// Ranked orders the open ones of a sweep by their worth, the oldest and largest first: for a provider whose
	// status calls are rationed.
	Ranked bool
}

// Subject is the top-up that a plan is asked about: its ID, when it was sent last, and its amount in micros.
type Subject struct {
	ID     ID
	Sent   time.Time
	Micros int64
}

// Sweep is the first end-of-day instant strictly after t. Days of 23 and 25 hours have one sweep like any other;
// where the clock skips the hour, the sweep is at the same instant under its new name.
func (p Plan) Sweep(t time.Time) time.Time {
	loc := p.Location
	if loc == nil {
		loc = time.UTC
	}
	local := t.In(loc)
	h, m, s := int(time.Duration(p.EndOfDay)/time.Hour), int(time.Duration(p.EndOfDay)/time.Minute)%60, int(time.Duration(p.EndOfDay)/time.Second)%60
	for day := -1; ; day++ {
		at := time.Date(local.Year(), local.Month(), local.Day()+day, h, m, s, 0, loc)
		if at.After(t) {
			return at.UTC()
		}
	}
}

// LastCheck is the first sweep after the last hourly check: what is open then becomes unresolved.
func (p Plan) LastCheck(s Subject) time.Time {
	if p.Count <= 0 {
		return p.Sweep(s.Sent)
	}
	return p.Sweep(p.checkAt(s, time.Duration(p.Count)*p.Interval))
}

// NextOpen is the next instant after now at which a pending or unknown top-up is asked about: an early check, an
// hourly one, or any sweep after the send.
func (p Plan) NextOpen(s Subject, now time.Time) time.Time {
	return earlier(p.nextSweep(s, now, p.openShare), p.nextCheck(s, now, slices.Concat(p.Early, p.hourly())))
}

// NextConfirm is the next instant after now at which a success is confirmed again, false when there is none:
// confirm is "none", or the last one is past.
func (p Plan) NextConfirm(s Subject, now time.Time) (time.Time, bool) {
	last := p.LastCheck(s)
	if p.Confirm == ConfirmEndOfDay {
		last = p.Sweep(s.Sent)
	}
	last = p.inSweep(last, p.confirmShare(s, last))
	if p.Confirm == ConfirmNone || p.Confirm == "" || !last.After(now) {
		return time.Time{}, false
	}
	if p.Confirm == ConfirmEndOfDay {
		return last, true
	}
	return earlier(last, p.nextCheck(s, now, p.hourly())), true
}

// NextUnresolved is the next sweep at which an unresolved top-up is asked about, false after Linger.
func (p Plan) NextUnresolved(s Subject, now time.Time) (time.Time, bool) {
	linger := p.Linger
	if linger == 0 {
		linger = 7 * 24 * time.Hour
	}
	next := p.nextSweep(s, now, p.openShare)
	return next, next.Before(s.Sent.Add(linger))
}

func (p Plan) hourly() []time.Duration {
	out := make([]time.Duration, p.Count)
	for i := range out {
		out[i] = time.Duration(i+1) * p.Interval
	}
	return out
}

// nextCheck is the first check after now of those at the given delays, or the zero time.
func (p Plan) nextCheck(s Subject, now time.Time, delays []time.Duration) time.Time {
	for _, d := range delays {
		if at := p.checkAt(s, d); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// nextSweep is s's instant in the first sweep after its send of which that instant is after now.
func (p Plan) nextSweep(s Subject, now time.Time, share func(Subject, time.Time) float64) time.Time {
	from := now.Add(-p.window())
	if from.Before(s.Sent) {
		from = s.Sent
	}
	for sweep := p.Sweep(from); ; sweep = p.Sweep(sweep) {
		if at := p.inSweep(sweep, share(s, sweep)); at.After(now) {
			return at
		}
	}
}

// earlier is the earlier of two times; a zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
