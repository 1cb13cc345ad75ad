package clients

import (
	"strconv"
	"strings"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyAnswered judges the answer to an order itself. A word for the status that nobody knows proves nothing here;
// when it is asked for later it counts as still running.
func reloadlyAnswered(t *reloadly.Transaction, ref topup.Ref) topup.Outcome {
	switch t.Status {
	case reloadly.StatusSuccessful, reloadly.StatusFailed, reloadly.StatusRefunded, reloadly.StatusProcessing:
		return reloadlyJudge(t, ref)
	}
	out := unreadable(string(t.Status))
	out.TransactionID = reloadlyID(t)
	return out
}

// reloadlyJudge says what a transaction proves about the order that ref names.
func reloadlyJudge(t *reloadly.Transaction, ref topup.Ref) topup.Outcome {
	ours := string(t.CustomIdentifier) == string(ref.Reference)
	switch t.Status {
	case reloadly.StatusSuccessful:
		return reloadlySuccess(t, ref, ours)
	case reloadly.StatusFailed, reloadly.StatusRefunded:
		if !ours {
			return reloadlyForeign()
		}
		out := reloadlyFailure(string(t.Status), "", "")
		out.Reference, out.TransactionID = reloadlyID(t), reloadlyID(t)
		return out
	default:
		if !ours {
			return reloadlyForeign()
		}
		return reloadlyOpen(string(t.Status), reloadlyID(t))
	}
}

// reloadlySuccess believes a success only if reference, number and amount are ours. One that leaves them out proves
// nothing, one with others is a mismatch.
func reloadlySuccess(t *reloadly.Transaction, ref topup.Ref, ours bool) topup.Outcome {
	id := reloadlyID(t)
	if t.CustomIdentifier == "" || t.RecipientPhone == "" && t.RecipientEmail == "" ||
		!t.RequestedAmount.Known || t.RequestedAmountCurrencyCode == "" {
		out := unreadable(string(t.Status))
		out.TransactionID = id
		return out
	}
	if !ours || !reloadlySameRecipient(t, ref) || !reloadlySameAmount(t, ref) {
		return topup.Outcome{
			Answer: topup.Mismatch, Code: topup.CodeMismatch, Pause: true, Reference: id, TransactionID: id,
			ProviderCode: string(t.Status), Message: "Reloadly reports success for another reference, number or amount than ours.",
		}
	}
	out := topup.Outcome{
		Answer: topup.Delivered, Code: topup.CodeDelivered, Message: "Reloadly reports the top-up as delivered.",
		ProviderCode: string(t.Status), Reference: id, TransactionID: id, OperatorID: string(t.OperatorTransactionID),
		Cost: reloadlyCost(t), Fee: reloadlyFee(t),
	}
	if t.DeliveredAmount.Known {
		out.Delivered = topup.Money{Amount: t.DeliveredAmount.Decimal, Currency: string(t.DeliveredAmountCurrencyCode)}
	}
	if t.PINDetail != nil {
		out.PIN = topup.Secret(t.PINDetail.Code.Reveal())
	}
	return out
}

func reloadlyID(t *reloadly.Transaction) string { return strconv.FormatInt(int64(t.TransactionID), 10) }

func reloadlySameRecipient(t *reloadly.Transaction, ref topup.Ref) bool {
	if ref.Product.RecipientEmail != "" {
		return strings.EqualFold(string(t.RecipientEmail), ref.Product.RecipientEmail)
	}
	return strings.TrimPrefix(string(t.RecipientPhone), "+") == ref.Recipient.Digits()
}

// reloadlySameAmount compares the amount that was ordered. For orders in local currency the documents have an example
// that tells requestedAmount in the account's currency; what was delivered is then compared, within one per cent.
func reloadlySameAmount(t *reloadly.Transaction, ref topup.Ref) bool {
	if string(t.RequestedAmountCurrencyCode) == ref.Amount.Currency {
		return t.RequestedAmount.Equal(ref.Amount.Amount)
	}
	if !ref.Product.UseLocalAmount || string(t.DeliveredAmountCurrencyCode) != ref.Amount.Currency || !t.DeliveredAmount.Known {
		return false
	}
	off := t.DeliveredAmount.Sub(ref.Amount.Amount).Abs()
	return off.LessThanOrEqual(ref.Amount.Amount.Mul(reloadlyTolerance))
}

// reloadlyCost is what we were debited: the cost if told, else the difference of the balances, which may include
// orders that ran at the same time.
func reloadlyCost(t *reloadly.Transaction) topup.Money {
	b := t.BalanceInfo
	switch {
	case b == nil:
		return topup.Money{}
	case b.Cost.Known:
		return topup.Money{Amount: b.Cost.Decimal, Currency: string(b.CurrencyCode)}
	case b.OldBalance.Known && b.NewBalance.Known:
		return topup.Money{Amount: b.OldBalance.Sub(b.NewBalance.Decimal), Currency: string(b.CurrencyCode)}
	default:
		return topup.Money{}
	}
}

// reloadlyFee is what was charged beside the price, in the account's currency as far as the documents show.
func reloadlyFee(t *reloadly.Transaction) topup.Money {
	if !t.Fee.Known || t.Fee.IsZero() || t.BalanceInfo == nil || t.BalanceInfo.CurrencyCode == "" {
		return topup.Money{}
	}
	return topup.Money{Amount: t.Fee.Decimal, Currency: string(t.BalanceInfo.CurrencyCode)}
}

// reloadlyFailure is a final word that nobody was charged.
func reloadlyFailure(status, code, message string) topup.Outcome {
	out := topup.Outcome{
		Answer: topup.Refused, Code: topup.CodeProviderFailed, Message: "The operator did not deliver the top-up.",
		ProviderCode: status, ProviderMessage: cut(message),
	}
	if status == reloadly.StatusRefunded {
		out.Code, out.Message = topup.CodeProviderRefunded, "The operator did not deliver the top-up and Reloadly gave the money back."
	}
	if code != "" {
		out.ProviderCode = cut(code)
	}
	return out
}

// reloadlyOpen is an order that has not ended. A status that nobody knows counts as that too.
func reloadlyOpen(status, id string) topup.Outcome {
	return topup.Outcome{
		Answer: topup.InProgress, Code: topup.CodeInProgress, Message: "Reloadly is still working on the order.",
		ProviderCode: cut(status), Reference: id, TransactionID: id,
	}
}

// reloadlyForeign is an answer about somebody else's order.
func reloadlyForeign() topup.Outcome {
	out := unreadable("")
	out.Message = "Reloadly's answer is about another reference than ours."
	return out
}

// reloadlyRows says what the report's rows with our reference prove together. More than one can exist, because
// Reloadly's check for repeated references is not atomic: two successes are two payments, and a failure counts only
// when every row is one.
func reloadlyRows(rows []reloadly.Transaction, ref topup.Ref) topup.Outcome {
	var successes, failures, open []*reloadly.Transaction
	for i := range rows {
		switch t := &rows[i]; t.Status {
		case reloadly.StatusSuccessful:
			successes = append(successes, t)
		case reloadly.StatusFailed, reloadly.StatusRefunded:
			failures = append(failures, t)
		default:
			open = append(open, t)
		}
	}
	switch {
	case len(successes) > 1:
		out := topup.Outcome{Answer: topup.Mismatch, Code: topup.CodeMismatch, Pause: true, Reference: reloadlyID(successes[0])}
		out.TransactionID, out.Message = out.Reference, "Reloadly has executed our reference more than once."
		return out
	case len(open) > 0:
		return reloadlyJudge(open[0], ref)
	case len(successes) == 1:
		return reloadlyJudge(successes[0], ref)
	case len(failures) > 0:
		return reloadlyJudge(failures[0], ref)
	default:
		return topup.Outcome{
			Answer: topup.Absent, Code: topup.CodeNotFoundAtProvider, Message: "Reloadly's report does not know our reference.",
		}
	}
}
