package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Total sums the top-ups of one state and currency.
type Total struct {
	State     string `json:"state"`
	Currency  string `json:"currency"`
	Count     int64  `json:"count"`
	Requested string `json:"requested"`
}

// Cost sums what the top-ups of one state cost in one currency of provider accounts. Unpriced counts those whose cost
// is not known; their currency is that of their amount.
type Cost struct {
	State    string `json:"state"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Cost     string `json:"cost"`
	Fees     string `json:"fees"`
	Unpriced int64  `json:"unpriced"`
}

// Age sums what is not closed, by how long it has been open.
type Age struct {
	Age       string `json:"age"`
	State     string `json:"state"`
	Currency  string `json:"currency"`
	Count     int64  `json:"count"`
	Requested string `json:"requested"`
}

// Change sums the corrections from one state to another in one currency.
type Change struct {
	Was       string `json:"was"`
	State     string `json:"state"`
	Currency  string `json:"currency"`
	Count     int64  `json:"count"`
	Requested string `json:"requested"`
}

// ages are the steps in which what is open is told, by their upper bounds.
var ages = []struct {
	name  string
	until time.Duration
}{{"under 1h", time.Hour}, {"1h to 3h", 3 * time.Hour}, {"3h to 24h", 24 * time.Hour}, {"1d to 7d", 7 * 24 * time.Hour}, {"over 7d", 0}}

// AgeName is the step that an age falls into.
func AgeName(d time.Duration) string { return ages[ageStep(d)].name }

func ageStep(d time.Duration) int {
	for i, a := range ages {
		if d < a.until {
			return i
		}
	}
	return len(ages) - 1
}

// Summary adds up a day's rows. The zero Summary is empty.
type Summary struct {
	Rows, Open, Unresolved int64
	// NotAsked counts the open ones that the day's sweep did not come to ask about.
	NotAsked int64

	totals  map[[2]string]*sum
	costs   map[[2]string]*sum
	ages    map[[3]string]*sum
	changes map[[3]string]*sum
}

// sum is one line on its way.
type sum struct {
	key          [3]string
	order        int
	count, blank int64
	amount, fees decimal.Decimal
}

func at[K comparable](m *map[K]*sum, key K) *sum {
	if *m == nil {
		*m = map[K]*sum{}
	}
	s, ok := (*m)[key]
	if !ok {
		s = &sum{}
		(*m)[key] = s
	}
	return s
}

func (s *sum) add(amount decimal.Decimal) {
	s.count++
	s.amount = s.amount.Add(amount)
}

// Add counts a top-up as it stood at an instant.
func (s *Summary) Add(t *topup.Topup, cut time.Time) {
	state := t.State.String()
	s.Rows++
	at(&s.totals, [2]string{state, t.Amount.Currency}).add(t.Amount.Amount)
	s.addCost(t, state)
	if t.State.Closed() {
		return
	}
	s.Open++
	if t.State == topup.Unresolved {
		s.Unresolved++
	}
	step := ageStep(cut.Sub(t.CreatedAt))
	a := at(&s.ages, [3]string{ages[step].name, state, t.Amount.Currency})
	a.order = step
	a.add(t.Amount.Amount)
}

// addCost counts what a delivered top-up cost, and what one taken back would have.
func (s *Summary) addCost(t *topup.Topup, state string) {
	if t.State != topup.Succeeded && t.State != topup.Reversed {
		return
	}
	if t.Cost.IsZero() {
		at(&s.costs, [2]string{state, t.Amount.Currency}).blank++
		return
	}
	c := at(&s.costs, [2]string{state, t.Cost.Currency})
	c.add(t.Cost.Amount)
	if t.Fee.Currency == t.Cost.Currency {
		c.fees = c.fees.Add(t.Fee.Amount)
	}
}

// Correct counts a correction.
func (s *Summary) Correct(c Correction) {
	key := [3]string{c.Was.State.String(), c.Is.State.String(), c.Is.Amount.Currency}
	at(&s.changes, key).add(c.Is.Amount.Amount)
}

// lines are the sums of a map in a stable order: by the last part of the key (the currency), then by the others.
func lines[K comparable](m map[K]*sum, parts func(K) [3]string) []*sum {
	out := make([]*sum, 0, len(m))
	for k, s := range m {
		s.key = parts(k)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(a.key[2], b.key[2]), cmp.Compare(a.order, b.order), cmp.Compare(a.key[0], b.key[0]), cmp.Compare(a.key[1], b.key[1]))
	})
	return out
}

func two(k [2]string) [3]string   { return [3]string{k[0], "", k[1]} }
func three(k [3]string) [3]string { return k }

func text(d decimal.Decimal, currency string) string {
	return topup.Money{Amount: d, Currency: currency}.Text()
}

// Totals are in order of currency and state.
func (s *Summary) Totals() []Total {
	out := []Total{}
	for _, l := range lines(s.totals, two) {
		out = append(out, Total{l.key[0], l.key[2], l.count, text(l.amount, l.key[2])})
	}
	return out
}

// Costs are in order of currency and state.
func (s *Summary) Costs() []Cost {
	out := []Cost{}
	for _, l := range lines(s.costs, two) {
		out = append(out, Cost{l.key[0], l.key[2], l.count, text(l.amount, l.key[2]), text(l.fees, l.key[2]), l.blank})
	}
	return out
}

// Ages are in order of currency and age.
func (s *Summary) Ages() []Age {
	out := []Age{}
	for _, l := range lines(s.ages, three) {
		out = append(out, Age{l.key[0], l.key[1], l.key[2], l.count, text(l.amount, l.key[2])})
	}
	return out
}

// Changes are in order of currency and states.
func (s *Summary) Changes() []Change {
	out := []Change{}
	for _, l := range lines(s.changes, three) {
		out = append(out, Change{l.key[0], l.key[1], l.key[2], l.count, text(l.amount, l.key[2])})
	}
	return out
}
