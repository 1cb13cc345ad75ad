package aatsim

import (
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// network is a mobile network of the account.
type network struct {
	id   int
	name string
}

// networks are those of the guide's example, and Cell C, which the guide sells without listing it.
func networks() []network {
	return []network{{1, "Vodacom"}, {2, "MTN"}, {5, "Cell C"}, {9, "Telkom Mobile"}, {12, "Virgin Mobile"}}
}

func networkByID(id int) (network, bool) {
	for _, n := range networks() {
		if n.id == id {
			return n, true
		}
	}
	return network{}, false
}

// networkOf is the network that a number's prefix was allotted to. The real service may know better, since numbers
// are ported. The number must be 27 and nine digits.
func networkOf(msisdn string) (network, bool) {
	if !validMSISDN(msisdn) {
		return network{}, false
	}
	best, id := 0, 0
	for networkID, prefixes := range map[int]string{
		1: "606 607 608 609 636 637 646 647 648 649 660 661 662 663 664 665 673 674 675 71 72 76 79 818 82",
		2: "603 604 605 63 640 655 656 657 686 687 688 689 710 717 718 719 73 78 810 83",
		5: "61 62 641 642 643 644 645 650 651 652 653 654 74 84",
		9: "601 602 614 658 659 67 68 75 811 812 813 814 815 817",
	} {
		for _, p := range strings.Fields(prefixes) {
			if len(p) > best && strings.HasPrefix(msisdn[2:], p) {
				best, id = len(p), networkID
			}
		}
	}
	return networkByID(id)
}

func validMSISDN(s string) bool {
	return len(s) == 11 && strings.HasPrefix(s, "27") && strings.Trim(s, "0123456789") == ""
}

// voucherType is a kind of product of one network.
type voucherType struct {
	id       int
	network  network
	name     string
	fixed    bool
	vouchers []voucher
}

// voucher is one product. Amounts are rand.
type voucher struct {
	id       int
	name     string
	min, max decimal.Decimal
	pinned   bool
}

// The voucher types, by the guide's ids where it has one.
const (
	typeSMS     = 2
	typeAirtime = 13
	typeFixed   = 14
	typeData    = 17
)

// newCatalogue gives every network the same four types. Ids of vouchers are 1000 times the network's and up, but for
// MTN's two that the guide prints: 120 (R5) and 121 (R2).
func newCatalogue() []voucherType {
	var all []voucherType
	for _, n := range networks() {
		b := builder{network: n, next: n.id * 1000}
		all = append(all,
			voucherType{typeAirtime, n, "Airtime Voucher", false, b.airtime()},
			voucherType{typeFixed, n, "Airtime Fixed Voucher", true, b.fixed()},
			voucherType{typeSMS, n, "SMS Bundle", true, b.bundles("SMS", 3, 7, 15)},
			voucherType{typeData, n, "Data Bundle Voucher", true, b.bundles("Data", 29, 85, 149)},
		)
	}
	return all
}

type builder struct {
	network network
	next    int
}

func (b *builder) voucher(name string, low, high int64, pinned bool) voucher {
	b.next++
	return voucher{id: b.next, name: b.network.name + " " + name, min: decimal.New(low*100, -2), max: decimal.New(high*100, -2), pinned: pinned}
}

// airtime is a pinless range and pinned vouchers with one price each.
func (b *builder) airtime() []voucher {
	list := []voucher{b.voucher("airtime", 2, 1000, false)}
	for _, rand := range []int64{2, 5, 10, 29, 55, 110, 275} {
		v := b.voucher("R"+strconv.FormatInt(rand, 10)+".00 voucher", rand, rand, true)
		if b.network.id == 2 && rand == 2 {
			v.id = 121
		}
		if b.network.id == 2 && rand == 5 {
			v.id = 120
		}
		list = append(list, v)
	}
	return list
}

// fixed are fixed amounts with and without PIN, among them two that are not in the other type.
func (b *builder) fixed() []voucher {
	var list []voucher
	for _, rand := range []int64{12, 29, 60} {
		list = append(list, b.voucher("R"+strconv.FormatInt(rand, 10)+".00 fixed voucher", rand, rand, true))
	}
	for _, rand := range []int64{12, 60} {
		list = append(list, b.voucher("R"+strconv.FormatInt(rand, 10)+".00 fixed airtime", rand, rand, false))
	}
	return list
}

// bundles are pinless, as data products normally are.
func (b *builder) bundles(kind string, prices ...int64) []voucher {
	var list []voucher
	for _, rand := range prices {
		list = append(list, b.voucher(kind+" bundle R"+strconv.FormatInt(rand, 10), rand, rand, false))
	}
	return list
}

// find returns a voucher with its type.
func (s *Sim) find(id int) (voucher, voucherType, bool) {
	for _, t := range s.catalogue {
		for _, v := range t.vouchers {
			if v.id == id {
				return v, t, true
			}
		}
	}
	return voucher{}, voucherType{}, false
}

// written is d as .NET writes a decimal: with the places it was made with.
func written(d decimal.Decimal) string {
	return d.StringFixed(max(0, -d.Exponent()))
}
