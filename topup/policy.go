package topup

import "time"

// Policy is what the transitions need to know about a provider: its plan, its traits and our limits.
type Policy struct {
	Plan   Plan
	Traits Traits
	// Timeout bounds the paying call; Margin is the grace after which a submitting top-up is rescued.
	Timeout, Margin time.Duration
	// MaxTries bounds the sends that came back as provably not sent, MaxResends the sends after a proof of absence.
	MaxTries, MaxResends int
	// Backoff bounds: the n-th wait is Base doubled n-1 times, at most Cap. Defaults 2 s and 5 min.
	BackoffBase, BackoffCap time.Duration
	// Settle is what was seen of the times to an outcome, nil for nothing.
	Settle *SettleTimes
}

// openPlan is the plan of an open top-up: the early checks are those that its operator's times suggest.
func (p Policy) openPlan(id ID) Plan {
	plan := p.Plan
	plan.Early = p.Settle.Early(id, plan.Early)
	return plan
}

const (
	defaultMaxTries    = 12
	defaultMaxResends  = 3
	defaultBackoffBase = 2 * time.Second
	defaultBackoffCap  = 5 * time.Minute
)

// backoff is the wait before try number n (from 1).
func (p Policy) backoff(n int) time.Duration {
	base, limit := p.BackoffBase, p.BackoffCap
	if base == 0 {
		base = defaultBackoffBase
	}
	if limit == 0 {
		limit = defaultBackoffCap
	}
	d := base
	for i := 1; i < n && d < limit; i++ {
		d *= 2
	}
	return min(d, limit)
}

func (p Policy) maxTries() int {
	if p.MaxTries == 0 {
		return defaultMaxTries
	}
	return p.MaxTries
}

func (p Policy) maxResends() int {
	if p.MaxResends == 0 {
		return defaultMaxResends
	}
	return p.MaxResends
}

// absenceFinal is the earliest time at which a second "no such reference" counts.
func (p Policy) absenceFinal(t *Topup) time.Time { return t.SendDeadline.Add(p.Traits.Hold) }
