package sample

import "strconv"

// The codes of the simulator's operator list; those for DTH and postpaid are made up, as the provider's are not public.
var (
	indianPrefixes = [...]string{"98", "97", "99", "96", "90", "94", "70", "89"}
	prepaidCodes   = [...]int{1, 103, 1167, 9}
	postpaidCodes  = [...]int{31, 133, 1197, 39}
	dthCodes       = [...]int{24, 25, 27, 28}
	rupees         = [...]string{"10", "19", "49", "99", "100", "149", "199", "239", "299", "399.00", "479", "666"}
)

const circles = 23

// rupeeRow is a row of whole rupees for an operator and, unless it is 0, a circle.
func rupeeRow(i, operatorCode, circle int) row {
	r := row{
		prefix: "+91" + indianPrefixes[i%len(indianPrefixes)], digits: 8, amount: rupees[i%len(rupees)], currency: "INR",
		provider: rechargekit, product: map[string]string{"operator_code": strconv.Itoa(operatorCode)},
	}
	if circle > 0 {
		r.product["circle"] = strconv.Itoa(circle)
	}
	return r
}

func specsRechargeKit() []spec {
	rkCase := func(name string, rows int, explains string, build func(i int) row) spec {
		return spec{Case{name, rechargekit, rows, Succeeded, true, explains}, "", build}
	}
	return []spec{
		rkCase("prepaid", 32, "product.service prepaid, some with recharge_type, dest and user_vars.", prepaid),
		rkCase("postpaid", 36, "A postpaid bill.", postpaid),
		rkCase("dth", 30, "Satellite television by the subscriber's number; it has no circle.", dth),
		rkCase("routed", 20, "No provider in the row: Indian numbers go to rechargekit.", routedRechargeKit),
		rkCase(casePair, 2, "Two references for one number: both go through, one after the other where the provider asks for spacing.", pairRechargeKit),
		rkCase(caseDuplicate, 4, "Rows that come a second time further down: the first one counts.", plainRechargeKit),
		{Case{"fractional_rupees", rechargekit, 3, Failed, false, "Paise are good rupees but the provider takes whole ones only: failed, nothing was sent."}, "", fractional},
		{Case{"no_operator_code", rechargekit, 3, Failed, false, "No operator_code, and no table to find it by: failed, nothing was sent."}, "", noOperatorCode},
	}
}

func plainRechargeKit(i int) row {
	return rupeeRow(i, prepaidCodes[i/3%len(prepaidCodes)], i%circles+1)
}

func prepaid(i int) row {
	r := plainRechargeKit(i + 5)
	r.product["service"] = "prepaid"
	switch i % 4 {
	case 1:
		r.product["recharge_type"] = "1"
	case 2:
		r.product["dest"] = [...]string{"online", "offline"}[i/4%2]
	case 3:
		r.product["user_vars"] = "till-" + strconv.Itoa(i) + "|sample|gen"
	}
	return r
}

func postpaid(i int) row {
	r := rupeeRow(i+2, postpaidCodes[i%len(postpaidCodes)], i%circles+1)
	r.product["service"] = "postpaid"
	return r
}

func dth(i int) row {
	r := rupeeRow(i+4, dthCodes[i%len(dthCodes)], 0)
	r.product["service"] = "dth"
	return r
}

func routedRechargeKit(i int) row {
	r := [...]func(i int) row{plainRechargeKit, postpaid, dth}[i%3](i)
	r.provider = ""
	return r
}

func pairRechargeKit(i int) row { return pairOf(i, plainRechargeKit) }

func fractional(i int) row {
	r := plainRechargeKit(i)
	r.amount = [...]string{"12.5", "99.50", "10.01"}[i%3]
	return r
}

func noOperatorCode(i int) row {
	r := plainRechargeKit(i)
	delete(r.product, "operator_code")
	return r
}

// faultyRechargeKit spreads the faults over the three services.
func faultyRechargeKit(i int) row {
	return [...]func(i int) row{plainRechargeKit, postpaid, dth}[i%3](i)
}
