package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shopspring/decimal"

	"topupq/deploy/sample"
	"topupq/topup"
)

// verdict is what the demo found: tables to print and promises that were broken.
type verdict struct {
	first, again receipt
	rows         []*topup.Topup
	booked       map[string]booking
	events       int
	attempts     int
	cases        []caseLine
	faults       []string
}

// caseLine is what became of the rows of one case of the sample.
type caseLine struct {
	sample.Case
	states map[string]int
}

// disagreements are the ways in which our record, the provider's booking and the merchant's knowledge of one top-up
// differ.
func disagreements(t *topup.Topup, b booking, k told) (out []string) {
	say := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("%s (%s): ", t.Reference, t.ID)+fmt.Sprintf(format, args...))
	}
	if b.count > 1 {
		say("booked %d times", b.count)
	}
	holds := b.state == "booked" || b.state == "pending"
	switch t.State {
	case topup.Succeeded:
		if b.state != "booked" {
			say("succeeded, but the provider says %q", b.state)
		}
	case topup.Failed:
		if holds {
			say("failed, but the provider holds a booking")
		}
	case topup.Reversed:
		if holds || b.count == 0 {
			say("reversed, but the provider says %q", b.state)
		}
	default:
		say("is still %s", t.State)
	}
	if t.RefundSafe() && holds {
		say("refund_safe, but the provider holds a booking")
	}
	if k.state != t.State.String() || k.version != t.Version() || k.refundSafe != t.RefundSafe() {
		say("the merchant was told %q version %d, the record is %s version %d", k.state, k.version, t.State, t.Version())
	}
	return out
}

// judge compares everything with everything.
func (s *sandbox) judge(first, again receipt) verdict {
	v := verdict{first: first, again: again, booked: s.sims.bookings()}
	rows, err := s.rows(context.Background(), first.BatchID)
	if err != nil {
		v.faults = append(v.faults, "read the batch: "+err.Error())
	}
	v.rows = rows
	var forged int
	var wrong []string
	v.events, v.attempts, forged, wrong = s.receiver.tally()
	v.faults = append(v.faults, wrong...)
	if forged > 0 {
		v.faults = append(v.faults, fmt.Sprintf("%d callbacks could not be verified", forged))
	}
	if first.Rows != first.Accepted+first.Duplicates+first.Rejected || int64(len(rows)) != first.Accepted {
		v.faults = append(v.faults, fmt.Sprintf("rows do not add up: %+v, %d in the batch", first, len(rows)))
	}
	if again.Accepted != 0 || again.Duplicates != first.Accepted+first.Duplicates {
		v.faults = append(v.faults, fmt.Sprintf("the same file again: %d accepted, %d duplicates", again.Accepted, again.Duplicates))
	}
	paid, want := 0, 0
	for _, b := range v.booked {
		paid += b.paid()
	}
	known := map[string]bool{}
	for _, t := range rows {
		known[string(t.ID)] = true
		if t.State == topup.Succeeded || t.State == topup.Reversed || takenBackEarly(t, v.booked[string(t.ID)]) {
			want++
		}
		v.faults = append(v.faults, disagreements(t, v.booked[string(t.ID)], s.receiver.knows(t.ID))...)
	}
	for reference := range v.booked {
		if !known[reference] {
			v.faults = append(v.faults, reference+": booked without a top-up")
		}
	}
	if paid != want {
		v.faults = append(v.faults, fmt.Sprintf("%d bookings in the simulators, %d succeeded and reversed", paid, want))
	}
	v.judgeCases()
	return v
}

// takenBackEarly reports whether the provider took a success back before it was first asked about, as happens on a
// slow machine: all that was ever told is that it failed, which is true.
func takenBackEarly(t *topup.Topup, b booking) bool {
	return t.State == topup.Failed && b.state == "refunded"
}

// judgeCases compares each case of the sample with what it promises.
func (v *verdict) judgeCases() {
	byCase := map[string]map[string]int{}
	for _, t := range v.rows {
		key := caseOf(t)
		if byCase[key] == nil {
			byCase[key] = map[string]int{}
		}
		byCase[key][t.State.String()]++
		byCase[key]["booked"] += v.booked[string(t.ID)].paid()
		if takenBackEarly(t, v.booked[string(t.ID)]) {
			byCase[key]["early"]++
		}
	}
	for _, c := range sample.Cases() {
		states := byCase[c.Provider+"/"+c.Name]
		v.cases = append(v.cases, caseLine{c, states})
		switch c.WantState {
		case sample.Rejected, sample.Duplicate:
		default:
			got := states[c.WantState]
			if c.WantState == sample.Reversed {
				got += states["early"]
			}
			if got != c.Rows {
				v.faults = append(v.faults, fmt.Sprintf("case %s of %s: %d of %d rows %s: %v", c.Name, c.Provider, states[c.WantState], c.Rows, c.WantState, states))
			}
		}
	}
}

// print writes the summary.
func (v *verdict) print(out io.Writer) {
	fmt.Fprintln(out, "\nBY CASE")
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "  case\tprovider\trows\tended as\tbooked\twhat happened")
	var bad []string
	badRows := 0
	for _, c := range v.cases {
		if c.WantState == sample.Rejected {
			bad = append(bad, fmt.Sprintf("%s (%d)", strings.TrimPrefix(c.Name, "bad_"), c.Rows))
			badRows += c.Rows
			continue
		}
		ended, paid := c.WantState, "-"
		if c.Accepted() {
			ended, paid = statesText(c.states), strconv.Itoa(c.states["booked"])
		}
		fmt.Fprintf(w, "  %s\t%s\t%d\t%s\t%s\t%s\n", c.Name, c.Provider, c.Rows, ended, paid, c.Explains)
	}
	_ = w.Flush() // the terminal is gone
	fmt.Fprintf(out, "  %d rejected rows, each named by line and field:\n%s\n", badRows, wrap(bad, "    ", lineWidth))
	v.printProviders(out)
	fmt.Fprintf(out, "\nthe same file again: %d accepted, %d duplicates, %d rejected\n", v.again.Accepted, v.again.Duplicates, v.again.Rejected)
	fmt.Fprintf(out, "callbacks: %d events over %d attempts, every signature verified by the merchant\n", v.events, v.attempts)
	if len(v.faults) == 0 {
		fmt.Fprintln(out, "nothing paid twice, nothing lost, nothing told that the providers' books do not say")
		return
	}
	fmt.Fprintf(out, "\n%d PROMISES BROKEN\n", len(v.faults))
	for _, f := range v.faults[:min(len(v.faults), 40)] {
		fmt.Fprintln(out, "  "+f)
	}
}

func statesText(states map[string]int) string {
	var parts []string
	for _, s := range topup.States {
		if n := states[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", s, n))
		}
	}
	return strings.Join(parts, ", ")
}

// printProviders writes states and money per provider, from our ledger and from the simulators' side by side.
func (v *verdict) printProviders(out io.Writer) {
	type sums struct {
		states                          map[string]int
		ours, theirs                    map[string]decimal.Decimal
		bookings, standing, bookedTwice int
	}
	by := map[topup.ProviderName]*sums{}
	for _, p := range topup.Providers {
		by[p] = &sums{states: map[string]int{}, ours: map[string]decimal.Decimal{}, theirs: map[string]decimal.Decimal{}}
	}
	for _, t := range v.rows {
		s, b := by[t.Provider], v.booked[string(t.ID)]
		s.states[t.State.String()]++
		if t.State == topup.Succeeded {
			s.ours[t.Amount.Currency] = s.ours[t.Amount.Currency].Add(t.Amount.Amount)
		}
		s.bookings += b.paid()
		if b.count > 1 {
			s.bookedTwice++
		}
		if b.state == "booked" {
			s.standing++
			if amount, err := decimal.NewFromString(b.amount); err == nil {
				s.theirs[b.currency] = s.theirs[b.currency].Add(amount)
			}
		}
	}
	fmt.Fprintln(out, "\nBY PROVIDER")
	w := tabwriter.NewWriter(out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "  provider\tstates\tbookings\tstanding\ttwice")
	for _, p := range topup.Providers {
		s := by[p]
		fmt.Fprintf(w, "  %s\t%s\t%d\t%d\t%d\n", p, statesText(s.states), s.bookings, s.standing, s.bookedTwice)
	}
	_ = w.Flush() // the terminal is gone
	fmt.Fprintln(out, "\nMONEY MOVED  (what our ledger says was delivered, and what the providers' books say)")
	for _, p := range topup.Providers {
		fmt.Fprintf(out, "  %-12s ours    %s\n  %-12s theirs  %s\n", p, moneyText(by[p].ours), "", moneyText(by[p].theirs))
	}
}

// lineWidth is where lists are broken.
const lineWidth = 110

// wrap joins words into indented lines.
func wrap(words []string, indent string, width int) string {
	var b strings.Builder
	line := indent
	for i, w := range words {
		if i < len(words)-1 {
			w += ", "
		}
		if len(line)+len(w) > width && line != indent {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += w
	}
	return b.String() + line
}

func moneyText(sums map[string]decimal.Decimal) string {
	var parts []string
	for currency, amount := range sums {
		parts = append(parts, topup.Money{Amount: amount, Currency: currency}.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, " + ")
}
