package sample

import (
	"strconv"
	"strings"
)

// operator is one of the simulator's catalogue: how its numbers begin, how many digits follow, and amounts that it takes.
type operator struct {
	id     int
	prefix string
	digits int
	// usd are amounts in the float's currency; local those in currency, for operators that take them.
	usd             string
	local, currency string
}

// ranges take any amount between two bounds.
var ranges = [...]operator{
	{341, "+234803", 7, "1.00 2.50 0.75", "500.00 1500.00 2000.00", "NGN"},
	{342, "+234802", 7, "1.00 3.33 5.00", "300.00 1000.00 750.50", "NGN"},
	{344, "+234805", 7, "2.00 4.20 1.00", "", ""},
	{150, "+23324", 7, "1.00 2.00 5.50", "10.00 20.00 50.00", "GHS"},
	{152, "+23320", 7, "1.00 3.00 7.00", "", ""},
	{265, "+25472", 7, "0.50 1.00 2.00", "50.00 100.00 250.00", "KES"},
	{266, "+25473", 7, "0.80 1.20 3.00", "20.00 100.00 500.00", "KES"},
	{420, "+92300", 7, "1.00 2.00 3.60", "100.00 200.00 500.00", "PKR"},
	{421, "+92345", 7, "1.50 2.50 4.00", "100.00 350.00 600.00", "PKR"},
	{536, "+4474001", 5, "5.00 10.00 12.50", "5.00 10.00 15.00", "GBP"},
	{71, "+19173", 6, "5.00 10.00 20.00", "", ""},
	{712, "+97150", 7, "5.00 10.00 2.75", "10.00 25.00 50.00", "AED"},
	{713, "+97155", 7, "3.00 8.00 15.00", "10.00 20.00 36.50", "AED"},
	{173, "+50934", 6, "2.00 5.00 1.50", "", ""},
	{174, "+50932", 6, "1.00 4.00 6.00", "", ""},
	{129, "+50376", 6, "5.00 7.00 10.00", "", ""},
	{770, "+88017", 8, "0.50 1.00 2.00", "50.00 100.00 200.00", "BDT"},
	{880, "+63917", 7, "1.00 2.00 5.00", "50.00 100.00 250.00", "PHP"},
	{89, "+57310", 7, "2.00 3.00 5.00", "10000.00 20000.00 5000.00", "COP"},
	{88, "+57315", 7, "5.00", "", ""},
	{1, "+9370", 7, "1.00 2.00 5.00", "", ""},
	{902, "+5233", 8, "1.00 3.00 6.00", "", ""},
}

// lists take the amounts of a list only.
var lists = [...]operator{
	{901, "+5255", 8, "0.50 1.00 2.50 5.00 10.00", "10.00 50.00 100.00", "MXN"},
	{422, "+92313", 7, "1.00 2.00 5.00 10.00", "", ""},
	{70, "+12123", 6, "10.00 15.00 25.00 50.00", "", ""},
	{684, "+535", 7, "10.00 20.00 30.00", "", ""},
}

// named are never detected: they must be asked for by operator_id.
var (
	pinProducts = [...]operator{{69, "+14153", 6, "15.00 25.00 50.00", "", ""}, {535, "+4474002", 5, "6.25 10.00 62.50", "", ""}}
	dataBundles = [...]operator{{646, "+234806", 7, "1.00 2.50 5.00 10.00", "", ""}, {202, "+9198", 8, "3.00 6.00", "", ""}}
	mailboxes   = operator{683, "+5352", 6, "10.00 25.00 50.00", "", ""}
	elsewhere   = [...]operator{{960, "+2782", 7, "1.00 2.00 5.00", "", ""}, {201, "+9193", 8, "1.00 2.00 0.60", "", ""}}
)

// order is a row for the i-th amount of o, in dollars, with the operator left to be detected.
func (o operator) order(i int) row {
	return row{
		prefix: o.prefix, digits: o.digits, amount: pick(o.usd, i), currency: "USD", provider: reloadly, product: map[string]string{},
	}
}

// named is the same with the operator named.
func (o operator) named(i int) row {
	r := o.order(i)
	r.product["operator_id"] = strconv.Itoa(o.id)
	return r
}

// pick is the i-th word.
func pick(words string, i int) string {
	list := strings.Fields(words)
	return list[i%len(list)]
}

func specsReloadly() []spec {
	reloadlyCase := func(name string, rows int, explains string, build func(i int) row) spec {
		return spec{Case{name, reloadly, rows, Succeeded, true, explains}, "", build}
	}
	refusal := func(name string, rows int, explains string, build func(i int) row) spec {
		return spec{Case{name, reloadly, rows, Failed, false, explains}, "", build}
	}
	return []spec{
		reloadlyCase("named_operator", 36, "product.operator_id is given instead of detected.", namedOperator),
		reloadlyCase("fixed_amount", 28, "Operators that take the amounts of a list only.", fixedList),
		reloadlyCase("local_amount", 36, "product.use_local_amount: the amount is in the recipient's currency.", localAmount),
		reloadlyCase("sync", 28, "product.mode sync: the provider's synchronous call, whose answer is the outcome.", syncMode),
		reloadlyCase("routed", 44, "No provider in the row: numbers of other countries than South Africa and India go to reloadly.", routedReloadly),
		reloadlyCase("sender_phone", 6, "The sender's number is passed on.", senderPhone),
		reloadlyCase("pin_product", 6, "Operators that sell PINs (AT&T USA, EE England), by product.operator_id.", pinProduct),
		reloadlyCase("data_bundle", 8, "Data and bundle operators, by product.operator_id.", dataBundle),
		reloadlyCase("recipient_email", 4, "Nauta Cuba, which tops up an e-mail account: product.recipient_email.", recipientEmail),
		reloadlyCase("other_route", 8, "South African and Indian numbers with reloadly named: the row decides, not the routing.", otherRoute),
		reloadlyCase(casePair, 8, "Two references for one number: the second waits until the provider's spacing has passed.", pairReloadly),
		reloadlyCase(caseDuplicate, 8, "Rows that come a second time further down: the first one counts.", plainReloadly),
		refusal("amount_out_of_range", 3, "More than the operator takes: failed, nothing was sent.", outOfRange),
		refusal("not_a_denomination", 3, "An amount that is not on the operator's list: failed, nothing was sent.", notListed),
		refusal("local_currency_without_flag", 2, "Local currency without use_local_amount: failed, nothing was sent.", unflaggedLocal),
		refusal("no_operator", 2, "No operator can be detected for the number: failed, nothing was sent.", noOperator),
	}
}

func plainReloadly(i int) row { return ranges[i%len(ranges)].order(i / len(ranges)) }

func namedOperator(i int) row {
	if i%6 == 5 {
		return lists[i/6%len(lists)].named(i)
	}
	return ranges[i*5%len(ranges)].named(i)
}

func fixedList(i int) row { return lists[i%len(lists)].order(i / len(lists)) }

func localAmount(i int) row {
	o := localOperators()[i%len(localOperators())]
	r := o.order(i)
	r.amount, r.currency = pick(o.local, i/2), o.currency
	r.product["use_local_amount"] = "true"
	if i%3 == 0 {
		r.product["operator_id"] = strconv.Itoa(o.id)
	}
	return r
}

func localOperators() []operator {
	var list []operator
	for _, o := range append(ranges[:], lists[:]...) {
		if o.local != "" {
			list = append(list, o)
		}
	}
	return list
}

func syncMode(i int) row {
	r := plainReloadly(i * 3)
	r.product["mode"] = "sync"
	return r
}

func routedReloadly(i int) row {
	r := plainReloadly(i + 7)
	r.provider = ""
	return r
}

func senderPhone(i int) row {
	r := plainReloadly(i * 4)
	r.product["sender_phone"] = [...]string{"+12125550123", "+442079460958"}[i%2]
	return r
}

func pinProduct(i int) row { return pinProducts[i%2].named(i / 2) }

func dataBundle(i int) row { return dataBundles[i%2].named(i / 2) }

func recipientEmail(i int) row {
	r := mailboxes.named(i)
	r.product["recipient_email"] = "sample" + strconv.Itoa(i+1) + "@nauta.com.cu"
	return r
}

func otherRoute(i int) row {
	o := elsewhere[i%2]
	if i%4 < 2 {
		return o.named(i / 2)
	}
	return o.order(i / 2)
}

func pairReloadly(i int) row {
	return pairOf(i, func(i int) row { return ranges[i%2*3].order(i) })
}

func outOfRange(i int) row {
	r := ranges[i*3].order(i)
	r.amount = "750.00"
	return r
}

func notListed(i int) row {
	r := lists[i%len(lists)].order(i)
	r.amount = "3.00"
	return r
}

func unflaggedLocal(i int) row {
	r := ranges[i*3].order(i)
	r.amount, r.currency = pick(ranges[i*3].local, 0), ranges[i*3].currency
	return r
}

// noOperator are numbers of an operator that the catalogue has as inactive.
func noOperator(i int) row { return operator{0, "+88018", 8, "1.00 2.00", "", ""}.order(i) }

// faultyReloadly spreads the faults over detected and named operators, lists, local amounts and both modes.
func faultyReloadly(i int) row {
	return [...]func(i int) row{plainReloadly, syncMode, localAmount, namedOperator, fixedList}[i%5](i*3 + 1)
}
