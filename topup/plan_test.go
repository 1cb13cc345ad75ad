package topup_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"topupq/topup"
)

func location(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func testPlan(loc *time.Location) topup.Plan {
	return topup.Plan{
		Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
		EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Location: loc, Confirm: topup.ConfirmHourly,
	}
}

// TestEveryTopupGetsItsChecks walks from check to check as the scheduler would and counts: three early ones, three
// hourly ones, every sweep on the way, and the last of them at the first sweep after the third hour.
func TestEveryTopupGetsItsChecks(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Africa/Johannesburg", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin"}
	rapid.Check(t, func(rt *rapid.T) {
		plan := testPlan(location(t, rapid.SampledFrom(zones).Draw(rt, "zone")))
		// Days around the changes of the clocks and the end of the year are as likely as others.
		day := rapid.SampledFrom([]string{"2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-12-31", "2026-06-15"}).Draw(rt, "day")
		midnight, err := time.Parse(time.DateOnly, day)
		if err != nil {
			rt.Fatal(err)
		}
		sent := midnight.Add(time.Duration(rapid.IntRange(0, 48*3600).Draw(rt, "second")) * time.Second)
		id := topup.NewID("m", rapid.StringMatching(`[a-z]{1,8}`).Draw(rt, "reference"))
		last := plan.LastCheck(sent)
		if gap := last.Sub(sent); gap < 3*time.Hour || gap > 28*time.Hour+time.Minute {
			rt.Fatalf("last check %v after the send", gap)
		}
		var early, hourly, sweeps int
		now := sent
		for range 20 {
			next := plan.NextOpen(id, sent, now)
			if !next.After(now) {
				rt.Fatalf("the next check %v is not after %v", next, now)
			}
			now = next
			switch d := now.Sub(sent); {
			case near(d, 10*time.Second), near(d, time.Minute), near(d, 5*time.Minute):
				early++
			case near(d, time.Hour), near(d, 2*time.Hour), near(d, 3*time.Hour):
				hourly++
			default:
				sweeps++
			}
			if !now.Before(last) {
				break
			}
		}
		// A sweep within 5 % of another check counts as that one, so kinds may swap but none is missed; the last hourly
		// check and the last sweep are one where the sweep comes before the hourly check's share of the spread.
		least := 7
		if near(last.Sub(sent), 3*time.Hour) {
			least = 6
		}
		if early+hourly+sweeps < least || early+hourly+sweeps > 8 || early < 3 || hourly < 3 {
			rt.Fatalf("%d early, %d hourly, %d sweeps from %v to %v", early, hourly, sweeps, sent, now)
		}
		if off := now.Sub(last); off < 0 || off > 3*time.Minute {
			rt.Fatalf("the last check is %v off the sweep", off)
		}
	})
}

func near(d, want time.Duration) bool { return d >= want && d <= want+want*5/100 }

func TestSweepOncePerDay(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Africa/Johannesburg", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"} {
		plan := testPlan(location(t, zone))
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, plan.Location)
		for day := range 366 {
			next := plan.Sweep(at)
			local := next.In(plan.Location)
			if local.Hour() != 23 || local.Minute() != 30 {
				t.Fatalf("%s day %d: sweep at %v", zone, day, local)
			}
			if gap := next.Sub(at); day > 0 && (gap < 23*time.Hour || gap > 25*time.Hour) {
				t.Fatalf("%s day %d: %v after the sweep before", zone, day, gap)
			}
			at = next
		}
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	plan := testPlan(time.UTC)
	sent := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	id := topup.NewID("m", "r")
	count := func(c topup.Confirm) (n int) {
		plan.Confirm = c
		for at, more := plan.NextConfirm(id, sent, sent.Add(time.Second)); more; at, more = plan.NextConfirm(id, sent, at) {
			n++
		}
		return n
	}
	for c, want := range map[topup.Confirm]int{topup.ConfirmHourly: 4, topup.ConfirmEndOfDay: 1, topup.ConfirmNone: 0} {
		if got := count(c); got != want {
			t.Errorf("%s: %d confirm checks, want %d", c, got, want)
		}
	}
}
