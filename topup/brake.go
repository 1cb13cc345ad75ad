package topup

import (
	"context"
	"math"
	"time"
)

// CodeBrake is the reason of a pause that the failures of an operator's first rows in a batch have caused; CodeCanary
// means that a row waits for what becomes of them.
const (
	CodeBrake  Code = "operator_failing"
	CodeCanary Code = "first_rows"
)

// Failures counts definite outcomes, and how many of them were failures.
type Failures struct {
	All    int64 `json:"all"`
	Failed int64 `json:"failed"`
}

// Add sums two counts.
func (f Failures) Add(o Failures) Failures { return Failures{f.All + o.All, f.Failed + o.Failed} }

// What is taken for usual before anything is known, as if so many had been seen; usualMost bounds the rate that may
// count as usual.
const (
	priorAll    = 100
	priorFailed = 10
	usualMost   = 0.5
	bandWidth   = 3
)

// Leaves reports whether f is so far above the usual rate that chance does not explain it: more failures than are
// expected of so many, by more than three standard deviations and one. Fewer than least prove nothing.
func (f Failures) Leaves(usual Failures, least int64) bool {
	if f.All < least {
		return false
	}
	p := min(float64(usual.Failed+priorFailed)/float64(usual.All+priorAll), usualMost)
	n := float64(f.All)
	return float64(f.Failed) > n*p+bandWidth*math.Sqrt(n*p*(1-p))+1
}

// BrakeKey names what the brake of a batch looks at: the mobile operator as far as the merchant's order tells it, else
// the provider and the country. It stays the same when lookups complete the order.
func (t *Topup) BrakeKey() string {
	if key := t.operatorOf(t.Product); key != "" {
		return key
	}
	return string(t.Provider) + ":" + t.Country
}

// BrakeScope is the pause of one operator in t's batch.
func (t *Topup) BrakeScope() PauseScope {
	return PauseScope{Kind: PauseByBrake, Name: string(t.Batch) + "/" + t.BrakeKey()}
}

// Outcomes keeps how often operators fail.
type Outcomes interface {
	// AddOutcomes counts definite outcomes of an operator; UsualOutcomes reads what was counted, older ones weighing
	// less and less.
	AddOutcomes(ctx context.Context, key string, f Failures) error
	UsualOutcomes(ctx context.Context, key string) (Failures, error)
}

// BatchPaused says which operator's rows of a batch wait because too many failed.
type BatchPaused struct {
	Operator string    `json:"operator"`
	Settled  int64     `json:"settled"`
	Failed   int64     `json:"failed"`
	Since    time.Time `json:"since"`
}

// Brake notes that an operator's rows wait, and owes the merchant the batch.paused event. ErrUnchanged when the batch
// is closed, or that is noted already.
func (b *Batch) Brake(p BatchPaused) error {
	if !b.ClosedAt.IsZero() || (b.Paused != nil && b.Paused.Operator == p.Operator && b.Paused.Settled == p.Settled) {
		return ErrUnchanged
	}
	b.Paused = &p
	b.owe(EventBatchPaused, p.Since)
	return nil
}

// owe makes e the event that the merchant is told of next, in a version of its own.
func (b *Batch) owe(e EventType, now time.Time) {
	version := 1
	if b.Callback != nil {
		version = b.Callback.Version + 1
	}
	b.Callback = &Callback{Version: version, Type: e, State: CallbackWaiting, NextAt: now}
}
