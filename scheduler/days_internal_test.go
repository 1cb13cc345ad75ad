package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// dayBench is a scheduler that looks only after days, over an embedded store, on a clock of its own.
type dayBench struct {
	t     *testing.T
	s     *Scheduler
	store *redisstore.Store
	now   time.Time
	// step is the time between two looks.
	step time.Duration
	rung []string
	// close has a rung day closed at once.
	close bool
}

func (b *dayBench) Day(ctx context.Context, d jobs.DayTask) error {
	b.rung = append(b.rung, d.String())
	if b.close && d.Act == jobs.ActClose {
		b.put(d.Provider, d.Date, topup.DocClosed, topup.DayClosed{At: b.now, Tries: 1})
	}
	return ctx.Err()
}

func (b *dayBench) Waiting(context.Context, string) (int, error) { return 0, nil }
func (b *dayBench) SendsAgain(context.Context, topup.ProviderName, []topup.Due) error {
	return nil
}
func (b *dayBench) Checks(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (b *dayBench) ChecksDue(context.Context, topup.ProviderName, int) error      { return nil }
func (b *dayBench) Callbacks(context.Context, []string) error                     { return nil }
func (b *dayBench) SMS(context.Context, topup.ID) error                           { return nil }
func (b *dayBench) SMSAgain(context.Context, []topup.ID) error                    { return nil }

func newDayBench(t *testing.T, zone string) *dayBench {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	b := &dayBench{t: t, store: redisstore.Open(rdb, redisstore.Options{}), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), step: 10 * time.Minute}
	t.Cleanup(b.store.Close)
	plan := topup.Plan{Early: []time.Duration{time.Minute}, Interval: time.Hour, Count: 3, EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Location: loc}
	b.s = &Scheduler{cfg: Config{
		Bell: b, Log: zap.NewNop(), Providers: []topup.ProviderName{topup.AAT}, CheckQueue: jobs.CheckQueue, Now: func() time.Time { return b.now },
		Days: &DaysConfig{Store: b.store, Bell: b, Plans: map[topup.ProviderName]topup.Plan{topup.AAT: plan}, CloseAfter: defaultCloseAfter, BalanceHours: defaultBalanceHours},
	}}
	return b
}

func (b *dayBench) put(p topup.ProviderName, date, name string, doc any) {
	b.t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.store.PutDay(b.t.Context(), p, date, name, text); err != nil {
		b.t.Fatal(err)
	}
}

// pass lets time go by, with a look every step, and returns what was rung for.
func (b *dayBench) pass(d time.Duration) []string {
	b.t.Helper()
	b.rung = nil
	for end := b.now.Add(d); b.now.Before(end); b.now = b.now.Add(b.step) {
		if err := b.s.endOfDay(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.rung
}

func (b *dayBench) alarms() (out []string) {
	b.t.Helper()
	all, err := b.store.Alarms(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range all {
		out = append(out, a.Name)
	}
	return out
}

func count(all []string, want string) (n int) {
	for _, s := range all {
		if s == want {
			n++
		}
	}
	return n
}

// TestDaysAreClosedAndBalancesRead over the change of the clocks: every day once, every local midnight among the readings.
func TestDaysAreClosedAndBalancesRead(t *testing.T) {
	t.Parallel()
	for zone, start := range map[string]time.Time{
		"Africa/Johannesburg": time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC), "Asia/Kolkata": time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		"America/New_York": time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC), "Australia/Lord_Howe": time.Date(2026, 4, 3, 12, 0, 0, 0, time.UTC),
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			b := newDayBench(t, zone)
			b.now, b.close, b.step = start, true, 30*time.Minute
			rung := b.pass(5 * 24 * time.Hour)
			plan := b.s.cfg.Days.Plans[topup.AAT]
			for n := 1; n <= 5; n++ {
				d := dayBefore(plan, b.now.Add(-time.Hour), n)
				if got := count(rung, "close:aat:"+d.name); got != 1 {
					t.Errorf("%s closed %d times", d.name, got)
				}
			}
			balances := 0
			for _, r := range rung {
				if len(r) > 8 && r[:8] == "balance:" {
					balances++
				}
			}
			if balances < 5*24-1 || balances > 5*24+3 {
				t.Errorf("the balance was read %d times in 5 days", balances)
			}
		})
	}
}

func TestDaysMissedAreClosedLater(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	b.close = true
	if rung := b.pass(2 * time.Hour); count(rung, "close:aat:2026-11-22") != 1 || count(rung, "close:aat:2026-11-21") != 0 {
		t.Errorf("at the first start the last day is closed and no other: %v", rung)
	}
	b.now = b.now.AddDate(0, 0, 4) // nobody is there for four days
	rung := b.pass(2 * time.Hour)
	var closed []string
	for _, r := range rung {
		if len(r) > 6 && r[:6] == "close:" {
			closed = append(closed, r)
		}
	}
	if want := []string{"close:aat:2026-11-23", "close:aat:2026-11-24", "close:aat:2026-11-25", "close:aat:2026-11-26"}; !slices.Equal(closed, want) {
		t.Errorf("closed %v, want %v", closed, want)
	}
	b.close = false
	if rung := b.pass(28 * time.Hour); count(rung, "close:aat:2026-11-27") < 2 {
		t.Errorf("a day that could not be closed is rung for again: %v", rung)
	}
}

// TestDayThatFailedIsNotForgotten: a day whose closing failed until the next one was closed is still closed.
func TestDayThatFailedIsNotForgotten(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	plan := b.s.cfg.Days.Plans[topup.AAT]
	yesterday, failed, first := dayBefore(plan, b.now, 1), dayBefore(plan, b.now, 2), dayBefore(plan, b.now, 3)
	for _, d := range []date{yesterday, first} {
		b.put(topup.AAT, d.name, topup.DocClosed, topup.DayClosed{At: b.now, Tries: 1})
	}
	rung := b.pass(time.Hour)
	if count(rung, "close:aat:"+failed.name) == 0 || count(rung, "close:aat:"+first.name) != 0 || count(rung, "close:aat:"+dayBefore(plan, b.now, 4).name) != 0 {
		t.Errorf("rung for %v", rung)
	}
}

func TestDaysLeaveTheLedger(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	b.s.cfg.Days.Keep = 35 * 24 * time.Hour
	if rung := b.pass(time.Hour); count(rung, "forget:aat:2026-10-18") != 0 {
		t.Errorf("days that were never closed are forgotten: %v", rung)
	}
	for _, date := range []string{"2026-10-16", "2026-10-17", "2026-10-18"} {
		b.put(topup.AAT, date, topup.DocClosed, topup.DayClosed{At: b.now, Tries: 1})
	}
	b.put(topup.AAT, "2026-10-16", topup.DocForgotten, topup.DayForgotten{At: b.now})
	b.put(topup.AAT, "2026-10-17", topup.DocForgotten, topup.DayForgotten{Begun: b.now}) // cut short: the rest is to go
	rung := b.pass(30 * time.Minute)
	if count(rung, "forget:aat:2026-10-17") != 1 || count(rung, "forget:aat:2026-10-16") != 0 || count(rung, "forget:aat:2026-10-18") != 1 || count(rung, "forget:aat:2026-10-19") != 0 {
		t.Errorf("35 days before the 23rd of November is the 19th of October: %v", rung)
	}
	b.now = b.now.AddDate(0, 0, 4) // the 19th to the 21st were never closed
	if rung := b.pass(time.Minute); count(rung, "forget:aat:2026-10-18") != 1 {
		t.Errorf("a day that nobody closed keeps those before it: %v", rung)
	}
}

func TestSweepAlarm(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	b.close = true
	b.pass(40 * time.Hour)
	if a := b.alarms(); len(a) != 0 {
		t.Fatalf("alarms although every sweep was worked through: %v", a)
	}
	x := &topup.Topup{ID: topup.NewID("m", "stuck"), Merchant: "m", Reference: "stuck", Provider: topup.AAT, Recipient: "+27831234567", Amount: topup.Money{Amount: decimal.New(2, 0), Currency: "ZAR"}}
	if err := x.Accept(topup.ActorIntake, b.now); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	policy := topup.Policy{Plan: b.s.cfg.Days.Plans[topup.AAT], Timeout: time.Minute, Margin: time.Second}
	for _, change := range []func(*topup.Topup) error{
		func(t *topup.Topup) error { return t.BeginSend(policy, 1, b.now) },
		func(t *topup.Topup) error { return t.RecordSend(policy, 1, topup.Outcome{}, b.now) },
	} {
		if _, err := b.store.Update(t.Context(), x.ID, change); err != nil {
			t.Fatal(err)
		}
	}
	b.pass(23 * time.Hour) // nobody asks about it
	if a := b.alarms(); len(a) != 0 {
		t.Errorf("too soon: %v", a)
	}
	b.pass(10 * time.Hour)
	if a := b.alarms(); !slices.Contains(a, topup.AlarmNoSweep) || !slices.Contains(a, topup.AlarmOldestUnknown) || len(a) != 2 {
		t.Errorf("nothing was swept for 33 hours: %v", a)
	}
	all, err := b.store.Alarms(t.Context())
	if err != nil || !all[0].Since.Before(b.now.Add(-time.Hour)) {
		t.Errorf("since when is not kept: %+v: %v", all, err)
	}
	if _, err := b.store.Update(t.Context(), x.ID, func(t *topup.Topup) error {
		return t.RecordCheck(policy, topup.Outcome{Answer: topup.Delivered}, b.now)
	}); err != nil {
		t.Fatal(err)
	}
	b.pass(24 * time.Hour)
	if a := b.alarms(); len(a) != 0 {
		t.Errorf("the alarms do not end: %v", a)
	}
}

func TestBalanceAlarm(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	hour := b.now.Truncate(time.Hour)
	for n := range 24 {
		add := topup.HourFigures{Succeeded: 10, Spent: map[string]int64{"ZAR": 100 * 100000}}
		if err := b.store.AddHour(t.Context(), topup.AAT, hour.Add(-time.Duration(n)*time.Hour), add); err != nil {
			t.Fatal(err)
		}
	}
	for amount, want := range map[int64][]string{1300: nil, 1100: {topup.AlarmBalanceLow}, 0: {topup.AlarmBalanceLow}} {
		if err := b.store.AddBalance(t.Context(), topup.AAT, b.now, topup.Money{Amount: decimal.New(amount, 0), Currency: "ZAR"}); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
		if a := b.alarms(); !slices.Equal(a, want) {
			t.Errorf("%d left at 100 an hour: %v, want %v", amount, a, want)
		}
	}
}

func TestBooksAlarm(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	doc := func(kinds ...string) map[string]any {
		var cases []map[string]any
		for _, k := range kinds {
			cases = append(cases, map[string]any{"kind": k, "count": 2})
		}
		return map[string]any{"cases": cases}
	}
	for _, c := range []struct {
		kinds []string
		want  []string
	}{
		{nil, nil}, {[]string{"drift_up"}, nil}, {[]string{"drift_down"}, []string{topup.AlarmDrift}},
		{[]string{"failed_but_booked", "drift_down"}, []string{topup.AlarmDrift, topup.AlarmBooksDiffer}}, {[]string{"count_differs"}, []string{topup.AlarmBooksDiffer}},
	} {
		b.put(topup.AAT, "2026-11-22", topup.DocClosed, topup.DayClosed{At: b.now, Tries: 1})
		b.put(topup.AAT, "2026-11-22", topup.DocReconcile, doc(c.kinds...))
		b.pass(time.Minute)
		if a := b.alarms(); !slices.Equal(a, c.want) {
			t.Errorf("%v: alarms %v, want %v", c.kinds, a, c.want)
		}
	}
}

func TestDayNotClosedAlarm(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	b.pass(30 * time.Hour) // the worker of the day queue is not there
	if a := b.alarms(); !slices.Contains(a, topup.AlarmDayNotClosed) {
		t.Errorf("alarms %v", a)
	}
}

// TestFailureBand: an hour is judged by what is usual for its provider, and by how many there were.
func TestFailureBand(t *testing.T) {
	t.Parallel()
	usual := func(share float64, swing float64, n int64) (out []topup.HourFigures) {
		for i := range 7 * 24 {
			s := share
			if i%2 == 0 {
				s += swing
			} else {
				s -= swing
			}
			failed := int64(s * float64(n))
			out = append(out, topup.HourFigures{Succeeded: n - failed, Failed: failed})
		}
		return out
	}
	for name, c := range map[string]struct {
		hours []topup.HourFigures
		rate  float64
		n     int64
		out   bool
	}{
		"as usual":               {usual(0.03, 0, 1000), 0.03, 1000, false},
		"a little more":          {usual(0.03, 0, 1000), 0.045, 1000, false},
		"three times as many":    {usual(0.03, 0, 1000), 0.09, 1000, true},
		"nothing works":          {usual(0.03, 0.01, 1000), 1, 60, true},
		"few, by chance":         {usual(0.05, 0, 1000), 0.12, 60, false},
		"a provider that swings": {usual(0.2, 0.1, 1000), 0.35, 1000, false},
		"far too few":            {usual(0.3, 0.01, 1000), 0, 1000, true},
		"nothing is known":       {usual(0.03, 0, 1000)[:5], 1, 1000, false},
	} {
		low, high, known := failureBand(c.hours, c.n)
		if out := known && (c.rate < low || c.rate > high); out != c.out {
			t.Errorf("%s: %.3f of %d, band %.3f to %.3f (%v): out %v, want %v", name, c.rate, c.n, low, high, known, out, c.out)
		}
	}
}

func TestFailureAlarm(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	hour := b.now.Truncate(time.Hour)
	for n := 2; n < 100; n++ {
		if err := b.store.AddHour(t.Context(), topup.AAT, hour.Add(-time.Duration(n)*time.Hour), topup.HourFigures{Succeeded: 97, Failed: 3}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.AddHour(t.Context(), topup.AAT, hour.Add(-time.Hour), topup.HourFigures{Succeeded: 60, Failed: 40}); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute)
	if a := b.alarms(); !slices.Equal(a, []string{topup.AlarmFailureRate}) {
		t.Errorf("40 %% failed: %v", a)
	}
}

// awayCount counts what is due with a part of the store away.
type awayCount struct{ *redisstore.Store }

func (awayCount) CountDueChecks(context.Context, topup.ProviderName, time.Time) (int64, error) {
	return 0, topup.ErrUnavailable
}

// TestNoSweepIsNotedOnHalfACount: nobody knows what waits in the part that is away.
func TestNoSweepIsNotedOnHalfACount(t *testing.T) {
	t.Parallel()
	b := newDayBench(t, "UTC")
	plan := b.s.cfg.Days.Plans[topup.AAT]
	name := dayBefore(plan, lastSweep(plan, b.now), 0).name
	b.s.days.rung = map[string]time.Time{}
	b.s.cfg.Days.Store = awayCount{b.store}
	if err := b.s.noteSweep(b.t.Context(), topup.AAT, plan, b.now); !errors.Is(err, topup.ErrUnavailable) {
		t.Errorf("note on half a count: %v", err)
	}
	if _, err := b.store.GetDay(t.Context(), topup.AAT, name, topup.DocSweep); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("the sweep is noted: %v", err)
	}
	b.s.cfg.Days.Store = b.store
	if err := b.s.noteSweep(b.t.Context(), topup.AAT, plan, b.now); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.GetDay(t.Context(), topup.AAT, name, topup.DocSweep); err != nil {
		t.Errorf("with all of it back: %v", err)
	}
}
