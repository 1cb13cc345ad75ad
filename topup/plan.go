package topup

import (
	"fmt"
	"hash/fnv"
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
// provider's own day. All of it is data; the methods are pure.
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
}

// spreadPercent is how far a check may be put off so that a million due at once is no spike.
const spreadPercent = 5

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

// LastCheck is the sweep after the last hourly check: what is open then becomes unresolved.
func (p Plan) LastCheck(sent time.Time) time.Time {
	return p.Sweep(sent.Add(time.Duration(p.Count) * p.Interval))
}

// NextOpen is the next instant after now at which a pending or unknown top-up is asked about, and every sweep in
// between; the zero time when sent is zero.
func (p Plan) NextOpen(id ID, sent, now time.Time) time.Time {
	next := p.spread(id, p.Interval, p.Sweep(now.Add(-p.spreadOf(id, p.Interval))))
	return earlier(next, p.nextOffset(id, sent, now, slices.Concat(p.Early, p.hourly())))
}

// NextConfirm is the next instant after now at which a success is confirmed again, false when there is none:
// confirm is "none", or the last one is past.
func (p Plan) NextConfirm(id ID, sent, now time.Time) (time.Time, bool) {
	last := p.LastCheck(sent)
	if p.Confirm == ConfirmEndOfDay {
		last = p.Sweep(sent)
	}
	last = p.spread(id, p.Interval, last)
	if p.Confirm == ConfirmNone || p.Confirm == "" || !last.After(now) {
		return time.Time{}, false
	}
	if p.Confirm == ConfirmEndOfDay {
		return last, true
	}
	return earlier(last, p.nextOffset(id, sent, now, p.hourly())), true
}

// NextUnresolved is the next sweep at which an unresolved top-up is asked about, false after Linger.
func (p Plan) NextUnresolved(id ID, sent, now time.Time) (time.Time, bool) {
	linger := p.Linger
	if linger == 0 {
		linger = 7 * 24 * time.Hour
	}
	next := p.spread(id, p.Interval, p.Sweep(now))
	return next, next.Before(sent.Add(linger))
}

func (p Plan) hourly() []time.Duration {
	out := make([]time.Duration, p.Count)
	for i := range out {
		out[i] = time.Duration(i+1) * p.Interval
	}
	return out
}

// nextOffset is the first sent+offset (spread) after now, or the zero time.
func (p Plan) nextOffset(id ID, sent, now time.Time, offsets []time.Duration) time.Time {
	for _, d := range offsets {
		if at := p.spread(id, d, sent.Add(d)); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// spread puts at off by up to 5 % of d, always by the same share for the same top-up.
func (p Plan) spread(id ID, d time.Duration, at time.Time) time.Time {
	return at.Add(p.spreadOf(id, d))
}

func (p Plan) spreadOf(id ID, d time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(id))
	return d * time.Duration(h.Sum32()%1000) / 1000 * spreadPercent / 100
}

// earlier is the earlier of two times; a zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
