package operator

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"topupq/topup"
)

// SettleBounds are the upper bounds of the histogram of times from acceptance to outcome; the last bucket has none.
var SettleBounds = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
	30 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour,
}

// The names of the figures of a minute. Each process adds its own; what is lost with a process is lost to the plots
// only.
const (
	pulseAccepted = "accepted:"
	pulseClosed   = "closed:"
	pulseSettle   = "settle:"
	pulseCallback = "callback:"
	pulseSpent    = "spent:"
)

// PulseAccepted names the top-ups taken for a provider.
func PulseAccepted(p topup.ProviderName) string { return pulseAccepted + string(p) }

// PulseClosed adds to counts what the plots show of a top-up that has just been closed.
func PulseClosed(counts map[string]int64, t *topup.Topup) {
	operator := t.OperatorKey()
	if operator == "" {
		operator = string(t.Provider) + ":"
	}
	counts[pulseClosed+operator+":"+t.State.String()]++
	counts[pulseSettle+strconv.Itoa(settleBucket(t.UpdatedAt.Sub(t.CreatedAt)))]++
	if t.State == topup.Succeeded {
		spent := t.Cost
		if spent.IsZero() {
			spent = t.Amount
		}
		counts[pulseSpent+string(t.Provider)+":"+spent.Currency] += spent.Micros()
	}
}

// PulseCallback names the deliveries that were accepted, or not.
func PulseCallback(ok bool) string {
	if ok {
		return pulseCallback + "ok"
	}
	return pulseCallback + "failed"
}

func settleBucket(d time.Duration) int {
	for i, bound := range SettleBounds {
		if d <= bound {
			return i
		}
	}
	return len(SettleBounds)
}

// Success is how the top-ups of one mobile operator ended. Operator is "" where the order did not name it.
type Success struct {
	Provider, Operator                string
	Succeeded, Failed, Reversed, Open int64
}

// Share is the share of successes in percent, rounded down so that 100 means all of them.
func (s Success) Share() int64 {
	all := s.Succeeded + s.Failed + s.Reversed
	if all == 0 {
		return 0
	}
	return s.Succeeded * 100 / all
}

// Figures are what the plots of some minutes show.
type Figures struct {
	Minutes []time.Time
	// Accepted, Closed, CallbacksOK and CallbacksFailed are per minute.
	Accepted, Closed, CallbacksOK, CallbacksFailed []int64
	// Settle counts the outcomes by SettleBounds; the last one is beyond them.
	Settle  []int64
	Success []Success
	// Spent is what was delivered or debited, per provider, one sum per currency.
	Spent map[topup.ProviderName][]topup.Money
}

// Count makes figures of pulses.
func Count(pulses []topup.Pulse) Figures {
	n := len(pulses)
	f := Figures{
		Accepted: make([]int64, n), Closed: make([]int64, n), CallbacksOK: make([]int64, n), CallbacksFailed: make([]int64, n),
		Settle: make([]int64, len(SettleBounds)+1), Spent: map[topup.ProviderName][]topup.Money{},
	}
	success, spent := map[string]*Success{}, map[string]int64{}
	for i, p := range pulses {
		f.Minutes = append(f.Minutes, p.Minute)
		for name, count := range p.Counts {
			kind, rest, _ := strings.Cut(name, ":")
			switch kind + ":" {
			case pulseAccepted:
				f.Accepted[i] += count
			case pulseClosed:
				f.Closed[i] += count
				addSuccess(success, rest, count)
			case pulseSettle:
				if b, err := strconv.Atoi(rest); err == nil && b >= 0 && b < len(f.Settle) {
					f.Settle[b] += count
				}
			case pulseCallback:
				if rest == "ok" {
					f.CallbacksOK[i] += count
				} else {
					f.CallbacksFailed[i] += count
				}
			case pulseSpent:
				spent[rest] += count
			}
		}
	}
	for _, s := range success {
		f.Success = append(f.Success, *s)
	}
	slices.SortFunc(f.Success, func(a, b Success) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Operator, b.Operator))
	})
	for _, name := range slices.Sorted(maps.Keys(spent)) {
		provider, currency, _ := strings.Cut(name, ":")
		p := topup.ProviderName(provider)
		f.Spent[p] = append(f.Spent[p], topup.FromMicros(spent[name], currency))
	}
	return f
}

// addSuccess reads "provider:operator:state".
func addSuccess(all map[string]*Success, name string, n int64) {
	parts := strings.Split(name, ":")
	if len(parts) != 3 {
		return
	}
	key := parts[0] + ":" + parts[1]
	s := all[key]
	if s == nil {
		s = &Success{Provider: parts[0], Operator: parts[1]}
		all[key] = s
	}
	switch parts[2] {
	case "succeeded":
		s.Succeeded += n
	case "failed":
		s.Failed += n
	case "reversed":
		s.Reversed += n
	default:
		s.Open += n
	}
}
