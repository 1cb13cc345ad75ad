package workers

import (
	"context"
	"time"

	"topupq/topup"
)

// ration decides how many of a day's status calls may be made by now. Half of them are kept for the sweep at the end of
// the day; the other half is let out bit by bit, so that a busy morning does not silence the afternoon. A day is that
// of the provider.
type ration struct {
	plan   topup.Plan
	budget int64
}

// lead is the part of a day by which the calls before the sweep may run ahead.
const rationLead = 1.0 / 12

// day names the day of an instant.
func (r ration) day(now time.Time) string { return r.local(now).Format("20060102") }

func (r ration) local(now time.Time) time.Time {
	if r.plan.Location == nil {
		return now.UTC()
	}
	return now.In(r.plan.Location)
}

// limit is how many calls may have been made by now, 0 for no limit.
func (r ration) limit(now time.Time) int64 {
	if r.budget <= 0 || r.swept(now) {
		return r.budget
	}
	local := r.local(now)
	begin := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
	end := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, local.Location())
	gone := min(float64(now.Sub(begin))/float64(end.Sub(begin))+rationLead, 1)
	return max(int64(gone*float64(r.budget)/2), 1)
}

// swept reports whether the day's sweep has begun.
func (r ration) swept(now time.Time) bool {
	next := r.plan.Sweep(now)
	return r.day(next) != r.day(now)
}

// spend takes one call, false when no more may be made by now.
func (r ration) spend(ctx context.Context, c controls, p topup.ProviderName, now time.Time) (bool, error) {
	return c.SpendCall(ctx, p, r.day(now), r.limit(now))
}
