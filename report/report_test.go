package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"topupq/report"
	"topupq/topup"
)

var table = report.Table{
	Columns: []string{"id", "state", "amount", "currency", "cost", "cost_currency", "closed_at"},
	Cells: func(t *topup.Topup) []string {
		closed := ""
		if !t.ClosedAt.IsZero() {
			closed = t.ClosedAt.Format(time.RFC3339Nano)
		}
		return []string{string(t.ID), t.State.String(), t.Amount.Text(), t.Amount.Currency, t.Cost.Text(), t.Cost.Currency, closed}
	},
}

var policy = topup.Policy{
	Plan: topup.Plan{
		Early: []time.Duration{10 * time.Second, time.Minute}, Interval: time.Hour, Count: 3,
		EndOfDay: topup.TimeOfDay(23*time.Hour + 30*time.Minute), Confirm: topup.ConfirmHourly,
	},
	Traits: topup.Traits{RefusesRepeat: true, AbsenceByAnswer: true, Hold: time.Minute}, Timeout: 30 * time.Second, Margin: 5 * time.Second,
}

// life is a top-up of some days, as chance will have it.
func life(rt *rapid.T, n int, begin time.Time) *topup.Topup {
	currency := rapid.SampledFrom([]string{"ZAR", "USD", "INR"}).Draw(rt, "currency")
	t := &topup.Topup{
		ID: topup.NewID("m", fmt.Sprint(n)), Merchant: "m", Reference: fmt.Sprint(n), Provider: topup.Reloadly, Recipient: "+27831234567",
		Amount: topup.Money{Amount: decimal.New(rapid.Int64Range(1, 100000).Draw(rt, "cents"), -2), Currency: currency},
	}
	now := begin.Add(time.Duration(rapid.IntRange(0, 3*86400).Draw(rt, "made")) * time.Second)
	if err := t.Accept(topup.ActorIntake, now); err != nil {
		rt.Fatal(err)
	}
	later := func() time.Time {
		now = now.Add(time.Duration(rapid.IntRange(1, 50*3600).Draw(rt, "seconds later")) * time.Second)
		return now
	}
	if rapid.Bool().Draw(rt, "sent at once") {
		now = now.Add(time.Second)
	} else {
		later()
	}
	if err := t.BeginSend(policy, 1, now); err != nil {
		return t
	}
	cost := topup.Money{Amount: decimal.New(rapid.Int64Range(0, 5000).Draw(rt, "cost"), -2), Currency: "USD"}
	answer := rapid.SampledFrom([]topup.Answer{topup.Delivered, topup.InProgress, topup.Unclear, topup.Refused}).Draw(rt, "answer")
	_ = t.RecordSend(policy, 1, topup.Outcome{Answer: answer, Code: topup.CodeProviderFailed, Cost: cost}, now.Add(time.Second))
	for range rapid.IntRange(0, 4).Draw(rt, "checks") {
		answer := rapid.SampledFrom([]topup.Answer{topup.Delivered, topup.InProgress, topup.Unclear, topup.Refused}).Draw(rt, "read")
		_ = t.RecordCheck(policy, topup.Outcome{Answer: answer, Code: topup.CodeProviderFailed, Cost: cost}, later())
	}
	return t
}

type document struct {
	Rows        int64             `json:"rows"`
	Open        int64             `json:"open"`
	Data        []json.RawMessage `json:"data"`
	Corrections []struct {
		Was   string `json:"was"`
		State string `json:"state"`
	} `json:"corrections"`
	Totals  []report.Total  `json:"totals"`
	Costs   []report.Cost   `json:"costs"`
	Changes []report.Change `json:"changes"`
	Ages    []report.Age    `json:"open_by_age"`
	SHA256  string          `json:"sha256"`
}

func sourceOf(all []*topup.Topup, day report.Day, now time.Time) report.Source {
	each := func(do func(*topup.Topup) error) error {
		for _, t := range all {
			if t.CreatedAt.After(now) {
				continue
			}
			if err := do(t); err != nil {
				return err
			}
		}
		return nil
	}
	return report.Source{Day: day, Now: now, Rows: each, Earlier: each}
}

func write(rt *rapid.T, all []*topup.Topup, day report.Day, now time.Time) (document, string) {
	var j, c bytes.Buffer
	rj, err := report.WriteJSON(&j, sourceOf(all, day, now), table)
	if err != nil {
		rt.Fatal(err)
	}
	rc, err := report.WriteCSV(&c, sourceOf(all, day, now), table)
	if err != nil {
		rt.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(j.Bytes(), &d); err != nil {
		rt.Fatalf("%v\n%s", err, j.String())
	}
	if rj.SHA256 != rc.SHA256 || d.SHA256 != rc.SHA256 || int64(len(d.Data)) != d.Rows {
		rt.Fatalf("JSON and CSV differ: %s %s", rj.SHA256, rc.SHA256)
	}
	return d, c.String()
}

// TestDaysAddUp: the totals of all days and the corrections of all days make the present, in every time zone; a day's
// report is the same whenever it is made after its end.
func TestDaysAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Africa/Johannesburg", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"}).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		begin := time.Date(2026, rapid.SampledFrom([]time.Month{3, 4, 10, 11}).Draw(rt, "month"), rapid.IntRange(1, 28).Draw(rt, "day"), 0, 0, 0, 0, time.UTC)
		var all []*topup.Topup
		for i := range rapid.IntRange(1, 12).Draw(rt, "top-ups") {
			all = append(all, life(rt, i, begin))
		}
		end := begin.AddDate(0, 0, 30)
		sums := map[[2]string]decimal.Decimal{}
		counts := map[[2]string]int64{}
		add := func(state, currency string, count int64, requested string) {
			key := [2]string{state, currency}
			counts[key] += count
			sums[key] = sums[key].Add(decimal.RequireFromString(requested).Mul(decimal.New(sign(count), 0)))
		}
		for day := report.DayOf(begin.AddDate(0, 0, -1), loc); day.From.Before(end); day = day.Next(1, loc) {
			d, text := write(rt, all, day, end)
			if again, other := write(rt, all, day, day.To); again.SHA256 != d.SHA256 || other != text {
				rt.Fatalf("the report of %s made at its end and later differ:\n%s\n%s", day.Date, other, text)
			}
			for _, x := range d.Totals {
				add(x.State, x.Currency, x.Count, x.Requested)
			}
			for _, x := range d.Changes {
				add(x.State, x.Currency, x.Count, x.Requested)
				add(x.Was, x.Currency, -x.Count, x.Requested)
			}
		}
		for _, x := range all {
			add(x.State.String(), x.Amount.Currency, -1, x.Amount.Text())
		}
		for key, n := range counts {
			if n != 0 || !sums[key].IsZero() {
				rt.Fatalf("%v: days and corrections are off by %d top-ups, %s", key, n, sums[key])
			}
		}
	})
}

func sign(n int64) int64 {
	if n < 0 {
		return -1
	}
	return 1
}

// fixed is a small day with one of everything.
func fixed(t *testing.T) []*topup.Topup {
	t.Helper()
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	build := func(reference string, at time.Time, send topup.Outcome, checks map[time.Duration]topup.Outcome) *topup.Topup {
		x := &topup.Topup{
			ID: topup.NewID("m", reference), Merchant: "m", Reference: reference, Provider: topup.Reloadly, Recipient: "+27831234567",
			Amount: topup.Money{Amount: decimal.New(10, 0), Currency: "ZAR"},
		}
		steps := []error{x.Accept(topup.ActorIntake, at), x.BeginSend(policy, 1, at.Add(time.Second)), x.RecordSend(policy, 1, send, at.Add(2*time.Second))}
		for _, d := range sortedKeys(checks) {
			steps = append(steps, x.RecordCheck(policy, checks[d], at.Add(d)))
		}
		for _, err := range steps {
			if err != nil {
				t.Fatal(reference, err)
			}
		}
		return x
	}
	cost := topup.Money{Amount: decimal.New(60, -2), Currency: "USD"}
	fee := topup.Money{Amount: decimal.New(5, -2), Currency: "USD"}
	delivered := topup.Outcome{Answer: topup.Delivered, Cost: cost, Fee: fee}
	refused := topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderRefunded}
	open := topup.Outcome{Answer: topup.InProgress}
	today := at.AddDate(0, 0, 1)
	return []*topup.Topup{
		build("yesterday, reversed", at, delivered, map[time.Duration]topup.Outcome{25 * time.Hour: refused, 25*time.Hour + time.Minute: refused}),
		build("yesterday, late", at, open, map[time.Duration]topup.Outcome{26 * time.Hour: delivered}),
		build("delivered", today, delivered, nil),
		build("no cost", today, topup.Outcome{Answer: topup.Delivered}, nil),
		build("failed", today, refused, nil),
		build("open", today, open, nil),
		build("tomorrow", today.AddDate(0, 0, 1), delivered, nil),
	}
}

func sortedKeys(m map[time.Duration]topup.Outcome) []time.Duration {
	var out []time.Duration
	for d := range maps.Keys(m) {
		out = append(out, d)
	}
	for i := range out {
		for j := range i {
			if out[i] < out[j] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

func TestReportOfADay(t *testing.T) {
	t.Parallel()
	day, err := report.ParseDay("2026-11-23", nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	src := sourceOf(fixed(t), day, now)
	src.Sweep = time.Date(2026, 11, 23, 19, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	res, err := report.WriteCSV(&out, src, table)
	if err != nil {
		t.Fatal(err)
	}
	if res.Rows != 4 || res.Open != 1 || res.NotAsked != 1 {
		t.Errorf("%d rows, %d open, %d not asked: %s", res.Rows, res.Open, res.NotAsked, out.String())
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	byKind := map[string][]string{}
	sum := sha256.New()
	for _, l := range lines {
		kinds = append(kinds, l[0])
		byKind[l[0]] = append(byKind[l[0]], strings.Join(l[1:], ","))
		if l[0] == "topup" {
			w := csv.NewWriter(sum)
			_ = w.Write(l)
			w.Flush()
		}
	}
	want := "kind topup topup topup topup correction correction total total total cost cost open change change sha256"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("lines are\n%s, want\n%s", got, want)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != res.SHA256 || !strings.Contains(byKind["sha256"][0], got) {
		t.Errorf("the sum of the lines is %s, told is %s", got, res.SHA256)
	}
	for _, l := range []struct{ kind, has string }{
		{"total", "2,,succeeded,20.00,ZAR"}, {"total", "1,,failed,10.00,ZAR"}, {"total", "1,,pending,10.00,ZAR"},
		{"cost", "1,,succeeded,,,0.60,USD,,,,0.05"}, {"cost", "0,,succeeded,,,0.00,ZAR"}, {"open", "1,,pending,10.00,ZAR,,,,,3h to 24h,"},
		{"change", "1,,reversed,10.00,ZAR,,,,succeeded"}, {"change", "1,,succeeded,10.00,ZAR,,,,pending"},
	} {
		if !strings.Contains(strings.Join(byKind[l.kind], "\n"), l.has) {
			t.Errorf("no %s line with %q among\n%s", l.kind, l.has, strings.Join(byKind[l.kind], "\n"))
		}
	}
}

func TestParseDay(t *testing.T) {
	t.Parallel()
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for date, hours := range map[string]float64{"2026-03-08": 23, "2026-11-01": 25, "2026-12-31": 24} {
		d, err := report.ParseDay(date, loc)
		if err != nil || d.To.Sub(d.From).Hours() != hours || d.Date != date {
			t.Errorf("%s has %v hours, want %v: %v", date, d.To.Sub(d.From).Hours(), hours, err)
		}
		if next := d.Next(1, loc); !next.From.Equal(d.To) || !next.Next(-1, loc).From.Equal(d.From) {
			t.Errorf("the day after %s begins at %v, not at %v", date, next.From, d.To)
		}
	}
	if _, err := report.ParseDay("2026-02-30", nil); err == nil {
		t.Error("a day that does not exist is taken")
	}
}
