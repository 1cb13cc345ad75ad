package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/topup"
)

const (
	// sweepMost is how long the last good sweep may lie back, unknownMost how long a top-up may be unknown.
	sweepMost   = 25 * time.Hour
	unknownMost = 24 * time.Hour
	// closeMost is how long after its time a day may stay open.
	closeMost = 6 * time.Hour
	// bandDays of hours make a provider's usual band of failures; bandHours of them are needed, each with bandLeast
	// outcomes, and bandNow outcomes in the hour that is judged. bandWidth is in standard deviations, bandMargin the
	// least width.
	bandDays   = 7
	bandHours  = 12
	bandLeast  = 20
	bandNow    = 50
	bandWidth  = 4
	bandMargin = 0.02
)

// lookForAlarms finds out what is wrong, keeps it for whoever shows it, and logs what has changed.
func (s *Scheduler) lookForAlarms(ctx context.Context, now time.Time) error {
	var found []topup.Alarm
	var errs []error
	for _, p := range s.cfg.Providers {
		plan, ok := s.cfg.Days.Plans[p]
		if !ok {
			continue
		}
		for _, look := range []func(context.Context, topup.ProviderName, topup.Plan, time.Time) ([]topup.Alarm, error){
			s.sweepAlarm, s.balanceAlarm, s.booksAlarm, s.failureAlarm,
		} {
			alarms, err := look(ctx, p, plan, now)
			found, errs = append(found, alarms...), append(errs, err)
		}
	}
	unknown, err := s.unknownAlarms(ctx, now)
	found, errs = append(found, unknown...), append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("look for alarms: %w", err) // what could not be looked at is not said to be well
	}
	return s.keepAlarms(ctx, found, now)
}

// keepAlarms stores the alarms with the time since when each is in force.
func (s *Scheduler) keepAlarms(ctx context.Context, found []topup.Alarm, now time.Time) error {
	before, err := s.cfg.Days.Store.Alarms(ctx)
	if err != nil {
		return err
	}
	same := func(a topup.Alarm) func(topup.Alarm) bool {
		return func(b topup.Alarm) bool { return a.Name == b.Name && a.Provider == b.Provider }
	}
	for i, a := range found {
		found[i].Since = now.UTC()
		if n := slices.IndexFunc(before, same(a)); n >= 0 {
			found[i].Since = before[n].Since
			continue
		}
		s.cfg.Log.Error("alarm", zap.String("name", a.Name), zap.String("provider", string(a.Provider)), zap.String("detail", a.Detail))
	}
	for _, b := range before {
		if !slices.ContainsFunc(found, same(b)) {
			s.cfg.Log.Info("alarm is over", zap.String("name", b.Name), zap.String("provider", string(b.Provider)))
		}
	}
	return s.cfg.Days.Store.PutAlarms(ctx, found)
}

func alarm(name string, p topup.ProviderName, format string, args ...any) []topup.Alarm {
	return []topup.Alarm{{Name: name, Provider: p, Detail: fmt.Sprintf(format, args...)}}
}

// sweepAlarm: no sweep was worked through for 25 hours. An installation that has never swept is given that long.
func (s *Scheduler) sweepAlarm(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) ([]topup.Alarm, error) {
	var swept topup.DaySwept
	for n := range 3 {
		if err := s.dayDoc(ctx, p, dayBefore(plan, now, n).name, topup.DocSweep, &swept); err != nil {
			return nil, err
		}
		if !swept.Done.IsZero() {
			break
		}
	}
	since := swept.Done
	if since.IsZero() {
		first, err := s.firstSeen(ctx, p, now)
		if err != nil {
			return nil, err
		}
		since = first
	}
	if now.Sub(since) <= sweepMost {
		return nil, nil
	}
	return alarm(topup.AlarmNoSweep, p, "No end-of-day sweep was worked through for %d hours.", int(now.Sub(since).Hours())), nil
}

// firstSeen is when a scheduler looked after the provider first.
func (s *Scheduler) firstSeen(ctx context.Context, p topup.ProviderName, now time.Time) (time.Time, error) {
	const begun, name = "begun", "scheduler"
	var at time.Time
	if err := s.dayDoc(ctx, p, begun, name, &at); err != nil || !at.IsZero() {
		return at, err
	}
	text, err := json.Marshal(now.UTC())
	if err != nil {
		return now, fmt.Errorf("encode time: %w", err)
	}
	return now, s.cfg.Days.Store.PutDay(ctx, p, begun, name, text)
}

// unknownAlarms: money may be gone without anybody knowing for a day.
func (s *Scheduler) unknownAlarms(ctx context.Context, now time.Time) ([]topup.Alarm, error) {
	stocks, err := s.cfg.Days.Store.Stocks(ctx, now, []time.Duration{unknownMost})
	if err != nil {
		return nil, err
	}
	var out []topup.Alarm
	for _, st := range stocks {
		if st.State == topup.Unknown && now.Sub(st.Oldest) > unknownMost {
			out = append(out, alarm(topup.AlarmOldestUnknown, st.Provider, "%d top-ups are unknown for more than a day, the oldest since %s.", st.Older[0], st.Oldest.UTC().Format(time.RFC3339))...)
		}
	}
	return out, nil
}

// balanceAlarm: the float does not last for long at the rate at which it was spent in the last day.
func (s *Scheduler) balanceAlarm(ctx context.Context, p topup.ProviderName, _ topup.Plan, now time.Time) ([]topup.Alarm, error) {
	balances, err := s.cfg.Days.Store.Balances(ctx, p, now.Add(-24*time.Hour), now)
	if err != nil || len(balances) == 0 {
		return nil, err
	}
	hours, err := s.cfg.Days.Store.Hours(ctx, p, now.Add(-24*time.Hour), now)
	if err != nil {
		return nil, err
	}
	last := balances[len(balances)-1].Amount
	spent := int64(0)
	for _, h := range hours {
		spent += h.Spent[last.Currency]
	}
	if spent <= 0 {
		return nil, nil
	}
	perHour := topup.FromMicros(spent, last.Currency).Amount.Div(decimal.NewFromInt(int64(len(hours))))
	left := last.Amount.Div(perHour)
	if left.GreaterThanOrEqual(decimal.NewFromInt(int64(s.cfg.Days.BalanceHours))) {
		return nil, nil
	}
	return alarm(topup.AlarmBalanceLow, p, "The balance of %s lasts for %s hours at the rate of the last day.", last, left.StringFixed(1)), nil
}

// books is what is read of a day's comparison.
type books struct {
	Cases []struct {
		Kind  string `json:"kind"`
		Count int64  `json:"count"`
	} `json:"cases"`
}

// booksAlarm: the last closed day's books differ, or it was not closed in time.
func (s *Scheduler) booksAlarm(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) ([]topup.Alarm, error) {
	yesterday := dayBefore(plan, now, 1)
	var mark topup.DayClosed
	if err := s.dayDoc(ctx, p, yesterday.name, topup.DocClosed, &mark); err != nil {
		return nil, err
	}
	d := yesterday
	var out []topup.Alarm
	if mark.Tries == 0 || mark.Problem != "" {
		if first, err := s.firstSeen(ctx, p, now); err != nil {
			return nil, err
		} else if late := yesterday.to.Add(s.cfg.Days.CloseAfter + closeMost); now.After(late) && first.Before(yesterday.to) {
			out = alarm(topup.AlarmDayNotClosed, p, "%s is not closed: %s", yesterday.name, orText(mark.Problem, "nobody has done it."))
		}
		d = dayBefore(plan, now, 2)
	}
	var b books
	if err := s.dayDoc(ctx, p, d.name, topup.DocReconcile, &b); err != nil {
		return nil, err
	}
	var differ []string
	for _, c := range b.Cases {
		switch c.Kind {
		case "drift_down":
			out = append(out, alarm(topup.AlarmDrift, p, "The balance of %s lost more than the top-ups of that day explain.", d.name)...)
		case "drift_up":
		default:
			differ = append(differ, fmt.Sprintf("%s %d", c.Kind, c.Count))
		}
	}
	if len(differ) > 0 {
		out = append(out, alarm(topup.AlarmBooksDiffer, p, "The books of %s differ: %s.", d.name, strings.Join(differ, ", "))...)
	}
	return out, nil
}

func orText(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// failureAlarm: the share of failures of the last full hour is out of the provider's own usual band.
func (s *Scheduler) failureAlarm(ctx context.Context, p topup.ProviderName, _ topup.Plan, now time.Time) ([]topup.Alarm, error) {
	end := now.UTC().Truncate(time.Hour)
	if judged, ok := s.days.judged[p]; ok && judged.hour.Equal(end) {
		return judged.alarms, nil
	}
	alarms, err := s.judgeHour(ctx, p, end)
	if err == nil {
		s.days.judged[p] = judgement{end, alarms}
	}
	return alarms, err
}

// judgement is what was said of the hour before.
type judgement struct {
	hour   time.Time
	alarms []topup.Alarm
}

// judgeHour compares the hour before end with those before it.
func (s *Scheduler) judgeHour(ctx context.Context, p topup.ProviderName, end time.Time) ([]topup.Alarm, error) {
	hours, err := s.cfg.Days.Store.Hours(ctx, p, end.Add(-bandDays*24*time.Hour), end)
	if err != nil || len(hours) == 0 {
		return nil, err
	}
	last, usual := hours[len(hours)-1], hours[:len(hours)-1]
	low, high, known := failureBand(usual, last.Succeeded+last.Failed)
	if rate := failureShare(last); known && last.Succeeded+last.Failed >= bandNow && (rate < low || rate > high) {
		return alarm(topup.AlarmFailureRate, p, "%.1f %% of the last hour's %d top-ups failed; usual are %.1f to %.1f %%.", 100*rate, last.Succeeded+last.Failed, 100*low, 100*high), nil
	}
	return nil, nil
}

func failureShare(h topup.HourFigures) float64 {
	if n := h.Succeeded + h.Failed; n > 0 {
		return float64(h.Failed) / float64(n)
	}
	return 0
}

// failureBand is the share of failures that an hour with n outcomes may have, by what the hours before had. It is as wide
// as chance alone makes it for so few, and as the hours differ among themselves.
func failureBand(hours []topup.HourFigures, n int64) (low, high float64, known bool) {
	var sum, squares, seen float64
	for _, h := range hours {
		if h.Succeeded+h.Failed < bandLeast {
			continue
		}
		share := failureShare(h)
		sum, squares, seen = sum+share, squares+share*share, seen+1
	}
	if seen < bandHours || n == 0 {
		return 0, 0, false
	}
	mean := sum / seen
	chance := math.Sqrt(mean * (1 - mean) / float64(n))
	among := math.Sqrt(max(squares/seen-mean*mean, 0))
	width := max(bandWidth*max(chance, among), bandMargin)
	return mean - width, mean + width, true
}
