package topup

import "slices"

// told are the codes whose failure is told in the adapter's own words: what was tried, and why it did not help.
var told = [...]Code{CodeNotResolved, CodeProductUnavailable, CodeInvalidAmount, CodeInvalidRequest, CodeInvalidRecipient, CodeOperatorMismatch}

// failureSentence is what the merchant is told of a failure.
func failureSentence(code Code, o Outcome) string {
	if o.Message == "" || !slices.Contains(told[:], code) {
		return FailureText(code)
	}
	return o.Message + " Nobody was charged."
}
