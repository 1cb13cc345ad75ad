package topup_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"topupq/topup"
)

// zones are those of the providers and every kind of oddity: half and quarter hours, summer time by half an hour or two
// hours, midnight changes, both ends of the date line.
var zones = []string{
	"UTC", "Africa/Johannesburg", "Asia/Kolkata", "America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Havana",
	"America/Santiago", "America/Asuncion", "Atlantic/Azores", "Africa/Cairo", "Africa/Casablanca", "Antarctica/Troll", "Asia/Beirut",
	"Asia/Gaza", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Australia/Adelaide", "Australia/Lord_Howe", "Europe/Berlin",
	"Europe/London", "Pacific/Apia", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Marquesas", "Pacific/Pago_Pago",
}

// sweepTimes lie at midnight, in skipped and in repeated hours, and where the default is.
var sweepTimes = []string{"23:30", "00:00", "23:59:59", "02:30", "01:30", "00:30", "12:00"}

func location(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func testPlan(tb testing.TB, zone, sweep string) topup.Plan {
	tb.Helper()
	at, err := topup.ParseTimeOfDay(sweep)
	if err != nil {
		tb.Fatal(err)
	}
	return topup.Plan{
		Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
		EndOfDay: at, Location: location(tb, zone), Confirm: topup.ConfirmHourly,
	}
}

// span is when one scheduled check may happen.
type span struct {
	name        string
	first, last time.Time
}

// sweepsBetween lists the sweeps after from up to the first one after until, from the calendar alone: one for every date.
func sweepsBetween(p topup.Plan, from, until time.Time) []time.Time {
	var out []time.Time
	d := time.Duration(p.EndOfDay)
	y, m, date := from.In(p.Location).Date()
	for day := time.Date(y, m, date-2, 0, 0, 0, 0, time.UTC); ; day = day.AddDate(0, 0, 1) {
		at := time.Date(day.Year(), day.Month(), day.Day(), int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60, 0, p.Location)
		if !at.After(from) {
			continue
		}
		out = append(out, at.UTC())
		if at.After(until) {
			return out
		}
	}
}

// openSpans are the checks that the contract promises for a top-up that stays open: after 10 s, 1 min and 5 min, after 1,
// 2 and 3 hours, and every sweep after the send up to the first one after the third hourly check. third is when that was.
func openSpans(p topup.Plan, sent, third time.Time) []span {
	var out []span
	add := func(name string, at time.Time, slack time.Duration) {
		out = append(out, span{name, at.Truncate(time.Millisecond), at.Add(slack)})
	}
	for _, d := range append(slices.Clone(p.Early), time.Hour, 2*time.Hour, 3*time.Hour) {
		add(d.String(), sent.Add(d), d*5/100)
	}
	for _, s := range sweepsBetween(p, sent, third) {
		add("sweep "+s.Format(time.RFC3339), s, 3*time.Minute)
	}
	return out
}

// matchSpans finds out whether the checks are exactly those of the spans. Two spans that overlap may share one check.
func matchSpans(checks []time.Time, spans []span) error {
	slices.SortStableFunc(spans, func(a, b span) int { return a.last.Compare(b.last) })
	used := make([]bool, len(checks))
	for i, s := range spans {
		found := false
		for j, at := range checks {
			if !used[j] && !at.Before(s.first) && !at.After(s.last) {
				used[j], found = true, true
				break
			}
		}
		shared := i > 0 && !spans[i-1].last.Before(s.first)
		if !found && !shared {
			return fmt.Errorf("no check for %s between %v and %v", s.name, s.first, s.last)
		}
	}
	for j, at := range checks {
		if !used[j] {
			return fmt.Errorf("an extra check at %v", at)
		}
	}
	return nil
}

// walkOpen goes from check to check as the scheduler does, from the send to the last check.
func walkOpen(p topup.Plan, s topup.Subject) (checks []time.Time, err error) {
	last := p.LastCheck(s)
	for now := s.Sent; now.Before(last); {
		next := p.NextOpen(s, now)
		if !next.After(now) || len(checks) > 20 {
			return checks, fmt.Errorf("check %d is at %v, the one before at %v", len(checks), next, now)
		}
		checks, now = append(checks, next), next
	}
	return checks, nil
}

// TestOpenTopupGetsExactlyItsChecks proves the whole set: nothing is missed and nothing is asked twice, in every zone, on
// every day of two years, whichever way checks are spread.
func TestOpenTopupGetsExactlyItsChecks(t *testing.T) {
	t.Parallel()
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			for i := range 2 * 366 {
				p := testPlan(t, zone, sweepTimes[i%len(sweepTimes)])
				p.Gather, p.Ranked = i%3 == 1, i%4 == 1
				day := time.Date(2026, 1, 1+i, 0, 0, 0, 0, p.Location)
				for _, into := range []time.Duration{0, time.Duration(i*7919%86400) * time.Second, 24*time.Hour - 1500*time.Millisecond} {
					checkOpen(t, p, topup.Subject{ID: topup.NewID("m", fmt.Sprint(zone, i, into)), Sent: day.Add(into).UTC(), Micros: int64(i) * 12345})
				}
			}
		})
	}
}

func checkOpen(t *testing.T, p topup.Plan, s topup.Subject) {
	t.Helper()
	checks, err := walkOpen(p, s)
	if err != nil {
		t.Fatal(err)
	}
	third := slices.IndexFunc(checks, func(at time.Time) bool {
		d := at.Sub(s.Sent)
		return d >= 3*time.Hour-time.Millisecond && d <= 3*time.Hour*105/100
	})
	if third < 0 {
		t.Fatalf("no third hourly check among %v of what was sent at %v", checks, s.Sent)
	}
	// The last check belongs to the first sweep after the third hourly check, never to an earlier one.
	if err := matchSpans(checks, openSpans(p, s.Sent, checks[third])); err != nil {
		t.Fatalf("sent %v, sweep at %v: %v\n%v", s.Sent.In(p.Location), p.EndOfDay, err, checks)
	}
}

// TestOpenChecksAtAnyInstant is the same for instants that nobody thought of, and for a scheduler that comes late: what
// is overdue is asked once, however many checks were missed.
func TestOpenChecksAtAnyInstant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := testPlan(t, rapid.SampledFrom(zones).Draw(rt, "zone"), rapid.SampledFrom(sweepTimes).Draw(rt, "sweep"))
		p.Gather, p.Ranked = rapid.Bool().Draw(rt, "gather"), rapid.Bool().Draw(rt, "ranked")
		sent := time.UnixMilli(rapid.Int64Range(1767225600000, 1830297600000).Draw(rt, "sent")).UTC()
		s := topup.Subject{ID: topup.NewID("m", rapid.StringMatching(`[a-z]{1,8}`).Draw(rt, "reference")), Sent: sent, Micros: rapid.Int64Range(0, 1e12).Draw(rt, "micros")}
		checks, err := walkOpen(p, s)
		if err != nil {
			rt.Fatal(err)
		}
		late := time.Duration(rapid.IntRange(0, 7200).Draw(rt, "late")) * time.Second
		asked := 0
		for now := sent; now.Before(p.LastCheck(s)); asked++ {
			now = p.NextOpen(s, now).Add(late)
		}
		if asked > len(checks) {
			rt.Fatalf("%d questions by a scheduler %v late, %d by a punctual one", asked, late, len(checks))
		}
	})
}

func TestSweepOncePerDay(t *testing.T) {
	t.Parallel()
	for _, zone := range zones {
		for _, at := range sweepTimes {
			p := testPlan(t, zone, at)
			from := time.Date(2025, 12, 31, 0, 0, 0, 0, p.Location).AddDate(0, 0, -2)
			want := sweepsBetween(p, from, from.AddDate(2, 0, 0))
			now := from
			for _, w := range want {
				next := p.Sweep(now)
				if !next.Equal(w) {
					t.Fatalf("%s %s: sweep at %v, want %v", zone, at, next, w)
				}
				if gap := next.Sub(now); now.After(from) && (gap < 22*time.Hour || gap > 26*time.Hour) {
					t.Fatalf("%s %s: %v after the sweep before", zone, at, gap)
				}
				now = next
			}
		}
	}
}

func TestConfirmChecks(t *testing.T) {
	t.Parallel()
	for i := range 3000 {
		p := testPlan(t, zones[i%len(zones)], sweepTimes[i%len(sweepTimes)])
		p.Gather = i%2 == 0
		sent := time.Date(2026, 1, 1, 0, 0, i*86413, 0, time.UTC)
		s := topup.Subject{ID: topup.NewID("m", fmt.Sprint(i)), Sent: sent}
		last := p.LastCheck(s)
		hourly := []span{}
		for h := 1; h <= 3; h++ {
			d := time.Duration(h) * time.Hour
			hourly = append(hourly, span{d.String(), sent.Add(d), sent.Add(d * 105 / 100)})
		}
		first := sweepsBetween(p, sent, sent)[0]
		for confirm, want := range map[topup.Confirm][]span{
			topup.ConfirmHourly:   append(hourly, span{"sweep", last, last.Add(3 * time.Minute)}),
			topup.ConfirmEndOfDay: {{"sweep", first, first.Add(3 * time.Minute)}},
			topup.ConfirmNone:     {},
		} {
			p.Confirm = confirm
			var checks []time.Time
			for at, more := p.NextConfirm(s, sent); more; at, more = p.NextConfirm(s, at) {
				checks = append(checks, at)
			}
			if err := matchSpans(checks, want); err != nil {
				t.Fatalf("%s, sent %v: %v\n%v", confirm, sent, err, checks)
			}
		}
	}
}

func TestUnresolvedIsAskedDaily(t *testing.T) {
	t.Parallel()
	p := testPlan(t, "Australia/Lord_Howe", "02:15")
	s := topup.Subject{ID: topup.NewID("m", "r"), Sent: time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)}
	n := 0
	for at, more := p.NextUnresolved(s, s.Sent.Add(24*time.Hour)); more; at, more = p.NextUnresolved(s, at) {
		n++
	}
	if n != 6 {
		t.Errorf("asked on %d days of the week after the first, want 6", n)
	}
}

// TestSweepOrder: what is open comes before what is only confirmed; ranked, the oldest first and then the largest;
// gathered, in the order of sending.
func TestSweepOrder(t *testing.T) {
	t.Parallel()
	p := testPlan(t, "UTC", "23:30")
	p.Confirm = topup.ConfirmEndOfDay
	morning := time.Date(2026, 6, 1, 6, 0, 0, 0, time.UTC)
	open := func(reference string, sent time.Time, micros int64) time.Time {
		return p.NextOpen(topup.Subject{ID: topup.NewID("m", reference), Sent: sent, Micros: micros}, time.Date(2026, 6, 1, 23, 0, 0, 0, time.UTC))
	}
	confirm := func(reference string, sent time.Time) time.Time {
		at, _ := p.NextConfirm(topup.Subject{ID: topup.NewID("m", reference), Sent: sent}, sent)
		return at
	}
	p.Gather, p.Ranked = true, true
	order := []time.Time{
		open("three days", morning.AddDate(0, 0, -3), 100), open("yesterday, large", morning.AddDate(0, 0, -1), 9e9), open("yesterday", morning.AddDate(0, 0, -1), 1000),
		open("large", morning.Add(time.Hour), 1e9), open("middling", morning, 1e7), open("small", morning, 1e5),
		confirm("early", morning), confirm("late", morning.Add(time.Hour)), confirm("later", morning.Add(17*time.Hour)),
	}
	if !slices.IsSortedFunc(order, time.Time.Compare) {
		t.Errorf("out of order: %v", order)
	}
	p.Ranked = false
	if a, b := open("x", morning, 1), open("y", morning.Add(time.Minute), 1e9); !a.Before(b) {
		t.Errorf("gathered: what was sent first is asked at %v, what was sent later at %v", a, b)
	}
}
