package aatsim

import (
	"cmp"
	"strconv"

	"github.com/shopspring/decimal"
)

// The texts of the reading calls, with the stray spaces of the guide. textUnauthorized stands in where it has none.
const (
	textUnauthorized     = "unauthorized"
	textUnauthorizedList = "unAuthorised user. "
	textNoNetwork        = "no network found"
	textBadMSISDN        = "invalid msisdn. "
	textNoTypes          = "no voucher types found for network. "
	textVoucherNetwork   = "no Network found. "
	textVoucherType      = "no Voucher found. "
	textNoTransaction    = "no transaction information found"

	unsetDate = "0001-01-01T00:00:00"
)

func (s *Sim) getNetwork(in *inbound) element {
	msisdn := in.values["msisdn"]
	if !validMSISDN(msisdn) {
		return networkError(textBadMSISDN)
	}
	n, found := networkOf(msisdn)
	if !found {
		return networkError(textNoNetwork)
	}
	return networkElement(n.id, n.name, "")
}

func networkElement(id int, name, fault string) element {
	return object("NetworkInfo", value("Id", strconv.Itoa(id)), text("Name", name), text("Error", fault))
}

func networkError(fault string) element { return networkElement(0, "", fault) }

func (s *Sim) getNetworkList(*inbound) element {
	list := object("ArrayOfNetworkInfo")
	for _, n := range networks() {
		list.children = append(list.children, networkElement(n.id, n.name, ""))
	}
	return list
}

func networkListError(string) element {
	return object("ArrayOfNetworkInfo", networkError(textUnauthorizedList))
}

func (s *Sim) getVoucherType(in *inbound) element {
	list := object("ArrayOfVoucherTypeInfo")
	for _, t := range s.catalogue {
		if t.network.id == in.ints["networkId"] {
			list.children = append(list.children, object("VoucherTypeInfo",
				value("Id", strconv.Itoa(t.id)), value("NetworkId", strconv.Itoa(t.network.id)),
				text("Name", t.name), boolean("FixedAmount", t.fixed)))
		}
	}
	if len(list.children) == 0 {
		return voucherTypeError(textNoTypes)
	}
	return list
}

func voucherTypeError(fault string) element {
	return object("ArrayOfVoucherTypeInfo", object("VoucherTypeInfo",
		value("Id", "0"), value("NetworkId", "0"), boolean("FixedAmount", false), text("Error", fault)))
}

func (s *Sim) getVoucher(in *inbound) element {
	if _, found := networkByID(in.ints["networkId"]); !found {
		return voucherError(textVoucherNetwork)
	}
	list := object("ArrayOfVoucherDetails")
	for _, t := range s.catalogue {
		if t.network.id != in.ints["networkId"] || t.id != in.ints["vouchertype"] {
			continue
		}
		for _, v := range t.vouchers {
			list.children = append(list.children, object("VoucherDetails",
				value("Id", strconv.Itoa(v.id)), text("Name", v.name), text("Description", v.name),
				value("MaxAmount", written(v.max)), value("MinAmount", written(v.min)), boolean("PinnedVoucher", v.pinned)))
		}
	}
	if len(list.children) == 0 {
		return voucherError(textVoucherType)
	}
	return list
}

func voucherError(fault string) element {
	return object("ArrayOfVoucherDetails", object("VoucherDetails",
		value("Id", "0"), value("MaxAmount", "0"), value("MinAmount", "0"), boolean("PinnedVoucher", false), text("Error", fault)))
}

func (s *Sim) getUserCredit(*inbound) element { return userCredit(1, "Test", s.credit, "") }

func userCreditError(fault string) element { return userCredit(0, "", decimal.Zero, fault) }

func userCredit(id int, name string, credit decimal.Decimal, fault string) element {
	return object("UserCredit", value("Id", strconv.Itoa(id)), text("Name", name), value("RemainingCredit", written(credit)), text("Error", fault))
}

func (s *Sim) getUserStatus(*inbound) element {
	return object("UserStatus", text("Environment", s.opts.Environment), boolean("Enabled", true))
}

func userStatusError(fault string) element {
	return object("UserStatus", boolean("Enabled", false), text("Error", fault))
}

// getTransactionCount counts what was booked from the first day to the last one, both included.
func (s *Sim) getTransactionCount(in *inbound) element {
	start, end := in.dates["startdate"], in.dates["enddate"]
	n := 0
	for _, t := range s.transactions {
		if t.count > 0 && !t.at.Before(start) && t.at.Before(end.AddDate(0, 0, 1)) {
			n++
		}
	}
	const layout = "2006-01-02T15:04:05"
	return transactionCount(start.Format(layout), end.Format(layout), n)
}

// transactionCountError has no member for a text: none is documented.
func transactionCountError(string) element { return transactionCount(unsetDate, unsetDate, 0) }

func transactionCount(start, end string, n int) element {
	return object("TotalTransaction", value("Start", start), value("End", end), value("Transactions", strconv.Itoa(n)))
}

// getTransactionInfo tells what is known of a reference, as the rules about it bend it.
func (s *Sim) getTransactionInfo(in *inbound) element {
	t := s.transactions[in.reference]
	if t == nil || t.count == 0 && t.state == statePending {
		return transactionInfoError(textNoTransaction)
	}
	t.asked++
	told := t.told()
	for _, r := range in.about {
		if r.Fault == "not_found" && (r.Delay <= 0 || s.opts.Clock().Before(t.at.Add(r.Delay))) {
			return transactionInfoError(textNoTransaction)
		}
		told.bend(r, t.asked)
	}
	return told.element()
}

func transactionInfoError(fault string) element {
	e := info{amount: decimal.Zero}.element()
	e.children = append(e.children, text("Error", fault))
	return e
}

// info is what GetTransactionInfo tells.
type info struct {
	msisdn, voucherType, pin, ticket, orderRef, box, batch, status string
	amount                                                         decimal.Decimal
}

// bend changes what is told as a rule says; asked counts the questions.
func (i *info) bend(r Rule, asked int) {
	switch r.Fault {
	case "unknown_status":
		i.status = cmp.Or(r.Code, "Queued")
	case "flip_flop":
		if asked%2 == 0 {
			i.status = cmp.Or(r.Code, wordFailed)
		}
	case "other_amount":
		i.amount = i.amount.Add(i.amount)
	case "other_number":
		i.msisdn = "27830000001"
	case "other_reference":
		*i = info{
			msisdn: "27830000001", voucherType: "66", ticket: "13138475906 ", orderRef: "98187965", box: "5007364",
			batch: "50134643", status: wordOK, amount: i.amount.Add(decimal.New(1, 0)),
		}
	}
}

func (i info) element() element {
	return object("TransactionVoucherInfo",
		text("MSISDN", i.msisdn), value("Amount", written(i.amount)), text("VoucherType", i.voucherType), text("VoucherPin", i.pin),
		text("TicketNumber", i.ticket), text("OrderRef", i.orderRef), text("BoxNumber", i.box), text("BatchNumber", i.batch),
		value("ExpiryDate", unsetDate), text("Status", i.status))
}
