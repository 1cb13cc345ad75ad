package harness

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// Booking is what a provider's books hold for one reference.
type Booking struct {
	Provider  topup.ProviderName
	Reference topup.ID
	// Recipient is as the provider writes numbers; empty for a voucher without number.
	Recipient string
	Amount    decimal.Decimal
	Currency  string
	// State is "booked", "pending", "refunded" or "failed". Count is how often money was booked.
	State string
	Count int
	At    time.Time
}

// Stands reports whether the provider holds the merchant's money for it: delivered, or still at work.
func (b Booking) Stands() bool { return b.Count > 0 && (b.State == "booked" || b.State == "pending") }

// Books are all bookings of the three providers, by reference. One that two providers have booked counts for both.
func (s *Sims) Books() map[topup.ID]Booking {
	out := map[topup.ID]Booking{}
	add := func(p topup.ProviderName, ref, recipient, amount, currency, state string, count int, at time.Time) {
		d, err := decimal.NewFromString(amount)
		if err != nil {
			state = "unreadable amount " + amount
		}
		b := Booking{p, topup.ID(ref), recipient, d, currency, state, count, at}
		if other, ok := out[b.Reference]; ok && other.Count > 0 {
			other.Count += count
			b = other
		}
		out[b.Reference] = b
	}
	for _, b := range s.Reloadly.Bookings() {
		add(topup.Reloadly, b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.At)
	}
	for _, b := range s.AAT.Bookings() {
		add(topup.AAT, b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.At)
	}
	for _, b := range s.RechargeKit.Bookings() {
		add(topup.RechargeKit, b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.At)
	}
	return out
}

// Ask is one call that a provider received.
type Ask struct {
	At        time.Time
	Provider  topup.ProviderName
	Method    string
	Path      string
	Reference topup.ID
	// Status is the answer's, 0 where none was given; Pays tells a paying call.
	Status int
	Pays   bool
}

// Asks are all calls that the providers received, by reference and in order.
func (s *Sims) Asks() map[topup.ID][]Ask {
	out := map[topup.ID][]Ask{}
	add := func(p topup.ProviderName, at time.Time, method, path, ref string, status int) {
		id := topup.ID(ref)
		out[id] = append(out[id], Ask{at, p, method, path, id, status, Pays(p, method, path)})
	}
	for _, r := range s.Reloadly.Requests() {
		add(topup.Reloadly, r.At, r.Method, r.Path, r.Reference, r.Status)
	}
	for _, r := range s.AAT.Requests() {
		add(topup.AAT, r.At, r.Method, r.Path, r.Reference, r.Status)
	}
	for _, r := range s.RechargeKit.Requests() {
		add(topup.RechargeKit, r.At, r.Method, r.Path, r.Reference, r.Status)
	}
	return out
}

// Pays reports whether a call to a provider moves money.
func Pays(p topup.ProviderName, method, path string) bool {
	switch p {
	case topup.Reloadly:
		return method == "POST" && (path == "/topups" || path == "/topups-async")
	case topup.AAT:
		return strings.Contains(path, ".asmx/Perform")
	default:
		return path == "/recharge/prepaid" || path == "/recharge/postpaid" || path == "/recharge/dth"
	}
}

// Rule is a fault at one of the providers, in the words that the simulators have in common.
type Rule struct {
	Fault string
	// Times is how often it strikes; Delay, Status, Code and Body mean what the simulator says of the fault.
	Times      int
	Delay      time.Duration
	Status     int
	Code, Body string
	// Path limits it to calls with such a path, a pattern with "*".
	Path string
}

// Script lets a fault strike the calls about one reference.
func (s *Sims) Script(p topup.ProviderName, ref topup.ID, r Rule) {
	switch p {
	case topup.Reloadly:
		s.Reloadly.Script(reloadlyRule(ref, r))
	case topup.AAT:
		s.AAT.Script(aatRule(ref, r))
	default:
		s.RechargeKit.Script(rechargeKitRule(ref, r))
	}
}
