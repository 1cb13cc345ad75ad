package sample

import "strings"

// bad is one kind of row that is refused: from is the row that would be good, spoil what is wrong with it.
type bad struct {
	name, explains string
	from           func(i int) row
	spoil          func(r *row)
}

func recipientBad(name, explains, recipient string) bad {
	return bad{name, explains, plainAAT, func(r *row) { r.recipient = recipient }}
}

func amountBad(name, explains, amount string) bad {
	return bad{name, explains, plainAAT, func(r *row) { r.amount = amount }}
}

func currencyBad(name, explains, currency string, from func(i int) row) bad {
	return bad{name, explains, from, func(r *row) { r.currency = currency }}
}

func referenceBad(name, explains, reference string) bad {
	return bad{name, explains, plainAAT, func(r *row) { r.reference, r.noReference = reference, reference == "" }}
}

func productBad(name, explains string, from func(i int) row, field, value string) bad {
	return bad{name, explains, from, func(r *row) { r.product[field] = value }}
}

func badRows() []bad {
	list := append(badRecipients(), badAmounts()...)
	list = append(list, badProducts()...)
	return append(list,
		currencyBad("bad_currency_of_aat", "aat is paid in ZAR only.", "USD", plainAAT),
		currencyBad("bad_currency_of_rechargekit", "rechargekit is paid in INR only.", "ZAR", plainRechargeKit),
		currencyBad("bad_currency_unknown", "No such currency.", "ZZZ", plainReloadly),
		currencyBad("bad_currency_lower_case", "Currencies are written in capitals.", "zar", plainAAT),
		bad{"bad_currency_missing", "There is no currency.", plainReloadly, func(r *row) { r.currency = "" }},
		bad{"bad_provider_unknown", "No such provider.", plainReloadly, func(r *row) { r.provider = "mpesa" }},
		referenceBad("bad_reference_missing", "There is no reference, so nothing could tell a repeat.", ""),
		referenceBad("bad_reference_space", "A space in the reference.", "demo 0001 b"),
		referenceBad("bad_reference_sign", "A sign in the reference that is not allowed.", "demo/0001"),
		referenceBad("bad_reference_long", "65 characters.", strings.Repeat("demo-", 13)),
		bad{"bad_expires_at_past", "It would never be sent.", plainAAT, func(r *row) { r.expiresAt = "2020-01-01T00:00:00Z" }},
		bad{"bad_expires_at_form", "A time without its zone.", plainAAT, func(r *row) { r.expiresAt = "2099-12-31 23:59" }},
		bad{"bad_columns_few", "The row ends after five cells.", plainAAT, func(r *row) { r.cells = 5 }},
		bad{"bad_columns_many", "The row has a cell more than the header.", plainReloadly, func(r *row) { r.cells = len(columns) + 1 }},
	)
}

func badRecipients() []bad {
	nigeria := func(i int) row { return ranges[i%3].order(i) }
	return []bad{
		recipientBad("bad_number_invalid", "South Africa has no such number.", "+27000000000"),
		recipientBad("bad_number_no_country", "No country has this code.", "+999123456789"),
		recipientBad("bad_number_letters", "Letters in the number.", "+2782CALLME1"),
		recipientBad("bad_number_short", "Digits are missing.", "+2771555"),
		recipientBad("bad_number_long", "A digit too many.", "+278255501234"),
		recipientBad("bad_number_national", "The form for calls inside the country.", "0825550123"),
		recipientBad("bad_number_double_zero", "00 instead of +.", "0027825550123"),
		recipientBad("bad_number_spaces", "Spaces in the number.", "+27 82 555 0123"),
		recipientBad("bad_number_trunk_zero", "The 0 of national calls after the country code.", "+270825550123"),
		{"bad_number_missing", "There is no recipient.", plainReloadly, func(r *row) { r.recipient = missing }},
		{"bad_number_not_of_aat", "aat serves South African numbers only.", nigeria, func(r *row) { r.provider, r.currency = aat, "ZAR" }},
		{"bad_number_not_of_rechargekit", "rechargekit serves Indian numbers only.", nigeria, func(r *row) { r.provider, r.currency, r.amount = rechargekit, "INR", "10" }},
	}
}

func badAmounts() []bad {
	return []bad{
		amountBad("bad_amount_zero", "Nothing to top up.", "0"),
		amountBad("bad_amount_negative", "Below zero.", "-5"),
		amountBad("bad_amount_exponent", "Amounts are plain decimals.", "1e3"),
		amountBad("bad_amount_nan", "Not a number.", "NaN"),
		amountBad("bad_amount_places", "Rand have two places.", "2.005"),
		amountBad("bad_amount_comma", "A decimal comma.", "2,00"),
		amountBad("bad_amount_unit", "A unit in the amount.", "R5"),
		amountBad("bad_amount_large", "Above the largest amount there is.", "10000000"),
		amountBad("bad_amount_missing", "There is no amount.", ""),
	}
}

func badProducts() []bad {
	return []bad{
		productBad("bad_product_of_aat", "voucher_id belongs to aat and the provider is reloadly.", plainReloadly, "voucher_id", "1001"),
		productBad("bad_product_of_reloadly", "operator_id belongs to reloadly and the provider is aat.", plainAAT, "operator_id", "341"),
		productBad("bad_product_of_rechargekit", "circle belongs to rechargekit and the provider is reloadly.", plainReloadly, "circle", "7"),
		productBad("bad_recharge", "No such kind of recharge.", plainAAT, "recharge", "pinles"),
		productBad("bad_service", "No such service.", plainRechargeKit, "service", "broadband"),
		productBad("bad_mode", "No such mode.", plainReloadly, "mode", "later"),
		productBad("bad_voucher_id", "A voucher id that is no number.", plainAAT, "voucher_id", "MTN-R5"),
		productBad("bad_flag", "A flag that is neither true nor false.", plainReloadly, "use_local_amount", "maybe"),
		productBad("bad_deliver_pin", "A pinless recharge has no PIN to deliver.", plainAAT, "deliver_pin", "sms"),
		productBad("bad_email", "Not an e-mail address.", recipientEmail, "recipient_email", "nauta.com.cu"),
		productBad("bad_sender_phone", "The sender's number is not in international form.", plainReloadly, "sender_phone", "4155550100"),
	}
}

// specsBad are the refused rows as cases.
func specsBad() []spec {
	var list []spec
	for n, b := range badRows() {
		list = append(list, spec{Case: Case{b.name, "", 1, Rejected, false, b.explains}, build: func(int) row {
			r := b.from(n)
			b.spoil(&r)
			return r
		}})
	}
	return list
}
