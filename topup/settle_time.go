package topup

import (
	"hash/fnv"
	"math"
	"slices"
	"time"
)

const (
	// SettleBuckets is the number of steps in which times to an outcome are kept: two for each doubling, from an
	// eighth of a second to a day.
	SettleBuckets = 40
	settleFirst   = 125 * time.Millisecond
	// settleEnough observations are needed before anything is learned from them, settleSeen at a step to believe it.
	settleEnough = 200
	settleSeen   = 30
	// settleExplore: one of so many top-ups is asked at another time, so that it is noticed when times change.
	settleExplore = 8
	// usually is the share that "usually" means; the first and the second early check wait for the other two.
	usually     = 0.9
	firstShare  = 0.8
	secondShare = 0.97
)

// SettleStep is the step of a time to an outcome: the first whose bound is not below it.
func SettleStep(d time.Duration) int {
	if d <= settleFirst {
		return 0
	}
	return min(int(math.Ceil(2*math.Log2(float64(d)/float64(settleFirst)))), SettleBuckets-1)
}

// settleBound is the upper bound of a step.
func settleBound(step int) time.Duration {
	return time.Duration(float64(settleFirst) * math.Pow(2, float64(step)/2)).Round(10 * time.Millisecond)
}

// SettleTimes is what was seen of how long top-ups of one provider and mobile operator take to their outcome. A check
// only tells that it came before, or not yet: Settled counts by the time at which an outcome was there, Open by the last
// time at which there was none.
type SettleTimes struct {
	Settled, Open [SettleBuckets]int64
}

// Add counts one top-up that had no outcome at open (0 when it was not asked before) and had one at settled (0 when it
// has none).
func (s *SettleTimes) Add(open, settled time.Duration) {
	if open > 0 {
		s.Open[SettleStep(open)]++
	}
	if settled > 0 {
		s.Settled[SettleStep(settled)]++
	}
}

// total is how many outcomes were seen.
func (s *SettleTimes) total() (n int64) {
	for _, c := range s.Settled {
		n += c
	}
	return n
}

// share is the part that has an outcome by a step, and of how many that is known.
func (s *SettleTimes) share(step int) (float64, int64) {
	var yes, no int64
	for i, c := range s.Settled {
		if i <= step {
			yes += c
		}
	}
	for i, c := range s.Open {
		if i >= step {
			no += c
		}
	}
	if yes+no == 0 {
		return 0, 0
	}
	return float64(yes) / float64(yes+no), yes + no
}

// within is the step by which a share has an outcome, false when too little was seen or it never comes to that.
func (s *SettleTimes) within(want float64) (int, bool) {
	for step := range SettleBuckets {
		if got, seen := s.share(step); seen >= settleSeen && got >= want {
			return step, true
		}
	}
	return 0, false
}

// Usual is the time within which a top-up usually has its outcome, 0 when that is not known.
func (s *SettleTimes) Usual() time.Duration {
	if s == nil || s.total() < settleEnough {
		return 0
	}
	step, known := s.within(usually)
	if !known {
		return 0
	}
	return settleBound(step)
}

// Early is when a top-up is asked about early: at the times by which most have their outcome, never before the first nor
// after the last of the configured times. With too little to go by it is what is configured. One top-up of a few is asked
// at a time of its own, to learn from.
func (s *SettleTimes) Early(id ID, configured []time.Duration) []time.Duration {
	if s == nil || len(configured) < 2 || s.total() < settleEnough {
		return configured
	}
	first, last := configured[0], configured[len(configured)-1]
	h := fnv.New32()
	h.Write([]byte(id))
	if n := h.Sum32(); n%settleExplore == 0 {
		part := float64(n/settleExplore%1000) / 1000
		at := time.Duration(float64(first) * math.Pow(float64(last)/float64(first), part)).Round(time.Millisecond)
		return append([]time.Duration{at}, slices.DeleteFunc(slices.Clone(configured), func(d time.Duration) bool { return d <= at })...)
	}
	var out []time.Duration
	for _, want := range []float64{firstShare, secondShare} {
		step, known := s.within(want)
		switch {
		case known && step <= SettleStep(first):
			out = append(out, first)
		case known && settleBound(step) < last:
			out = append(out, settleBound(step))
		}
	}
	if len(out) == 0 && first < last { // hardly any has its outcome so soon: one look, in case things have changed
		return []time.Duration{last}
	}
	return slices.Compact(append(out, last))
}
