package reloadlysim

import (
	"encoding/json"
	"strings"

	"github.com/shopspring/decimal"
)

// strangeStatus is the word of fault unknown_status.
const strangeStatus = "COMPLETED_PERHAPS"

// show is an order as a transaction of an answer, with the faults that change one.
func (s *Sim) show(c *call, o *order, status string) fields {
	t := transactionOf(o, status)
	for _, r := range s.rules {
		if faultKinds[r.Fault] != rowFault || !r.live() || !r.hits(c, o) {
			continue
		}
		r.spend()
		switch r.Fault {
		case "unknown_status":
			t["status"] = strangeStatus
		case "other_amount":
			t["requestedAmount"] = number(o.amount.Add(decimal.New(1, 0)))
			t["deliveredAmount"] = number(o.delivered.Add(decimal.New(1, 0)))
		case "other_number":
			t["recipientPhone"] = otherDigits(o.phone)
		case "other_reference":
			t["customIdentifier"] = "x" + o.ref
		}
	}
	return t
}

// hits reports whether the rule is for order o in the answer to c, which may show many orders.
func (r *scripted) hits(c *call, o *order) bool {
	who := &call{path: c.path, ref: o.ref, recipient: o.recipient(), aboutOrder: true}
	return r.matches(who)
}

// changesStatus applies unknown_status to a status answer that shows no transaction.
func (s *Sim) changesStatus(c *call) bool {
	for _, r := range s.rules {
		if r.Fault == "unknown_status" && r.live() && r.matches(c) {
			r.spend()
			return true
		}
	}
	return false
}

func transactionOf(o *order, status string) fields {
	cost, newBalance := o.price.cost, o.oldBalance.Sub(o.price.cost)
	var delivered, pin any
	switch status {
	case failed, refunded: // cost 0 and nothing delivered: assumed
		cost, newBalance = decimal.Zero, o.oldBalance
	default:
		delivered = number(o.delivered)
		if o.op.pin && status == successful {
			pin = pinOf(o)
		}
	}
	return fields{
		"transactionId": o.id, "status": status, "operatorTransactionId": operatorID(o, status),
		"customIdentifier": textOrNull(o.ref), "recipientPhone": textOrNull(o.phone), "recipientEmail": textOrNull(o.email),
		"senderPhone": textOrNull(o.sender), "countryCode": o.country, "operatorId": o.op.id, "operatorName": o.op.name,
		"discount": number(o.price.discount.Round(2)), "discountCurrencyCode": accountCurrency,
		"requestedAmount": number(o.amount), "requestedAmountCurrencyCode": o.currency(),
		"deliveredAmount": delivered, "deliveredAmountCurrencyCode": o.op.currency,
		"transactionDate": o.at.UTC().Format(stampForm), "fee": number(o.price.fee.Round(2)), "pinDetail": pin,
		"balanceInfo": fields{
			"oldBalance": number(o.oldBalance), "newBalance": number(newBalance), "cost": number(cost),
			"currencyCode": accountCurrency, "currencyName": "US Dollar", "updatedAt": o.at.UTC().Format(stampForm),
		},
	}
}

func operatorID(o *order, status string) any {
	if status != successful {
		return nil
	}
	return "7297" + o.idText() + ":OrderConfirmed"
}

// pinOf is a voucher that anybody can tell for a dummy.
func pinOf(o *order) fields {
	return fields{
		"serial": "900" + o.idText(), "info1": "DIAL *611", "info2": nil, "info3": nil, "value": nil,
		"code": "773709" + o.idText(), "ivr": "1-888-888-8888", "validity": "30 days",
	}
}

// otherDigits changes the last digit.
func otherDigits(phone string) any {
	if phone == "" {
		return nil
	}
	last := "5"
	if strings.HasSuffix(phone, "5") {
		last = "6"
	}
	return phone[:len(phone)-1] + last
}

// number writes a decimal as a bare JSON number.
func number(d decimal.Decimal) json.Number { return json.Number(d.String()) }

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
