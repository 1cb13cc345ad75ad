package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/reconcile"
	"topupq/topup"
)

var (
	from = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	to   = from.AddDate(0, 0, 1)
)

func zar(cents int64) topup.Money {
	return topup.Money{Amount: decimal.New(cents, -2), Currency: "ZAR"}
}

// sent is a top-up that was sent on the day and stands in a state since a minute later.
func sent(reference string, state topup.State, change ...func(*topup.Topup)) *topup.Topup {
	at := from.Add(10 * time.Hour)
	t := &topup.Topup{
		ID: topup.NewID("m", reference), Merchant: "m", Reference: reference, Provider: topup.AAT, Recipient: "+27831234567", Amount: zar(500),
		State: state, CreatedAt: at, SentAt: at, ProviderTransactionID: "T" + reference, Cost: zar(500),
	}
	if state.Closed() {
		t.ClosedAt = at.Add(time.Minute)
	}
	for _, c := range change {
		c(t)
	}
	return t
}

// line is what an honest provider lists for a top-up.
func line(t *topup.Topup, change ...func(*topup.Listed)) topup.Listed {
	l := topup.Listed{
		Reference: t.ID, TransactionID: t.ProviderTransactionID, At: t.SentAt.Add(time.Second), Recipient: t.Recipient, Amount: t.Amount, Cost: t.Cost,
		State: topup.ListedBooked,
	}
	if t.State == topup.Failed || t.State == topup.Reversed {
		l.State = topup.ListedReturned
	}
	for _, c := range change {
		c(&l)
	}
	return l
}

func linesOf(ls []topup.Listed, after error) iter.Seq2[topup.Listed, error] {
	return func(yield func(topup.Listed, error) bool) {
		for _, l := range ls {
			if !yield(l, nil) {
				return
			}
		}
		if after != nil {
			yield(topup.Listed{}, after)
		}
	}
}

func input(ts []*topup.Topup, ls []topup.Listed) reconcile.Input {
	byID := map[topup.ID]*topup.Topup{}
	for _, t := range ts {
		byID[t.ID] = t
	}
	in := reconcile.Input{
		Provider: topup.AAT, Date: "2026-11-23", From: from, To: to, Now: to.Add(time.Hour),
		Ours: func(do func(*topup.Topup) error) error {
			for _, t := range ts {
				if err := do(t); err != nil {
					return err
				}
			}
			return nil
		},
		Find: func(_ context.Context, ids []topup.ID) ([]*topup.Topup, error) {
			out := make([]*topup.Topup, len(ids))
			for i, id := range ids {
				out[i] = byID[id]
			}
			return out, nil
		},
	}
	if ls != nil {
		in.Lines = linesOf(ls, nil)
	}
	return in
}

func compare(t *testing.T, in reconcile.Input) *reconcile.Result {
	t.Helper()
	r, err := reconcile.Compare(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func kindsOf(r *reconcile.Result) (out []reconcile.Kind) {
	for _, c := range r.Cases {
		out = append(out, c.Kind)
	}
	return out
}

func TestEqualBooksHaveNoCases(t *testing.T) {
	t.Parallel()
	var ts []*topup.Topup
	var ls []topup.Listed
	for i := range 700 {
		state := []topup.State{topup.Succeeded, topup.Failed, topup.Reversed, topup.Pending}[i%4]
		x := sent(fmt.Sprint(i), state)
		ts = append(ts, x)
		ls = append(ls, line(x, func(l *topup.Listed) {
			if state == topup.Pending {
				l.State = topup.ListedOpen
			}
		}))
	}
	r := compare(t, input(ts, ls))
	if !r.Clean() || r.Ours.Count != 175 || r.Theirs.Count != 175 || r.Ours.Sums[0] != r.Theirs.Sums[0] || r.Method != reconcile.ByList {
		t.Errorf("%+v", r)
	}
}

// TestEveryDifferenceHasAName spoils one of many equal rows at a time.
func TestEveryDifferenceHasAName(t *testing.T) {
	t.Parallel()
	ok := func(n int) (ts []*topup.Topup, ls []topup.Listed) {
		for i := range n {
			x := sent(fmt.Sprint("ok", i), topup.Succeeded)
			ts, ls = append(ts, x), append(ls, line(x))
		}
		return ts, ls
	}
	odd := func(state topup.State, change func(*topup.Listed)) func() ([]*topup.Topup, []topup.Listed) {
		return func() ([]*topup.Topup, []topup.Listed) {
			ts, ls := ok(300)
			x := sent("odd", state)
			return append(ts, x), append(ls, line(x, change))
		}
	}
	booked := func(l *topup.Listed) { l.State = topup.ListedBooked }
	for name, c := range map[string]struct {
		books func() ([]*topup.Topup, []topup.Listed)
		want  []reconcile.Kind
	}{
		"failed here, booked there":     {odd(topup.Failed, booked), []reconcile.Kind{reconcile.FailedButBooked}},
		"reversed here, booked there":   {odd(topup.Reversed, booked), []reconcile.Kind{reconcile.FailedButBooked}},
		"held here, booked there":       {odd(topup.Held, booked), []reconcile.Kind{reconcile.FailedButBooked, reconcile.OpenHere}[:1]},
		"delivered here, failed there":  {odd(topup.Succeeded, func(l *topup.Listed) { l.State = topup.ListedReturned }), []reconcile.Kind{reconcile.DeliveredButReturned}},
		"pending here, booked there":    {odd(topup.Pending, booked), []reconcile.Kind{reconcile.OpenHere}},
		"unresolved here, failed there": {odd(topup.Unresolved, func(l *topup.Listed) { l.State = topup.ListedReturned }), []reconcile.Kind{reconcile.OpenHere}},
		"another amount":                {odd(topup.Succeeded, func(l *topup.Listed) { l.Amount = zar(600) }), []reconcile.Kind{reconcile.AmountDiffers}},
		"another number":                {odd(topup.Succeeded, func(l *topup.Listed) { l.Recipient = "+27830000000" }), []reconcile.Kind{reconcile.NumberDiffers}},
		"another cost":                  {odd(topup.Succeeded, func(l *topup.Listed) { l.Cost = zar(480) }), []reconcile.Kind{reconcile.CostDiffers}},
		"another currency is no amount": {odd(topup.Succeeded, func(l *topup.Listed) { l.Amount.Currency = "USD" }), nil},
		"not told is no difference":     {odd(topup.Succeeded, func(l *topup.Listed) { l.Amount, l.Recipient, l.Cost = topup.Money{}, "", topup.Money{} }), nil},
		"booked twice": {func() ([]*topup.Topup, []topup.Listed) {
			ts, ls := ok(300)
			return ts, append(ls, line(ts[5], func(l *topup.Listed) { l.TransactionID = "other" }))
		}, []reconcile.Kind{reconcile.BookedTwice}},
		"first failed, then booked": {func() ([]*topup.Topup, []topup.Listed) {
			ts, ls := ok(300)
			return ts, append([]topup.Listed{line(ts[5], func(l *topup.Listed) { l.State, l.At = topup.ListedReturned, from.Add(-time.Minute) })}, ls...)
		}, nil},
		"unknown here": {func() ([]*topup.Topup, []topup.Listed) {
			ts, ls := ok(300)
			return ts, append(ls, line(sent("ghost", topup.Succeeded)), topup.Listed{TransactionID: "77", At: from.Add(time.Hour), Amount: zar(900), State: topup.ListedBooked})
		}, []reconcile.Kind{reconcile.UnknownHere}},
		"not listed": {func() ([]*topup.Topup, []topup.Listed) { ts, ls := ok(300); return ts, ls[1:] }, []reconcile.Kind{reconcile.NotListed}},
		"of another day": {func() ([]*topup.Topup, []topup.Listed) {
			ts, ls := ok(300)
			return ts, append(ls, line(sent("yesterday", topup.Succeeded), func(l *topup.Listed) { l.At = from.Add(-time.Second) }))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := compare(t, input(c.books()))
			if got := kindsOf(r); !slices.Equal(got, c.want) {
				t.Errorf("cases %v, want %v", got, c.want)
			}
			for _, k := range r.Cases {
				if k.Meaning == "" || k.Count == 0 || len(k.Rows) == 0 || k.Rows[0].Ours == "" || k.Rows[0].Theirs == "" {
					t.Errorf("a case that says too little: %+v", k)
				}
			}
		})
	}
}

func TestListThatBreaksOffProvesNoAbsence(t *testing.T) {
	t.Parallel()
	ts := []*topup.Topup{sent("a", topup.Succeeded), sent("b", topup.Succeeded)}
	in := input(ts, nil)
	in.Lines = linesOf([]topup.Listed{line(ts[0])}, errors.New("reset"))
	r := compare(t, in)
	if len(r.Cases) != 0 || r.Problem == "" || r.Clean() {
		t.Errorf("%+v", r)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	ts := []*topup.Topup{
		sent("a", topup.Succeeded), sent("b", topup.Reversed), sent("c", topup.Failed), sent("d", topup.Pending), sent("e", topup.Unresolved),
		sent("f", topup.Succeeded, func(t *topup.Topup) { t.SentAt = from.Add(-time.Second) }),
		sent("g", topup.Succeeded, func(t *topup.Topup) { t.Provider = topup.Reloadly }),
	}
	for n, clean := range map[int64]bool{1: false, 2: true, 3: true, 4: true, 5: false} {
		in := input(ts, nil)
		in.Count = &n
		if r := compare(t, in); r.Clean() != clean || r.Method != reconcile.ByCount {
			t.Errorf("%d counted of 2 that are sure and 2 that may be: %v", n, kindsOf(r))
		}
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration, m topup.Money) *topup.BalanceAt {
		return &topup.BalanceAt{At: from.Add(d), Amount: m}
	}
	spent := []*topup.Topup{
		sent("a", topup.Succeeded), sent("b", topup.Succeeded), // 10.00
		sent("c", topup.Failed), sent("d", topup.Reversed), // nothing: given back on the same day
		sent("before", topup.Succeeded, func(t *topup.Topup) { t.SentAt = from.Add(-time.Hour); t.ClosedAt = from.Add(-30 * time.Minute) }),
	}
	taken := sent("taken back", topup.Reversed, func(t *topup.Topup) { t.SentAt = from.Add(-time.Hour) }) // 5.00 back, perhaps before
	open := sent("open", topup.Pending)                                                                   // 5.00, perhaps
	for name, c := range map[string]struct {
		ts    []*topup.Topup
		after int64
		drift string
		want  []reconcile.Kind
	}{
		"explained":             {spent, 99_000, "0.00", nil},
		"money is gone":         {spent, 98_500, "-5.00", []reconcile.Kind{reconcile.DriftDown}},
		"a deposit":             {spent, 199_000, "1000.00", []reconcile.Kind{reconcile.DriftUp}},
		"taken back":            {append(slices.Clone(spent), taken), 99_500, "0.00", nil},
		"taken back before":     {append(slices.Clone(spent), taken), 99_000, "-5.00", nil},
		"open, debited":         {append(slices.Clone(spent), open), 98_500, "-5.00", nil},
		"open, not debited":     {append(slices.Clone(spent), open), 99_000, "0.00", nil},
		"open, more is gone":    {append(slices.Clone(spent), open), 98_400, "-6.00", []reconcile.Kind{reconcile.DriftDown}},
		"cost is not known":     {append(slices.Clone(spent), sent("x", topup.Succeeded, func(t *topup.Topup) { t.Cost, t.Amount.Currency = topup.Money{}, "USD" })), 90_000, "-90.00", nil},
		"other provider's cost": {append(slices.Clone(spent), sent("x", topup.Succeeded, func(t *topup.Topup) { t.Provider = topup.Reloadly })), 99_000, "0.00", nil},
	} {
		in := input(c.ts, nil)
		in.Before, in.After = at(0, zar(100_000)), at(24*time.Hour, zar(c.after))
		r := compare(t, in)
		if !slices.Equal(kindsOf(r), c.want) || r.Drift.Drift != c.drift {
			t.Errorf("%s: drift %+v, cases %v", name, r.Drift, kindsOf(r))
		}
	}
	in := input(spent, nil)
	in.Before = at(0, zar(1))
	if r := compare(t, in); r.Drift != nil {
		t.Error("one reading is no drift")
	}
}

func TestStatement(t *testing.T) {
	t.Parallel()
	x, y, z := sent("x", topup.Succeeded), sent("y", topup.Failed), sent("z", topup.Succeeded)
	text := "\ufeffTransaction Date;Client Ref;Order-Ref;MSISDN;Amount;Status;Remark\n" +
		"2026-11-23 12:00:01;" + string(x.ID) + ";1;0831234567;5.00;OK;fine\n" +
		"2026/11/23 12:00;" + string(y.ID) + ";2;27831234567;R5.00;OK;\n" +
		"2026-11-23 12:00:03;" + string(z.ID) + ";3;0831234567;five;OK;\n" +
		"2026-11-23 12:00:04;SHOP-1;4;0831234567;7.00;OK;not ours\n" +
		"yesterday;" + string(z.ID) + ";5;0831234567;5.00;OK;\n" +
		"2026-11-23 12:00:05;" + string(z.ID) + ";6;0831234567;5.00;Perhaps;\n"
	var bad []string
	johannesburg := time.FixedZone("SAST", 2*3600)
	s := reconcile.Statement{
		Provider: topup.AAT, Location: johannesburg, Currency: "ZAR", Bad: func(line int, problem string) { bad = append(bad, fmt.Sprint(line, ": ", problem)) },
	}
	lines, err := s.Lines(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	in := input([]*topup.Topup{x, y, z}, nil)
	in.Lines, in.Statement = lines, true
	r := compare(t, in)
	if want := []reconcile.Kind{reconcile.FailedButBooked, reconcile.UnknownHere, reconcile.NotListed}; !slices.Equal(kindsOf(r), want) {
		t.Errorf("%v, want %v", kindsOf(r), want)
	}
	if len(bad) != 3 || r.Method != reconcile.ByStatement || r.Theirs.Count == 0 {
		t.Errorf("bad lines %v, %+v", bad, r.Theirs)
	}
	if _, err := s.Lines(strings.NewReader("a,b\n1,2\n")); !errors.Is(err, reconcile.ErrNoReferences) {
		t.Errorf("a statement without references: %v", err)
	}
}

func FuzzStatement(f *testing.F) {
	f.Add("reference,amount,status\nabcdefghijklmnopqrst,5.00,OK\n")
	f.Add("\ufeffclientRef;date\n\"x\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := reconcile.Statement{Provider: topup.RechargeKit, Currency: "INR", Bad: func(line int, problem string) {
			if line < 1 || problem == "" {
				t.Errorf("line %d: %q", line, problem)
			}
		}}
		lines, err := s.Lines(strings.NewReader(text))
		if err != nil {
			return
		}
		for l, err := range lines {
			if err == nil && l.Reference != "" && !l.Reference.Valid() {
				t.Errorf("%+v", l)
			}
		}
	})
}

// TestBookedAtTwoProviders: a top-up that was rerouted and delivered by another provider is in this one's books as well. The
// customer was topped up twice, and no side misses anything.
func TestBookedAtTwoProviders(t *testing.T) {
	t.Parallel()
	x := sent("a", topup.Succeeded)
	listed := line(x)
	x.Provider = topup.Reloadly
	r := compare(t, input([]*topup.Topup{x}, []topup.Listed{listed}))
	if r.Clean() || !slices.Equal(kindsOf(r), []reconcile.Kind{reconcile.BookedTwice}) || !strings.Contains(r.Cases[0].Rows[0].Ours, "at reloadly") {
		t.Errorf("%+v", r)
	}
	listed.State = topup.ListedReturned
	if r := compare(t, input([]*topup.Topup{x}, []topup.Listed{listed})); !r.Clean() {
		t.Errorf("what it has returned is no difference: %+v", r)
	}
}

// TestUnreadableLinesAreNotClean: a list whose dates or words for a state cannot be read says nothing, and is not taken for
// one that agrees.
func TestUnreadableLinesAreNotClean(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*topup.Listed){
		"no date":  func(l *topup.Listed) { l.At = time.Time{} },
		"no state": func(l *topup.Listed) { l.State = topup.ListedUnclear },
	} {
		x := sent("a", topup.Succeeded)
		r := compare(t, input([]*topup.Topup{x}, []topup.Listed{line(x, spoil)}))
		if r.Clean() || !strings.Contains(r.Problem, "1 lines") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
