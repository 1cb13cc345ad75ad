package sample

import (
	"slices"
	"strconv"
)

// network is a mobile network of South Africa as the simulator knows it, with prefixes of its numbers.
type network struct {
	id       int
	prefixes []string
}

var networks = [...]network{
	{1, []string{"82", "72", "76", "79"}},     // Vodacom
	{2, []string{"83", "73", "78"}},           // MTN
	{5, []string{"84", "74"}},                 // Cell C
	{9, []string{"811", "812", "813", "815"}}, // Telkom Mobile
}

// The vouchers of the simulator's catalogue by price in rand: a voucher's id is 1000 times the network's plus the
// number here. MTN's two that the provider's guide prints have ids of their own.
var (
	airtimePINs   = map[string]int{"2.00": 2, "5.00": 3, "10.00": 4, "29.00": 5, "55.00": 6, "110.00": 7, "275.00": 8}
	fixedPINs     = map[string]int{"12.00": 9, "29.00": 10, "60.00": 11}
	fixedAirtime  = map[string]int{"12.00": 12, "60.00": 13}
	bundles       = map[string]int{"3.00": 14, "7.00": 15, "15.00": 16, "29.00": 17, "85.00": 18, "149.00": 19}
	guideVouchers = map[int]int{2002: 121, 2003: 120}
)

// anyAirtime is the pinless voucher that takes any amount from 2 to 1000 rand.
const anyAirtime = 1

func (n network) voucher(number int) string {
	id := n.id*1000 + number
	if listed, ok := guideVouchers[id]; ok {
		id = listed
	}
	return strconv.Itoa(id)
}

var randAmounts = [...]string{
	"2.00", "5.00", "7.50", "10.00", "12.00", "15.25", "20.00",
	"29.00", "30.00", "49.99", "50.00", "75.00", "100.00", "150.00", "275.50",
}

// randRow is a row for a number of the i-th network.
func randRow(i int, amount string) (row, network) {
	n := networks[i%len(networks)]
	prefix := n.prefixes[i/len(networks)%len(n.prefixes)]
	return row{
		prefix: "+27" + prefix, digits: 9 - len(prefix), amount: amount, currency: "ZAR", provider: aat, product: map[string]string{},
	}, n
}

func specsAAT() []spec {
	aatCase := func(name string, rows int, explains string, build func(i int) row) spec {
		return spec{Case{name, aat, rows, Succeeded, true, explains}, "", build}
	}
	return []spec{
		aatCase("found_voucher", 60, "product.recharge is given and the voucher is not: found by network, kind and amount.", foundVoucher),
		aatCase("named_voucher", 24, "Pinless airtime with product.voucher_id.", namedVoucher),
		aatCase("pinned", 48, "A voucher with a PIN for the number's network, by product.voucher_id; the PIN is kept sealed.", pinned),
		aatCase("pinned_without_msisdn", 32, "A voucher with a PIN that the provider sells without being told the number.", pinnedWithoutMSISDN),
		aatCase("fixed_amount", 50, "The three calls for vouchers with a fixed price, named or found; no amount is on the wire.", fixedAmount),
		aatCase("bundle", 18, "SMS and data bundles by product.voucher_id, sold pinless at their exact price.", bundle),
		aatCase("pin_by_sms", 6, "A pinned voucher whose PIN is also sent by SMS (product.deliver_pin).", pinBySMS),
		aatCase("routed", 30, "No provider in the row: South African numbers go to aat.", routedAAT),
		aatCase("with_expiry", 4, "expires_at in the far future.", withExpiry),
		aatCase(casePair, 2, "Two references for one number: both go through, one after the other where the provider asks for spacing.", pairAAT),
		aatCase(caseDuplicate, 8, "Rows that come a second time further down: the first one counts.", plainAAT),
		aatRefusal("voucher_not_sold", 3, "A PIN voucher for an amount that no voucher has: failed, nothing was sent.", voucherNotSold),
		aatRefusal("wrong_price", 3, "A fixed-price voucher whose price is not the row's amount: failed, nothing was sent.", wrongPrice),
		aatRefusal("wrong_network", 3, "A voucher of another network than the number's: the provider refuses it.", wrongNetwork),
	}
}

func aatRefusal(name string, rows int, explains string, build func(i int) row) spec {
	return spec{Case{name, aat, rows, Failed, false, explains}, "", build}
}

func plainAAT(i int) row {
	r, _ := randRow(i, randAmounts[i%len(randAmounts)])
	return r
}

func foundVoucher(i int) row {
	kind := [...]string{"pinless", "pinned", "pinned_without_msisdn"}[i%3]
	amount := randAmounts[i%len(randAmounts)]
	if kind != "pinless" {
		amount = keyOf(airtimePINs, i)
	}
	r, _ := randRow(i/3+i, amount)
	r.product["recharge"] = kind
	return r
}

func namedVoucher(i int) row {
	r, n := randRow(i, randAmounts[i*2%len(randAmounts)])
	r.product["recharge"], r.product["voucher_id"] = "pinless", n.voucher(anyAirtime)
	return r
}

func pinned(i int) row {
	amount := keyOf(airtimePINs, i)
	r, n := randRow(i, amount)
	r.product["recharge"], r.product["voucher_id"] = "pinned", n.voucher(airtimePINs[amount])
	return r
}

func pinnedWithoutMSISDN(i int) row {
	r := pinned(i + 1)
	r.product["recharge"] = "pinned_without_msisdn"
	return r
}

// fixedAmount goes round the three kinds of recharge; every fourth row leaves the voucher to be found.
func fixedAmount(i int) row {
	kind := [...]string{"pinless", "pinned", "pinned_without_msisdn"}[i%3]
	prices := fixedPINs
	if kind == "pinless" {
		prices = fixedAirtime
	}
	amount := keyOf(prices, i/3)
	r, n := randRow(i, amount)
	r.product["recharge"], r.product["fixed_amount"] = kind, "true"
	if i%4 != 3 {
		r.product["voucher_id"] = n.voucher(prices[amount])
	}
	return r
}

func bundle(i int) row {
	amount := keyOf(bundles, i)
	r, n := randRow(i/3, amount)
	r.product["voucher_id"] = n.voucher(bundles[amount])
	return r
}

func pinBySMS(i int) row {
	r := pinned(i)
	r.product["deliver_pin"] = "sms"
	return r
}

func routedAAT(i int) row {
	r := plainAAT(i + 3)
	r.provider = ""
	return r
}

func withExpiry(i int) row {
	r := plainAAT(i)
	r.expiresAt = "2099-12-31T23:59:59Z"
	return r
}

func pairAAT(i int) row { return pairOf(i, plainAAT) }

func voucherNotSold(i int) row {
	r, _ := randRow(i, [...]string{"13.00", "99.00", "500.00"}[i%3])
	r.product["recharge"] = "pinned"
	return r
}

func wrongPrice(i int) row {
	r := fixedAmount([...]int{0, 1, 4}[i%3])
	r.amount = [...]string{"13.00", "28.00", "59.00"}[i%3]
	return r
}

func wrongNetwork(i int) row {
	r := pinned(i)
	r.product["voucher_id"] = networks[(i+1)%len(networks)].voucher(airtimePINs[r.amount])
	return r
}

// faultyAAT spreads the faults over the kinds of products whose call carries the number.
func faultyAAT(i int) row {
	return [...]func(i int) row{plainAAT, pinned, faultyFixed, namedVoucher}[i%4](i)
}

// faultyFixed is a pinless fixed-price voucher, which can be taken back.
func faultyFixed(i int) row { return fixedAmount(i / 4 * 12) }

// keyOf picks the i-th of a table's prices, in the order of the table's numbers.
func keyOf(prices map[string]int, i int) string {
	var keys []string
	for k := range prices {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return prices[a] - prices[b] })
	return keys[i%len(keys)]
}

// pairOf makes two rows for one number out of build's; see entries for the number.
func pairOf(i int, build func(i int) row) row {
	r := build(i / 2)
	r.amount = build(i).amount
	return r
}
