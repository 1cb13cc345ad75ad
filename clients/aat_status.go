package clients

import (
	"net/http"
	"strconv"
	"strings"

	"topupq/clients/aat"
	"topupq/topup"
)

// aatTooMany is the status by which a gateway says that it passed nothing on.
const aatTooMany = http.StatusTooManyRequests

// aatPerformKinds is what the documented texts of the Perform calls prove (guide, operations 5 to 10). A kind that is
// not listed proves nothing. "unauthorized" is documented for reading calls only, so after a Perform call it stops the
// provider but proves nothing about the order.
var aatPerformKinds = map[aat.Kind]topup.Outcome{
	aat.KindDuplicate: {
		Answer: topup.Duplicate, Code: topup.CodeDuplicateReference,
		Message: "AAT already has a successful transaction with this reference.",
	},
	aat.KindInsufficientCredit: {
		Answer: topup.Blocked, Code: topup.CodeFloatEmpty, Pause: true,
		Message: "Our credit at AAT does not cover the order.",
	},
	aat.KindInvalidAmount: {
		Answer: topup.Refused, Code: topup.CodeProductUnavailable, RefreshCatalogue: true,
		Message: "AAT does not sell this voucher for this amount.",
	},
	aat.KindNoSuchVoucher: {
		Answer: topup.Refused, Code: topup.CodeProductUnavailable, RefreshCatalogue: true,
		Message: "AAT has no such voucher for the number's network.",
	},
	aat.KindNotFixedAmount: {
		Answer: topup.Refused, Code: topup.CodeProductUnavailable, RefreshCatalogue: true,
		Message: "AAT sells this voucher with an amount only.",
	},
	aat.KindInvalidRecipient: {
		Answer: topup.Refused, Code: topup.CodeInvalidRecipient,
		Message: "AAT does not accept the number.",
	},
	aat.KindUnauthorized: {
		Answer: topup.Unclear, Code: topup.CodeCredentialsRefused, Pause: true,
		Message: "AAT refuses our credentials.",
	},
}

// aatPerformOther is a refusal with a text that the guide does not print: probably failed, to be verified by asking.
var aatPerformOther = topup.Outcome{
	Answer: topup.Unclear, Code: topup.CodeProviderError,
	Message: "AAT reports an error that is not documented; whether anything was charged is being asked.",
}

// aatCheckKinds is what the texts of GetTransactionInfo tell (guide, operation 12).
var aatCheckKinds = map[aat.Kind]topup.Outcome{
	aat.KindNoTransaction: {
		Answer: topup.Absent, Code: topup.CodeNotFoundAtProvider,
		Message: "AAT has no transaction with this reference at present.",
	},
	aat.KindUnauthorized: {
		Answer: topup.Unclear, Code: topup.CodeCredentialsRefused, Pause: true,
		Message: "AAT refuses our credentials.",
	},
}

// aatCatalogueKinds is what the texts of the reading calls mean for an order whose Perform call has not been made
// (guide, operations 1 to 4). A kind that is not listed leaves the order to be tried again.
var aatCatalogueKinds = map[aat.Kind]topup.Outcome{
	aat.KindUnauthorized: {
		Answer: topup.Blocked, Code: topup.CodeCredentialsRefused, Pause: true,
		Message: "AAT refuses our credentials.",
	},
	aat.KindInvalidMSISDN: {
		Answer: topup.Refused, Code: topup.CodeInvalidRecipient,
		Message: "AAT's GetNetwork does not accept the number.",
	},
	aat.KindNoNetwork: {
		Answer: topup.Refused, Code: topup.CodeNotResolved,
		Message: "The order names no voucher, and AAT's GetNetwork finds no network for the number.",
	},
	aat.KindNoVoucherTypes: {
		Answer: topup.Refused, Code: topup.CodeNotResolved,
		Message: "The order names no voucher, and AAT's GetVoucherType finds none for the number's network.",
	},
	aat.KindNoVoucher: {
		Answer: topup.Refused, Code: topup.CodeNotResolved,
		Message: "The order names no voucher, and AAT's GetVoucher finds none for the number's network.",
	},
}

func aatPerformKind(e *aat.APIError) topup.Outcome {
	out, listed := aatPerformKinds[e.Kind]
	if !listed {
		out = aatPerformOther
	}
	return aatWords(out, e)
}

func aatCheckKind(e *aat.APIError) topup.Outcome {
	out, listed := aatCheckKinds[e.Kind]
	if !listed {
		out = topup.Outcome{Answer: topup.Unclear, Code: topup.CodeProviderError, Message: "AAT reports an error that is not documented."}
	}
	return aatWords(out, e)
}

func aatCatalogueKind(e *aat.APIError) (topup.Outcome, bool) {
	out, listed := aatCatalogueKinds[e.Kind]
	return aatWords(out, e), listed
}

// aatWords adds AAT's own words. It has no codes: the beginning of a documented text, which does not vary, stands
// for one.
func aatWords(out topup.Outcome, e *aat.APIError) topup.Outcome {
	out.ProviderCode, out.ProviderMessage = aatCode(e), cut(e.Text)
	if e.Kind == aat.KindInsufficientCredit {
		// Its text goes on with what is left of our float, which is none of the merchants' business.
		out.ProviderMessage = out.ProviderCode
	}
	return out
}

func aatCode(e *aat.APIError) string {
	if e.Prefix == "" {
		return cut(e.Text)
	}
	return e.Prefix
}

// aatPerformStatus is what an HTTP status other than 200 proves after a Perform call. AAT documents none. 429 is a
// gateway's word that it passed nothing on; an exception inside the service (500) may come after the money moved.
func aatPerformStatus(e *aat.StatusError) topup.Outcome {
	switch {
	case aatRefusesUs(e.Status):
		return aatCredentials(topup.Unclear, e.Text)
	case e.Status == aatTooMany:
		return topup.Outcome{
			Answer: topup.NotTaken, Code: topup.CodeRateLimited, Message: "AAT takes no more requests at present.",
			ProviderCode: strconv.Itoa(e.Status), ProviderMessage: cut(e.Text), RetryAfter: e.RetryAfter, Unspent: true,
		}
	}
	return topup.Outcome{
		Answer: topup.Unclear, Code: topup.CodeProviderError, Message: "AAT answered with an error; whether anything was charged is being asked.",
		ProviderCode: strconv.Itoa(e.Status), ProviderMessage: cut(e.Text),
	}
}

func aatRefusesUs(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

func aatCredentials(answer topup.Answer, text string) topup.Outcome {
	return topup.Outcome{
		Answer: answer, Code: topup.CodeCredentialsRefused, Message: "AAT refuses our credentials.", ProviderMessage: cut(text), Pause: true,
	}
}

// judge is what a transaction that AAT shows for our reference proves. The guide lets one fear that it shows the last
// transaction where there is none of ours, so nothing is believed whose number and amount are not the order's.
func (a *AAT) judge(info aat.TransactionVoucherInfo, ref topup.Ref) topup.Outcome {
	status := strings.TrimSpace(info.Status)
	success := strings.EqualFold(status, aat.StatusOK)
	if !success && !a.meansFailed(status) {
		out := unreadable(status)
		out.ProviderMessage = cut("Status " + status)
		out.Message = "AAT reports a status that is not documented."
		return out
	}
	doubt := aatCompare(info, ref)
	switch {
	case doubt == aatAnother && success:
		return topup.Outcome{
			Answer: topup.Mismatch, Code: topup.CodeMismatch, Pause: true, ProviderCode: cut(status),
			Message: "AAT reports success for our reference with another number or amount.",
		}
	case doubt != aatOurs:
		return topup.Outcome{
			Answer: topup.Unclear, Code: topup.CodeMismatch, ProviderCode: cut(status),
			Message: "AAT shows a transaction that cannot be told to be ours.",
		}
	case !success:
		return aatFailed(status)
	}
	return aatDelivered(info, ref)
}

func (a *AAT) meansFailed(status string) bool {
	for _, word := range a.cfg.StatusFailed {
		if strings.EqualFold(strings.TrimSpace(word), status) {
			return true
		}
	}
	return false
}

func aatFailed(status string) topup.Outcome {
	out := topup.Outcome{
		Answer: topup.Refused, Code: topup.CodeProviderFailed, ProviderCode: cut(status),
		Message: "AAT reports that the transaction failed.",
	}
	if word := strings.ToLower(status); strings.HasPrefix(word, "refund") || strings.HasPrefix(word, "revers") {
		out.Code, out.Message = topup.CodeProviderRefunded, "AAT reports that the transaction was taken back."
	}
	return out
}

func aatDelivered(info aat.TransactionVoucherInfo, ref topup.Ref) topup.Outcome {
	out := topup.Outcome{
		Answer: topup.Delivered, Code: topup.CodeDelivered, Message: "AAT reports the recharge as done.", ProviderCode: aat.StatusOK,
		Reference: info.OrderRef, TransactionID: info.OrderRef, OperatorID: info.TicketNumber,
		Delivered: topup.Money{Amount: info.Amount, Currency: aatCurrency},
	}
	if ref.Product.Pinned() {
		out.PIN = topup.Secret(info.VoucherPIN.Reveal())
		if out.PIN == "" {
			out.Answer, out.Code = topup.Unclear, topup.CodeAnswerUnreadable
			out.Message, out.Delivered = "AAT reports the voucher as sold but tells no PIN.", topup.Money{}
		}
	}
	return out
}

// aatDoubt says how sure it is that a transaction is the order's.
type aatDoubt uint8

const (
	aatOurs aatDoubt = iota
	// aatUnsure: something that should be compared is not told, or AAT's order number is not the one it gave us.
	aatUnsure
	// aatAnother: the number or the amount is not the order's.
	aatAnother
)

func aatCompare(info aat.TransactionVoucherInfo, ref topup.Ref) aatDoubt {
	number := aatNumber(info.MSISDN)
	withNumber := ref.Product.Recharge != topup.RechargePinnedNoPhone
	switch {
	case !info.Amount.Equal(ref.Amount.Amount), withNumber && number != "" && number != ref.Recipient.Digits():
		return aatAnother
	case withNumber && number == "", ref.TransactionID != "" && info.OrderRef != ref.TransactionID:
		return aatUnsure
	}
	return aatOurs
}

// aatNumber is a number as AAT may write it, as 27 and nine digits.
func aatNumber(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if len(s) == 10 && s[0] == '0' {
		return "27" + s[1:]
	}
	return s
}
