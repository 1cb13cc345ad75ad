package topup

import (
	"hash/fnv"
	"math/bits"
	"time"
)

// Checks do not happen at once for everybody: each is put off by up to spreadPercent of the delay that it belongs to.
// Where they are gathered, those of one slot wait for its end and follow each other in what is left.
const (
	spreadPercent = 5
	slotPercent   = 4
	// tailShare is the part of a slot over which its checks follow each other.
	tailShare = 8
)

// checkAt is the instant of s's check at delay d.
func (p Plan) checkAt(s Subject, d time.Duration) time.Time {
	at := s.Sent.Add(d)
	slot := d * slotPercent / 100
	if !p.Gather || slot < time.Millisecond {
		return at.Add(time.Duration(hashShare(s.ID) * float64(d*spreadPercent/100))).Truncate(time.Millisecond)
	}
	begin := at.Truncate(slot)
	return begin.Add(slot + at.Sub(begin)/tailShare).Truncate(time.Millisecond)
}

// window is how long one sweep lasts.
func (p Plan) window() time.Duration { return p.Interval * spreadPercent / 100 }

// Window is how long one sweep lasts: its checks begin within this time.
func (p Plan) Window() time.Duration { return p.window() }

// inSweep is the instant at a share (0 to 1) of a sweep's window.
func (p Plan) inSweep(sweep time.Time, share float64) time.Time {
	return sweep.Add(time.Duration(share * float64(p.window()))).Truncate(time.Millisecond)
}

// The parts of a sweep: what is open comes before what is only confirmed.
const (
	openPart    = 0.5
	confirmPart = 0.45
	// agedPart is the part for what has been open for more than a day, where they are ranked.
	agedPart = 0.1
)

// openShare is where in a sweep an open top-up is asked about.
func (p Plan) openShare(s Subject, sweep time.Time) float64 {
	switch {
	case p.Ranked:
		return rank(s, sweep)
	case p.Gather:
		return openPart * ageShare(s, sweep)
	default:
		return openPart * hashShare(s.ID)
	}
}

// confirmShare is where in a sweep a success is confirmed.
func (p Plan) confirmShare(s Subject, sweep time.Time) float64 {
	if p.Gather {
		return openPart + confirmPart*ageShare(s, sweep)
	}
	return openPart + confirmPart*hashShare(s.ID)
}

// rank puts the oldest and largest open money first: what was sent more than a day before, by age in days; then the
// rest. Among equals the larger amount comes first, each doubling a step.
func rank(s Subject, sweep time.Time) float64 {
	const longest, steps = 30, 64
	size := (float64(steps-bits.Len64(uint64(max(s.Micros, 0)))) + hashShare(s.ID)) / (steps + 1)
	if days := int(sweep.Sub(s.Sent) / (24 * time.Hour)); days > 0 {
		return agedPart * (float64(longest-min(days, longest)) + size) / (longest + 1)
	}
	return agedPart + (openPart-agedPart)*size
}

// ageShare is 0 for what was sent a day or more before the sweep and nears 1 for what was sent just before it.
func ageShare(s Subject, sweep time.Time) float64 {
	age := min(max(sweep.Sub(s.Sent), 0), 24*time.Hour)
	return 1 - float64(age)/float64(24*time.Hour)
}

// hashShare is a number from 0 to below 1, always the same one for the same top-up.
func hashShare(id ID) float64 {
	h := fnv.New32a()
	h.Write([]byte(id))
	return float64(h.Sum32()%1000) / 1000
}
