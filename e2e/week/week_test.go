package week_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/dayend"
	"topupq/reconcile"
	"topupq/report"
	"topupq/topup"
)

// TopupsEnv is how many top-ups the week has.
const TopupsEnv = "TOPUPQ_TEST_WEEK_TOPUPS"

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// snapshot is what a simulator's ledger said when a day ended.
type snapshot map[topup.ID]booking

// week is a run and what was seen of it.
type week struct {
	*world
	orders []*order
	// ends are the ledgers at the end of each provider's days, midnights those of all of them at that of UTC.
	ends      map[topup.ProviderName]map[string]snapshot
	midnights map[string]snapshot
	days      map[topup.ProviderName][]report.Day
}

// run lets days of traffic and then more days without any pass.
func run(t *testing.T, n, days, quiet int, budget int64, tick time.Duration) *week {
	t.Helper()
	w := &week{world: newWorld(t, monday, budget, tick), ends: map[topup.ProviderName]map[string]snapshot{}, midnights: map[string]snapshot{}, days: map[topup.ProviderName][]report.Day{}}
	moments := map[time.Time]func(){}
	at := func(when time.Time, do func()) {
		before := moments[when]
		moments[when] = func() {
			if before != nil {
				before()
			}
			do()
		}
	}
	arrivals, all := traffic(w.merchant, monday, days, n)
	w.orders = all
	for when, orders := range arrivals {
		at(when, func() { w.arrive(orders) })
	}
	for _, o := range all {
		if o.fate == reversedLate {
			at(o.at.Add(27*time.Hour), func() { w.calledBack(o.id) })
		}
	}
	for p, plan := range w.plans {
		w.ends[p] = map[string]snapshot{}
		for d := report.DayOf(monday.Add(12*time.Hour), plan.Location); len(w.days[p]) < days+quiet-1; d = d.Next(1, plan.Location) {
			w.days[p] = append(w.days[p], d)
			at(d.To, func() { w.ends[p][d.Date] = w.upstreams[p].books() })
		}
	}
	for i := range days {
		day := monday.AddDate(0, 0, i)
		at(day.AddDate(0, 0, 1), func() {
			s := snapshot{}
			for _, u := range w.upstreams {
				maps.Copy(s, u.books())
			}
			w.midnights[day.Format(time.DateOnly)] = s
		})
	}
	started := time.Now()
	w.live(monday.AddDate(0, 0, days+quiet).Add(2*time.Hour), moments)
	t.Logf("%d top-ups over %d days, and %d quiet ones: %d looks in %v", len(all), days, quiet, w.looks, time.Since(started).Round(time.Millisecond))
	return w
}

// TestWeek: whatever a week's reports say is what the simulators' ledgers say.
func TestWeek(t *testing.T) {
	t.Parallel()
	n, tick, most := 3000, 10*time.Second, 0.15 // few orders share a page of a list
	if text := os.Getenv(TopupsEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", TopupsEnv, err)
		}
		tick = time.Second
		if n >= 20_000 {
			most = 0.1
		}
	}
	w := run(t, n, 7, 2, 0, tick)
	w.checkBookings()
	for _, p := range topup.Providers {
		for _, d := range w.days[p] {
			w.checkDay(p, d)
		}
	}
	for i := range 7 {
		w.checkMerchantReport(monday.AddDate(0, 0, i))
	}
	w.tellCalls(most)
	w.checkForgetting()
}

// checkBookings: nobody paid twice, nothing was lost, and every record says at last what the provider's ledger says.
func (w *week) checkBookings() {
	w.t.Helper()
	books := map[topup.ProviderName]snapshot{}
	for p, u := range w.upstreams {
		books[p] = u.books()
	}
	records := map[topup.ID]*topup.Topup{}
	w.each(monday, monday.AddDate(0, 0, 30), func(t *topup.Topup) { records[t.ID] = t })
	if len(records) != len(w.orders) {
		w.t.Errorf("%d records of %d orders", len(records), len(w.orders))
	}
	states := map[string]int{}
	for _, o := range w.orders {
		b, t := books[o.provider][o.id], records[o.id]
		if b.count > 1 {
			w.t.Errorf("%s was booked %d times", o.id, b.count)
		}
		if b.count > 0 {
			if amount, err := decimal.NewFromString(b.amount); err != nil || !amount.Equal(o.amount) || b.currency != o.currency {
				w.t.Errorf("%s is booked with %s %s, ordered were %s %s", o.id, b.amount, b.currency, o.amount, o.currency)
			}
		}
		if want := o.expected(books[o.provider]); t == nil || t.State != want {
			w.t.Errorf("%s (%s, fate %d) is %v, want %v; booked: %+v", o.id, o.provider, o.fate, t, want, b)
			continue
		}
		states[t.State.String()]++
		if owes := owedEvent[t.State]; owes != "" && !slices.ContainsFunc(t.Callbacks, func(c topup.Callback) bool { return c.Type == owes }) {
			w.t.Errorf("%s is %s and owes no %s: %+v", o.id, t.State, owes, t.Callbacks)
		}
	}
	w.t.Logf("in the end: %v", states)
}

// owedEvent is what the merchant is told of each state.
var owedEvent = map[topup.State]topup.EventType{
	topup.Succeeded: topup.EventSucceeded, topup.Failed: topup.EventFailed, topup.Reversed: topup.EventReversed, topup.Unresolved: topup.EventUnresolved,
}

// line is a sum of a report.
type line struct {
	key    string
	count  int64
	amount string
}

// tally sums orders under a key.
type tally map[string]*struct {
	count    int64
	amount   decimal.Decimal
	currency string
}

func (s tally) add(key string, o *order) {
	x, ok := s[key]
	if !ok {
		x = &struct {
			count    int64
			amount   decimal.Decimal
			currency string
		}{currency: o.currency}
		s[key] = x
	}
	x.count++
	x.amount = x.amount.Add(o.amount)
}

func (s tally) lines() []line {
	out := []line{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		out = append(out, line{key, s[key].count, topup.Money{Amount: s[key].amount, Currency: s[key].currency}.Text()})
	}
	return out
}

func totalLines(all []report.Total) []line {
	out := []line{}
	for _, x := range all {
		out = append(out, line{x.Currency + " " + x.State, x.Count, x.Requested})
	}
	slices.SortFunc(out, byKey)
	return out
}

func changeLines(all []report.Change) []line {
	out := []line{}
	for _, x := range all {
		out = append(out, line{x.Currency + " " + x.Was + " " + x.State, x.Count, x.Requested})
	}
	slices.SortFunc(out, byKey)
	return out
}

func byKey(a, b line) int { return cmpText(a.key, b.key) }

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// checkDay compares a provider's closed day with its ledger at the end of that day and of the day before.
func (w *week) checkDay(p topup.ProviderName, d report.Day) {
	w.t.Helper()
	plan := w.plans[p]
	before, after := w.ends[p][d.Next(-1, plan.Location).Date], w.ends[p][d.Date]
	totals, changes, open := tally{}, tally{}, int64(0)
	for _, o := range w.orders {
		switch {
		case o.provider != p:
		case d.Holds(o.at):
			state := o.expected(after)
			totals.add(o.currency+" "+state.String(), o)
			if !state.Closed() {
				open++
			}
		case o.at.Before(d.From):
			if was, is := o.expected(before), o.expected(after); was != is {
				changes.add(o.currency+" "+was.String()+" "+is.String(), o)
			}
		}
	}
	var b dayend.Books
	w.doc(p, d.Date, topup.DocReport, &b)
	if diff := cmp.Diff(totals.lines(), totalLines(b.Totals), cmp.AllowUnexported(line{})); diff != "" {
		w.t.Errorf("totals of %s %s (ledger -, report +):\n%s", p, d.Date, diff)
	}
	if diff := cmp.Diff(changes.lines(), changeLines(b.Changes), cmp.AllowUnexported(line{})); diff != "" {
		w.t.Errorf("corrections of %s %s (ledger -, report +):\n%s", p, d.Date, diff)
	}
	if b.Open != open || b.Unresolved != open || b.NotAsked != 0 {
		w.t.Errorf("%s %s: %d open, %d unresolved, %d not asked; the ledger has %d open", p, d.Date, b.Open, b.Unresolved, b.NotAsked, open)
	}
	w.checkBooks(p, d.Date)
}

// checkBooks: the comparison finds no difference, and the balance moved by what the top-ups cost.
func (w *week) checkBooks(p topup.ProviderName, date string) {
	w.t.Helper()
	var r reconcile.Result
	w.doc(p, date, topup.DocReconcile, &r)
	if !r.Clean() {
		w.t.Errorf("%s %s: %q, %+v", p, date, r.Problem, r.Cases)
	}
	if date != w.days[p][0].Date && r.Drift == nil {
		w.t.Errorf("%s %s: the drift is not known", p, date)
	}
	var swept topup.DaySwept
	w.doc(p, date, topup.DocSweep, &swept)
	var mark topup.DayClosed
	w.doc(p, date, topup.DocClosed, &mark)
	if !mark.Done() || mark.Tries != 1 || swept.Done.Sub(swept.Sweep) > 2*longest {
		w.t.Errorf("%s %s: closed %+v, swept %+v", p, date, mark, swept)
	}
}

// checkMerchantReport compares GET /v1/reports/{date} with all ledgers at midnight UTC.
func (w *week) checkMerchantReport(day time.Time) {
	w.t.Helper()
	date := day.Format(time.DateOnly)
	var got struct {
		Rows     int64
		Complete bool
		Totals   []report.Total
		Data     []json.RawMessage
	}
	if err := json.Unmarshal(w.call("GET", "/v1/reports/"+date, "", ""), &got); err != nil {
		w.t.Fatal(err)
	}
	want := tally{}
	for _, o := range w.orders {
		if !o.at.Before(day) && o.at.Before(day.AddDate(0, 0, 1)) {
			want.add(o.currency+" "+o.expected(w.midnights[date]).String(), o)
		}
	}
	if diff := cmp.Diff(want.lines(), totalLines(got.Totals), cmp.AllowUnexported(line{})); diff != "" || !got.Complete || got.Rows != int64(len(got.Data)) {
		w.t.Errorf("the merchant's %s: %d rows, complete %v (ledger -, report +):\n%s", date, got.Rows, got.Complete, diff)
	}
}

// tellCalls counts status calls, those of the comparisons among them, against one call for every check. Reloadly, which
// lists, is to need at most that many.
func (w *week) tellCalls(most float64) {
	w.t.Helper()
	naive := map[topup.ProviderName]int{}
	w.each(monday, monday.AddDate(0, 0, 30), func(t *topup.Topup) { naive[t.Provider] += t.Checks })
	for _, p := range topup.Providers {
		calls := len(w.upstreams[p].asked())
		ratio := float64(calls) / float64(max(naive[p], 1))
		w.t.Logf("%-12s %7d checks, %7d status calls: %.3f calls a check", p, naive[p], calls, ratio)
		if p == topup.Reloadly && ratio > most {
			w.t.Errorf("%s: %.3f calls a check, more than %.2f", p, ratio, most)
		}
	}
}

// callsByDay counts a provider's status calls by its days.
func (w *week) callsByDay(p topup.ProviderName) map[string]int {
	out := map[string]int{}
	for _, at := range w.upstreams[p].asked() {
		out[report.DayOf(at, w.plans[p].Location).Date]++
	}
	return out
}

// TestWeekOnABudget: with 100 status calls a day nothing is lost, and what they did not reach is said.
func TestWeekOnABudget(t *testing.T) {
	t.Parallel()
	const budget = 100
	w := run(t, 2000, 2, 4, budget, 20*time.Second)
	notAsked := map[topup.ProviderName]map[string]int64{}
	open := 0
	w.each(monday, monday.AddDate(0, 0, 30), func(x *topup.Topup) {
		if x.State.Asked() || x.State == topup.Accepted || x.State == topup.Submitting {
			t.Errorf("%s of %s is %s in the end", x.ID, x.Provider, x.State)
		}
		if x.State == topup.Unresolved {
			open++
		}
		for _, m := range x.History {
			if m.Reason == topup.CodeNotAskedBudget {
				if notAsked[x.Provider] == nil {
					notAsked[x.Provider] = map[string]int64{}
				}
				notAsked[x.Provider][report.DayOf(x.CreatedAt, w.plans[x.Provider].Location).Date]++
			}
		}
	})
	for _, p := range topup.Providers {
		for date, n := range w.callsByDay(p) {
			if n > budget {
				t.Errorf("%s %s: %d status calls of %d", p, date, n, budget)
			}
		}
		for _, d := range w.days[p] {
			var b dayend.Books
			w.doc(p, d.Date, topup.DocReport, &b)
			t.Logf("%-12s %s: %d top-ups, %d open, %d not asked, %d of %d calls; %s", p, d.Date, b.Rows, b.Open, b.NotAsked, b.StatusCalls, b.Budget, fmt.Sprint(changeLines(b.Changes)))
			if b.NotAsked != notAsked[p][d.Date] {
				t.Errorf("%s %s: the report says that %d were not asked, the records say %d", p, d.Date, b.NotAsked, notAsked[p][d.Date])
			}
		}
	}
	if len(notAsked) == 0 {
		t.Error("the budget reached everything: the test shows nothing")
	}
	w.checkNothingLost()
	t.Logf("%d unresolved in the end", open)
}

// checkNothingLost: no record says more than the provider's ledger proves, and none is missing.
func (w *week) checkNothingLost() {
	w.t.Helper()
	n := 0
	books := map[topup.ProviderName]snapshot{}
	for p, u := range w.upstreams {
		books[p] = u.books()
	}
	w.each(monday, monday.AddDate(0, 0, 30), func(t *topup.Topup) {
		n++
		b := books[t.Provider][t.ID]
		if booked := b.state == "booked" || b.state == "pending"; b.count > 1 || (t.RefundSafe() && booked) {
			w.t.Errorf("%s is %s, the ledger says %+v", t.ID, t.State, b)
		}
		if t.State == topup.Succeeded && b.count != 1 {
			w.t.Errorf("%s succeeded without a booking", t.ID)
		}
	})
	if n != len(w.orders) {
		w.t.Errorf("%d records of %d orders", n, len(w.orders))
	}
}
