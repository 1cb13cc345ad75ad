package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"topupq/jobs"
	"topupq/topup"
)

// DayStore is what the scheduler reads and keeps about days.
type DayStore interface {
	GetDay(ctx context.Context, p topup.ProviderName, date, name string) (json.RawMessage, error)
	PutDay(ctx context.Context, p topup.ProviderName, date, name string, doc json.RawMessage) error
	CountDueChecks(ctx context.Context, p topup.ProviderName, now time.Time) (int64, error)
	Stocks(ctx context.Context, now time.Time, ages []time.Duration) ([]topup.Stock, error)
	Balances(ctx context.Context, p topup.ProviderName, from, to time.Time) ([]topup.BalanceAt, error)
	Hours(ctx context.Context, p topup.ProviderName, from, to time.Time) ([]topup.HourFigures, error)
	PutAlarms(ctx context.Context, alarms []topup.Alarm) error
	Alarms(ctx context.Context) ([]topup.Alarm, error)
}

// DayBell rings for a day's tasks.
type DayBell interface {
	Day(ctx context.Context, d jobs.DayTask) error
}

// DaysConfig is what is needed to look after the ends of days and the alarms.
type DaysConfig struct {
	Store DayStore
	Bell  DayBell
	// Plans have each provider's zone and sweep.
	Plans map[topup.ProviderName]topup.Plan
	// CloseAfter (30 min) is how long after its end a day is closed, so that what was sent in its last minutes has its
	// first answers.
	CloseAfter time.Duration
	// Keep is how long closed top-ups stay in the ledger; 0 for ever.
	Keep time.Duration
	// BalanceHours (12) is the alarm's bound: the balance is to last for so many hours at the rate of the last day.
	BalanceHours int
}

const (
	defaultCloseAfter   = 30 * time.Minute
	defaultBalanceHours = 12
	// daysEvery is the time between two looks at the days.
	daysEvery = time.Minute
	// ringAgain is when a day's task is rung for once more.
	ringAgain = 10 * time.Minute
	// lookBack is how many days after their end are still closed, or forgotten, when nobody was there to do it in time.
	lookBack = 14
	// secondChance is when what could not leave the ledger is tried again.
	secondChance = 30 * 24 * time.Hour
)

// days is the scheduler's memory about days. It serves only to ring less often: a new leader begins without it.
type days struct {
	lookedAt time.Time
	rung     map[string]time.Time
	judged   map[topup.ProviderName]judgement
}

// endOfDay looks after the days once a minute.
func (s *Scheduler) endOfDay(ctx context.Context) error {
	now := s.cfg.Now()
	if s.cfg.Days == nil || now.Sub(s.days.lookedAt) < daysEvery {
		return nil
	}
	s.days.lookedAt = now
	if s.days.rung == nil {
		s.days.rung, s.days.judged = map[string]time.Time{}, map[topup.ProviderName]judgement{}
	}
	var errs []error
	for _, p := range s.cfg.Providers {
		plan, ok := s.cfg.Days.Plans[p]
		if !ok {
			continue
		}
		errs = append(errs, s.ringBalance(ctx, p, plan, now), s.ringClose(ctx, p, plan, now), s.ringForget(ctx, p, plan, now), s.noteSweep(ctx, p, plan, now))
	}
	return errors.Join(append(errs, s.lookForAlarms(ctx, now))...)
}

// date is a day of a provider's calendar.
type date struct {
	name     string
	from, to time.Time
}

// dayBefore is the day that ended n days ago: 1 for yesterday.
func dayBefore(plan topup.Plan, now time.Time, n int) date {
	loc := plan.Location
	if loc == nil {
		loc = time.UTC
	}
	y, m, d := now.In(loc).Date()
	return date{
		name: time.Date(y, m, d-n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		from: time.Date(y, m, d-n, 0, 0, 0, 0, loc), to: time.Date(y, m, d-n+1, 0, 0, 0, 0, loc),
	}
}

// ring rings for a task unless it did so within the time.
func (s *Scheduler) ring(ctx context.Context, d jobs.DayTask, again time.Duration, now time.Time) error {
	if last, ok := s.days.rung[d.String()]; ok && now.Sub(last) < again {
		return nil
	}
	if err := s.cfg.Days.Bell.Day(ctx, d); err != nil {
		return fmt.Errorf("ring for %s: %w", d, err)
	}
	s.days.rung[d.String()] = now
	return nil
}

// ringBalance has the balance read at every full hour of the provider's clock, so that its midnights are among them.
func (s *Scheduler) ringBalance(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) error {
	today := dayBefore(plan, now, 0)
	hour := today.from.Add(now.Sub(today.from).Truncate(time.Hour))
	key := "balance of " + string(p)
	if !s.days.rung[key].Before(hour) {
		return nil
	}
	s.days.rung[key] = hour
	return s.cfg.Days.Bell.Day(ctx, jobs.DayTask{Act: jobs.ActBalance, Provider: p, Date: today.name})
}

// ringClose has every day closed that is over, the oldest first, also one that failed while later ones did not. Where no day
// was ever closed it begins with the last.
func (s *Scheduler) ringClose(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) error {
	var open []date
	everClosed, begun := false, 0 // begun is how many of open are later than a closed day
	for n := 1; n <= lookBack; n++ {
		d := dayBefore(plan, now, n)
		if now.Before(d.to.Add(s.cfg.Days.CloseAfter)) {
			continue
		}
		var mark topup.DayClosed
		if err := s.dayDoc(ctx, p, d.name, topup.DocClosed, &mark); err != nil {
			return err
		}
		if mark.Done() {
			everClosed, begun = true, len(open)
		} else {
			open = append(open, d)
		}
	}
	if !everClosed {
		begun = 1
	}
	open = open[:min(begun, len(open))]
	slices.Reverse(open)
	for _, d := range open {
		if err := s.ring(ctx, jobs.DayTask{Act: jobs.ActClose, Provider: p, Date: d.name}, ringAgain, now); err != nil {
			return err
		}
	}
	return nil
}

// ringForget has days taken out of the ledger that were kept for long enough, and gives what had to stay a second chance.
func (s *Scheduler) ringForget(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) error {
	if s.cfg.Days.Keep <= 0 {
		return nil
	}
	for _, since := range []time.Duration{0, secondChance} {
		for n := 1; n <= lookBack; n++ {
			d := dayBefore(plan, now.Add(-s.cfg.Days.Keep-since), n)
			var gone topup.DayForgotten
			if err := s.dayDoc(ctx, p, d.name, topup.DocForgotten, &gone); err != nil {
				return err
			}
			again := !gone.At.IsZero() && gone.Left > 0 && now.Sub(gone.At) >= secondChance
			if !gone.At.IsZero() && !again {
				break
			}
			var mark topup.DayClosed
			if err := s.dayDoc(ctx, p, d.name, topup.DocClosed, &mark); err != nil {
				return err
			}
			if mark.Tries == 0 {
				continue // nobody has closed it; what lies before it may be
			}
			if err := s.ring(ctx, jobs.DayTask{Act: jobs.ActForget, Provider: p, Date: d.name}, time.Hour, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepSlack is how long after its time a check of a sweep may come without being late.
const sweepSlack = time.Minute

// noteSweep notes that a sweep was worked through: its window is past, and nothing that was due by a little while ago
// waits in the ledger or in the queue.
func (s *Scheduler) noteSweep(ctx context.Context, p topup.ProviderName, plan topup.Plan, now time.Time) error {
	last := lastSweep(plan, now.Add(-plan.Window()-sweepSlack))
	name := dayBefore(plan, last, 0).name
	key := "sweep of " + string(p)
	if s.days.rung[key].Equal(last) {
		return nil
	}
	due, err := s.cfg.Days.Store.CountDueChecks(ctx, p, now.Add(-sweepSlack))
	if err != nil || due > 0 {
		return err
	}
	waiting, err := s.cfg.Bell.Waiting(ctx, s.cfg.CheckQueue(p))
	if err != nil || waiting > 0 {
		return err
	}
	var done topup.DaySwept
	if err := s.dayDoc(ctx, p, name, topup.DocSweep, &done); err != nil {
		return err
	}
	if done.Done.IsZero() {
		text, err := json.Marshal(topup.DaySwept{Sweep: last, Done: now.UTC()})
		if err != nil {
			return fmt.Errorf("encode sweep: %w", err)
		}
		if err := s.cfg.Days.Store.PutDay(ctx, p, name, topup.DocSweep, text); err != nil {
			return err
		}
	}
	s.days.rung[key] = last
	return nil
}

// lastSweep is the last sweep that has begun by an instant.
func lastSweep(plan topup.Plan, at time.Time) time.Time {
	from := at.Add(-49 * time.Hour)
	last := plan.Sweep(from)
	for next := plan.Sweep(last); !next.After(at); next = plan.Sweep(next) {
		last = next
	}
	return last
}

// dayDoc reads a document, and leaves doc as it is where there is none.
func (s *Scheduler) dayDoc(ctx context.Context, p topup.ProviderName, date, name string, doc any) error {
	text, err := s.cfg.Days.Store.GetDay(ctx, p, date, name)
	if errors.Is(err, topup.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read day: %w", err)
	}
	if err := json.Unmarshal(text, doc); err != nil {
		return fmt.Errorf("decode %s of %s: %w", name, date, err)
	}
	return nil
}
