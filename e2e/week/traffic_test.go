package week_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// fate is what the provider does with an order. It is asked for by the last digits of the number.
type fate int

const (
	plain fate = iota
	// late and lateFailure end after two hours, veryLateFailure after thirty: at AAT, whose orders are never pending, the
	// answer is lost instead.
	late
	lateFailure
	veryLateFailure
	// lost is booked and the answer is lost.
	lost
	refused
	// reversed is taken back after 90 minutes, reversedLate after 26 hours, of which only a call-back tells.
	reversed
	reversedLate
	// stuck never settles.
	stuck
)

// digits are the last four of the number.
func (f fate) digits() string  { return fmt.Sprintf("77%02d", int(f)) }
func (f fate) pattern() string { return "*" + f.digits() }

// fateOf is the fate of the i-th order: 12 in 100 go wrong in some way.
func fateOf(i int) fate {
	if n := i % 100; n < len(fates) {
		return fates[n]
	}
	return plain
}

var fates = [...]fate{late, late, lateFailure, veryLateFailure, lost, lost, refused, reversed, reversedLate, stuck, lost, late}

// order is one top-up of the traffic.
type order struct {
	id       topup.ID
	provider topup.ProviderName
	fate     fate
	amount   decimal.Decimal
	currency string
	at       time.Time
	row      json.RawMessage
}

// newOrder is the n-th order of all.
func newOrder(m topup.MerchantID, p topup.ProviderName, n int, f fate, at time.Time) *order {
	reference := fmt.Sprintf("%s-%d", p, n)
	o := &order{id: topup.NewID(m, reference), provider: p, fate: f, at: at}
	var number string
	product := map[string]any{}
	switch p {
	case topup.Reloadly:
		number, o.currency, o.amount = fmt.Sprintf("+234803%03d%s", n%1000, f.digits()), "USD", decimal.New(int64(100+n%400), -2)
		product["operator_id"] = 341
	case topup.AAT:
		number, o.currency, o.amount = fmt.Sprintf("+2783%03d%s", n%1000, f.digits()), "ZAR", decimal.New(int64(200+25*(n%80)), -2)
		product["voucher_id"] = 2001
	case topup.RechargeKit:
		number, o.currency, o.amount = fmt.Sprintf("+9198%04d%s", n%10000, f.digits()), "INR", decimal.NewFromInt(int64(10+n%300))
		product["operator_code"], product["circle"] = 1, 5
	}
	o.row, _ = json.Marshal(map[string]any{ // maps of text and numbers can always be encoded
		"reference": reference, "recipient": number, "amount": o.amount.String(), "currency": o.currency, "provider": p, "product": product,
	})
	return o
}

// ndjson is a batch as POST /v1/batches takes it.
func ndjson(orders []*order) string {
	var b strings.Builder
	for _, o := range orders {
		b.Write(o.row)
		b.WriteByte('\n')
	}
	return b.String()
}

// traffic plans n orders over some days: nearly all come in batches, at 05:00 and 11:00 UTC, some singly in between.
func traffic(m topup.MerchantID, begin time.Time, days, n int) (arrivals map[time.Time][]*order, all []*order) {
	shares := []struct {
		provider topup.ProviderName
		percent  int
	}{{topup.Reloadly, 70}, {topup.AAT, 20}, {topup.RechargeKit, 10}}
	arrivals = map[time.Time][]*order{}
	const single = 50 // one of so many comes alone
	for _, s := range shares {
		total := n * s.percent / 100
		for i := range total {
			day := begin.AddDate(0, 0, i*days/total)
			at := day.Add(5 * time.Hour)
			switch {
			case i%single == 0:
				at = at.Add(time.Duration(i*7919%(6*3600)) * time.Second)
			case i%2 == 1:
				at = at.Add(6 * time.Hour)
			}
			o := newOrder(m, s.provider, i, fateOf(i*37), at)
			arrivals[at], all = append(arrivals[at], o), append(all, o)
		}
	}
	return arrivals, all
}

// expected is the state in which we must tell an order once the sweep of its day is past, by what the simulator's ledger
// says of it.
func (o *order) expected(books map[topup.ID]booking) topup.State {
	b, there := books[o.id]
	switch {
	case !there:
		return topup.Failed
	case b.state == "pending", o.provider == topup.AAT && o.fate == stuck:
		return topup.Unresolved
	case b.state == "booked":
		return topup.Succeeded
	case o.fate == reversed || o.fate == reversedLate:
		return topup.Reversed
	default:
		return topup.Failed
	}
}
