package console

import (
	"cmp"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"topupq/operator"
	"topupq/topup"
)

const (
	// plottedMinutes is the window of the plots; the overview loads itself anew every refreshSeconds.
	plottedMinutes = 60
	refreshSeconds = 15
)

// overviewBody is the data of the overview.
type overviewBody struct {
	operator.Overview
	Risk                []risk
	Held, Open, Unres   int64
	Queues              []Queue
	Balances            []balanceRow
	Flow, Calls, Settle template.HTML
	Ages                template.HTML
	Accepted, Closed    int64
	Sends, Checks       int64
}

// risk is money that may be gone at one provider in one currency.
type risk struct {
	Provider                     topup.ProviderName
	Currency                     string
	Pending, Unknown, Unresolved topup.Money
	Total                        topup.Money
	Oldest                       time.Time
}

// balanceRow is a float with how long it lasts at the pace of the window.
type balanceRow struct {
	Balance
	Lasts string
	Low   bool
	// Open counts the processes whose breaker is open, Since when the first of them opened; Paused is why nothing is sent.
	Open   int
	Since  time.Time
	Paused string
}

func (c *Console) overview(r *http.Request, _ Visitor) (drawing, error) {
	o, err := c.cfg.Desk.Overview(r.Context(), plottedMinutes)
	if err != nil {
		return drawing{}, err
	}
	b := overviewBody{Overview: o, Risk: risks(o.Stocks)}
	for _, s := range o.Stocks {
		switch s.State {
		case topup.Held:
			b.Held += s.Count
		case topup.Unresolved:
			b.Unres += s.Count
		default:
			b.Open += s.Count
		}
	}
	for _, n := range o.Backlog.Sends {
		b.Sends += n
	}
	for _, n := range o.Backlog.Checks {
		b.Checks += n
	}
	b.plot(o.Figures)
	if c.cfg.Queues != nil {
		if b.Queues, err = c.cfg.Queues(r.Context()); err != nil {
			b.Queues = nil // the page tells that none can be read
		}
	}
	if c.cfg.Balances != nil {
		for _, balance := range c.cfg.Balances(r.Context()) {
			row := lasting(balance, o.Figures)
			row.gates(o)
			b.Balances = append(b.Balances, row)
		}
	}
	return drawing{template: "overview.html", title: "Overview", refresh: refreshSeconds, body: b}, nil
}

func (b *overviewBody) plot(f operator.Figures) {
	for i := range f.Minutes {
		b.Accepted += f.Accepted[i]
		b.Closed += f.Closed[i]
	}
	b.Flow = lines("accepted and closed per minute", f.Minutes, []line{{"accepted", "a", f.Accepted}, {"closed", "b", f.Closed}})
	b.Calls = lines("callbacks per minute", f.Minutes, []line{{"delivered", "b", f.CallbacksOK}, {"failed", "c", f.CallbacksFailed}})
	names := make([]string, 0, len(f.Settle))
	for _, bound := range operator.SettleBounds {
		names = append(names, "≤"+short(bound))
	}
	b.Settle = bars("time to an outcome", "a", append(names, "more"), f.Settle)
	b.Ages = bars("open top-ups by age", "d", ageNames(), ages(b.Stocks))
}

// short is a bound without spaces: "5m".
func short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return span(d)[:len(span(d))-2] + "s"
	case d < time.Hour:
		return number(int(d.Minutes())) + "m"
	default:
		return number(int(d.Hours())) + "h"
	}
}

func ageNames() []string {
	names := []string{"<" + short(operator.AgeBounds[0])}
	for _, bound := range operator.AgeBounds {
		names = append(names, "≥"+short(bound))
	}
	return names
}

// ages counts what is open (not what is held) in each band of age.
func ages(stocks []topup.Stock) []int64 {
	out := make([]int64, len(operator.AgeBounds)+1)
	for _, s := range stocks {
		if s.State == topup.Held || len(s.Older) != len(operator.AgeBounds) {
			continue
		}
		last := s.Count
		for i, n := range s.Older {
			out[i] += last - n
			last = n
		}
		out[len(out)-1] += last
	}
	return out
}

// risks sums what is open by provider and currency.
func risks(stocks []topup.Stock) []risk {
	var out []risk
	for _, s := range stocks {
		if !s.State.AtRisk() {
			continue
		}
		for _, sum := range s.Sums {
			i := slices.IndexFunc(out, func(r risk) bool { return r.Provider == s.Provider && r.Currency == sum.Currency })
			if i < 0 {
				i = len(out)
				zero := topup.Money{Amount: decimal.Zero, Currency: sum.Currency}
				out = append(out, risk{Provider: s.Provider, Currency: sum.Currency, Pending: zero, Unknown: zero, Unresolved: zero, Total: zero})
			}
			out[i].add(s, sum)
		}
	}
	slices.SortFunc(out, func(a, b risk) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Currency, b.Currency))
	})
	return out
}

func (r *risk) add(s topup.Stock, sum topup.Money) {
	part := map[topup.State]*topup.Money{topup.Pending: &r.Pending, topup.Unknown: &r.Unknown, topup.Unresolved: &r.Unresolved}[s.State]
	part.Amount = part.Amount.Add(sum.Amount)
	r.Total.Amount = r.Total.Amount.Add(sum.Amount)
	if r.Oldest.IsZero() || s.Oldest.Before(r.Oldest) {
		r.Oldest = s.Oldest
	}
}

// gates notes what holds the sending to the provider up: breakers and pauses.
func (r *balanceRow) gates(o operator.Overview) {
	for _, a := range o.Away {
		if a.Provider != r.Provider {
			continue
		}
		r.Open++
		if r.Since.IsZero() || a.Since.Before(r.Since) {
			r.Since = a.Since
		}
	}
	for _, p := range o.Pauses {
		if p.Scope.Kind == topup.PauseByProvider && p.Scope.Name == string(r.Provider) {
			r.Paused = string(p.Pause.Reason)
		}
	}
}

// lowHours is how long a float should last at least.
const lowHours = 6

// lasting reckons how long a float lasts at the pace of the window.
func lasting(b Balance, f operator.Figures) balanceRow {
	row := balanceRow{Balance: b, Lasts: "no sales in the last hour"}
	for _, spent := range f.Spent[b.Provider] {
		if spent.Currency != b.Left.Currency || spent.Amount.Sign() <= 0 {
			continue
		}
		minutes := b.Left.Amount.Mul(decimal.NewFromInt(plottedMinutes)).Div(spent.Amount).IntPart()
		row.Lasts = "about " + span(time.Duration(min(minutes, 60*24*365))*time.Minute) + " at the pace of the last hour"
		row.Low = minutes < lowHours*60
	}
	row.Low = row.Low || (b.Err == "" && b.Left.Amount.Sign() <= 0)
	return row
}
