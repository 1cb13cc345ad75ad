package topup

import (
	"fmt"
	"time"
)

var failureTexts = map[Code]string{
	CodeExpired:             "It was not sent before its expiry; nobody was charged.",
	CodeCancelled:           "It was cancelled before it was sent; nobody was charged.",
	CodeInvalidRecipient:    "The provider does not accept the recipient's number; nobody was charged.",
	CodeInvalidAmount:       "The amount is not sold for this product; nobody was charged.",
	CodeOperatorMismatch:    "The number does not belong to this operator; nobody was charged.",
	CodeOperatorUnavailable: "The operator is not available at the provider; nobody was charged.",
	CodeOperatorRefused:     "The operator refused the top-up; nobody was charged.",
	CodeProductUnavailable:  "The product is not sold any more; nobody was charged.",
	CodeNotResolved:         "No matching product was found for this number and amount; nothing was sent.",
	CodeProviderFailed:      "The provider reports that it failed; nobody was charged.",
	CodeProviderRefunded:    "The provider reports that it was refunded.",
	CodeInvalidRequest:      "The provider refused the request as invalid; nobody was charged.",
	CodeFloatEmpty:          "The balance at the provider does not cover it; it was not sent.",
	CodeAccountLimit:        "A limit of the provider account is reached; it was not sent.",
	CodeCredentialsRefused:  "The provider refuses the credentials; it was not sent.",
	CodeRetriesUsedUp:       "It could not be sent in all the tries allowed; it was not sent.",
	CodeResendsUsedUp:       "It was sent again as often as allowed and is still absent at the provider.",
	CodeResolved:            "A person closed it with a reason.",
}

// FailureText is the plain sentence for a failure's code.
func FailureText(code Code) string {
	if s, ok := failureTexts[code]; ok {
		return s
	}
	return "The provider refused it; nobody was charged."
}

var waitingTexts = map[Code]string{
	CodeRecentlyRecharged:   "its number was topped up moments ago and the provider asks for a pause",
	CodeRateLimited:         "the provider's rate limit is reached",
	CodeProviderPaused:      "the provider is paused",
	CodePaused:              "an operator has paused its merchant, batch or mobile operator",
	CodeCanary:              "the first rows of its operator in this batch go ahead, to see whether they are delivered",
	CodeBrake:               "too many of its operator's rows in this batch have failed, and an operator decides when the rest goes",
	CodeBatchHeld:           "its batch is held back until somebody releases it",
	CodeProviderUnreachable: "the provider could not be reached",
	CodeProviderBusy:        "the provider asked to come back later",
	CodeAbsenceProved:       "the provider proved not to have it, so the same reference is sent again",
	CodeProductUnavailable:  "the product list was stale and is being read again",
	CodeOperatorUnavailable: "the operator is not available at the moment",
	CodeFloatEmpty:          "the balance at its provider does not cover it, and another provider is asked",
	CodeAccountLimit:        "a limit of the account at its provider is reached, and another provider is asked",
	CodeCredentialsRefused:  "its provider refuses the credentials, and another provider is asked",
}

// Explain is one plain sentence: what is known, what happens next, and when.
func (t *Topup) Explain() string {
	if t.Archived != nil {
		return "Closed and archived: only how it ended is known here; the archive of its day has the rest."
	}
	switch t.State {
	case Accepted:
		if why, ok := waitingTexts[t.Waiting]; ok {
			return fmt.Sprintf("Not sent yet: %s; next try %s.", why, when(t.DueAt))
		}
		return "Recorded and waiting to be sent."
	case Submitting:
		return fmt.Sprintf("Being sent to %s; if no answer comes it is asked about from %s.", t.Provider, when(t.DueAt))
	case Pending:
		return fmt.Sprintf("%s has it and has not said how it ends; %sasked again %s.", t.Provider, t.usual(), when(t.DueAt))
	case Unknown:
		return fmt.Sprintf("It may or may not have reached %s; being asked, %snext %s. Do not refund.", t.Provider, t.usual(), when(t.DueAt))
	case Held:
		return t.reason("Not sent.") + " A person has to replay or cancel it."
	case Succeeded:
		if !t.ConfirmedAt.IsZero() {
			return "Delivered, and confirmed by the last scheduled check."
		}
		if !t.DueAt.IsZero() {
			return fmt.Sprintf("Delivered; confirmed again %s.", when(t.DueAt))
		}
		return "Delivered."
	case Failed:
		return t.reason("It failed; nobody was charged.")
	case Reversed:
		if !t.RefundSafe() {
			return "It was delivered, then the provider took it back; its PIN is not known to be void, so do not refund yet."
		}
		return "It was delivered, then the provider took it back."
	case Unresolved:
		if t.NotAsked() {
			return fmt.Sprintf("Still no outcome, and not asked at its last scheduled check: the day's budget of status calls was used up. Asked again %s; a person may decide before. Do not refund.", when(t.DueAt))
		}
		return "Still no outcome after the last scheduled check; a person decides. Do not refund."
	}
	return ""
}

// usual tells how long an outcome usually takes, with the separator behind it, or nothing.
func (t *Topup) usual() string {
	if t.Usual <= 0 {
		return ""
	}
	return "usually settles in " + inWords(t.Usual) + "; "
}

// inWords is a duration in its largest unit, rounded up.
func inWords(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d > u.size*3/2 {
			return fmt.Sprintf("%d %ss", (d+u.size-1)/u.size, u.name)
		}
	}
	if n := (d + time.Second - 1) / time.Second; n > 1 {
		return fmt.Sprintf("%d seconds", n)
	}
	return "a second"
}

func (t *Topup) reason(fallback string) string {
	if t.Failure != nil && t.Failure.Message != "" {
		return t.Failure.Message
	}
	return fallback
}

func when(at time.Time) string {
	if at.IsZero() {
		return "when the provider reports it"
	}
	return "at " + at.UTC().Format("2006-01-02 15:04:05 UTC")
}
