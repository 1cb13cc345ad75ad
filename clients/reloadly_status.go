package clients

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyMeaning is what an error code proves about an order that it answers.
type reloadlyMeaning struct {
	answer  topup.Answer
	code    topup.Code
	message string
	// pause stops the provider, unspent does not count the try.
	pause   bool
	unspent bool
}

// reloadlyCodes is what each errorCode proves in a 4xx answer to an order. A code that is not listed proves nothing, nor
// does any in a 5xx (but see reloadlyVerdict): codes of the operator's side come before and after delivery.
var reloadlyCodes = map[string]reloadlyMeaning{
	// Our access. Nothing runs before it is checked.
	reloadly.CodeTokenExpired:       {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly refused our access token.", true, false},
	reloadly.CodeInvalidToken:       {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly refused our access token.", true, false},
	reloadly.CodeMissingToken:       {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly saw no access token.", true, false},
	reloadly.CodeInvalidCredentials: {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly refused our credentials.", true, false},
	reloadly.CodeInvalidAudience:    {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly refused the audience we asked a token for.", true, false},
	reloadly.CodeInactiveAccount:    {topup.Blocked, topup.CodeCredentialsRefused, "Our Reloadly account is not active.", true, false},
	reloadly.CodeAccountNotFound:    {topup.Blocked, topup.CodeCredentialsRefused, "Reloadly does not know our account.", true, false},

	// Our money.
	reloadly.CodeInsufficientBalance: {topup.Blocked, topup.CodeFloatEmpty, "Our float at Reloadly is too small for this order.", true, false},
	reloadly.CodeMaxDailyCount:       {topup.Blocked, topup.CodeAccountLimit, "Our Reloadly account has reached its daily number of orders.", true, false},
	reloadly.CodeMaxDailyAmount:      {topup.Blocked, topup.CodeAccountLimit, "Our Reloadly account has reached its daily amount.", true, false},

	// The order is wrong, and stays so.
	reloadly.CodeInvalidInput:              {topup.Refused, topup.CodeInvalidRequest, "Reloadly refused the order as incomplete or malformed.", false, false},
	reloadly.CodeInvalidRecipientPhone:     {topup.Refused, topup.CodeInvalidRecipient, "The recipient's number is not valid.", false, false},
	reloadly.CodeInvalidPhoneNumber:        {topup.Refused, topup.CodeInvalidRecipient, "The recipient's number is not valid.", false, false},
	reloadly.CodeInvalidSenderPhone:        {topup.Refused, topup.CodeInvalidRequest, "The sender's number is not valid.", false, false},
	reloadly.CodeOperatorMismatch:          {topup.Refused, topup.CodeOperatorMismatch, "The number does not belong to this operator.", false, false},
	reloadly.CodeInvalidAmount:             {topup.Refused, topup.CodeInvalidAmount, "The amount is not valid.", false, false},
	reloadly.CodeInvalidAmountForOperator:  {topup.Refused, topup.CodeInvalidAmount, "The operator does not take this amount.", false, false},
	reloadly.CodeInvalidLocalAmount:        {topup.Refused, topup.CodeInvalidAmount, "The operator does not take this local amount.", false, false},
	reloadly.CodeLocalAmountsNotSupported:  {topup.Refused, topup.CodeInvalidAmount, "This operator does not take amounts in the local currency.", false, false},
	reloadly.CodeInvalidAmountForRecipient: {topup.Refused, topup.CodeInvalidAmount, "This number cannot be topped up with this amount.", false, false},
	reloadly.CodeCouldNotAutoDetect:        {topup.Refused, topup.CodeNotResolved, "No operator could be found for this number.", false, false},
	reloadly.CodeCountryNotSupported:       {topup.Refused, topup.CodeProductUnavailable, "Reloadly does not serve this country.", false, false},

	// It was taken before, with whatever outcome.
	reloadly.CodeCustomIdentifierAlreadyUsed: {topup.Duplicate, topup.CodeDuplicateReference, "Reloadly has an order with this reference already.", false, false},

	// Not now.
	reloadly.CodePhoneRecentlyRecharged:       {topup.NotTaken, topup.CodeRecentlyRecharged, "The number was topped up less than 2 minutes ago.", false, true},
	reloadly.CodeRecipientHasPending:          {topup.NotTaken, topup.CodeRecentlyRecharged, "Another top-up of this number is still running.", false, true},
	reloadly.CodeOperatorUnavailable:          {topup.NotTaken, topup.CodeOperatorUnavailable, "The operator is out of service at the moment.", false, false},
	reloadly.CodeOperatorNotInService:         {topup.NotTaken, topup.CodeOperatorUnavailable, "The operator is out of service at the moment.", false, false},
	reloadly.CodeServiceToOperatorUnavailable: {topup.NotTaken, topup.CodeOperatorUnavailable, "The operator cannot be reached at the moment.", false, false},

	// The operator's refusal.
	reloadly.CodeRejectedByOperator:  {topup.Refused, topup.CodeOperatorRefused, "The operator refused the top-up.", false, false},
	reloadly.CodeRefusedByOperator:   {topup.Refused, topup.CodeOperatorRefused, "The operator refused the top-up.", false, false},
	reloadly.CodeRecipientReachedMax: {topup.Refused, topup.CodeOperatorRefused, "The number has had as many top-ups as its operator allows.", false, false},
	reloadly.CodePhoneBanned:         {topup.Refused, topup.CodeOperatorRefused, "The operator has banned this number.", false, false},
	reloadly.CodeRecipientInactive:   {topup.Refused, topup.CodeOperatorRefused, "The number is not active.", false, false},

	// May have been tried at the operator: ask. TRANSACTION_CANNOT_BE_PROCESSED_AT_THE_MOMENT left no record on the
	// sandbox, which is not enough for the live service.
	reloadly.CodeCannotBeProcessedNow:       reloadlyPerhaps,
	reloadly.CodeConnectionToOperatorDown:   reloadlyPerhaps,
	reloadly.CodeConnectionToOperatorFailed: reloadlyPerhaps,
	reloadly.CodeTopupTransactionFailed:     reloadlyPerhaps,
	reloadly.CodeFailedOnOperator:           reloadlyPerhaps,
	reloadly.CodeProviderInternalError:      reloadlyPerhaps,
	reloadly.CodeRequestFailedOnProvider:    reloadlyPerhaps,
	reloadly.CodeRequestProcessingFailed:    reloadlyPerhaps,
	reloadly.CodeUnmappedProviderError:      reloadlyPerhaps,
	// Not answers to an order at all.
	reloadly.CodeTransactionNotFound: reloadlyPerhaps,
	reloadly.CodeFXRateNotAvailable:  reloadlyPerhaps,
}

// reloadlyPerhaps is a failure that may have come after the operator was tried.
var reloadlyPerhaps = reloadlyMeaning{topup.Unclear, topup.CodeProviderError, "Reloadly reports a failure that does not tell whether the order ran.", false, false}

// reloadlyLongestWait caps Retry-After.
const reloadlyLongestWait = 24 * time.Hour

// reloadlyVerdict is what an answer other than 2xx to an order proves.
func reloadlyVerdict(e *reloadly.Error) topup.Outcome {
	return reloadlyAnswerOf(reloadlyStatus(e), e)
}

// reloadlyStatus weighs status and code. 401 and 429 are proof whatever the body. 408 and 5xx are none, but for the 503
// of an operator that is out of service, which is answered before any attempt. Other 4xx go by the code.
func reloadlyStatus(e *reloadly.Error) reloadlyMeaning {
	byCode, listed := reloadlyCodes[e.Code]
	switch {
	case e.Status == http.StatusUnauthorized:
		return reloadlyCodes[reloadly.CodeInvalidToken]
	case e.Status == http.StatusTooManyRequests:
		return reloadlyMeaning{topup.NotTaken, topup.CodeRateLimited, "Reloadly asks us to slow down.", false, true}
	case e.Status == http.StatusServiceUnavailable && e.Code == reloadly.CodeOperatorUnavailable:
		return byCode
	case e.Status == http.StatusRequestTimeout || e.Status >= 500:
		return reloadlyPerhaps
	case e.Status < 400:
		return reloadlyMeaning{topup.Unclear, topup.CodeAnswerUnreadable, "Reloadly sent us elsewhere instead of answering.", true, false}
	case listed:
		return byCode
	case reloadlyMisplaced[e.Status]:
		return reloadlyMeaning{topup.Unclear, topup.CodeProviderError, "Reloadly does not accept the call as we make it.", true, false}
	default:
		return reloadlyPerhaps
	}
}

// reloadlyMisplaced are statuses that say that every order would fare the same: wrong address, method or type, or
// access forbidden.
var reloadlyMisplaced = map[int]bool{
	http.StatusForbidden: true, http.StatusNotFound: true, http.StatusMethodNotAllowed: true,
	http.StatusNotAcceptable: true, http.StatusUnsupportedMediaType: true,
}

func reloadlyAnswerOf(m reloadlyMeaning, e *reloadly.Error) topup.Outcome {
	out := topup.Outcome{
		Answer: m.answer, Code: m.code, Message: m.message, Pause: m.pause, Unspent: m.unspent,
		ProviderCode: cut(e.Code), ProviderMessage: cut(e.Message),
	}
	if out.ProviderCode == "" {
		out.ProviderCode = "HTTP " + strconv.Itoa(e.Status)
	}
	if m.answer == topup.NotTaken {
		out.RetryAfter = min(e.RetryAfter, reloadlyLongestWait)
	}
	return out
}

// reloadlyBefore is the result of an order for which a call before the paying one failed: nothing can have been paid.
func reloadlyBefore(err error) (topup.Outcome, error) {
	var request *reloadly.RequestError
	if errors.Is(err, errNoOperator) {
		return *reloadlyRefusal(topup.CodeNotResolved, "product.operator_id is needed for a recipient by e-mail."), nil
	}
	if errors.As(err, &request) {
		return *reloadlyRefusal(topup.CodeInvalidRequest, "The order cannot be sent: "+request.Error()+"."), nil
	}
	var unread *reloadly.AnswerError
	if errors.As(err, &unread) {
		return topup.Outcome{}, &topup.NotSentError{Code: topup.CodeProviderError, Err: err}
	}
	e, answered := reloadly.AsError(err)
	if !answered {
		return topup.Outcome{}, notSent(err)
	}
	var token *reloadly.TokenError
	switch forbidden := e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden; {
	case e.Status == http.StatusTooManyRequests:
		return reloadlyVerdict(e), nil
	case errors.As(err, &token) && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout, forbidden:
		return reloadlyAnswerOf(reloadlyCodes[reloadly.CodeInvalidCredentials], e), nil
	case e.Code == reloadly.CodeCouldNotAutoDetect, e.Code == reloadly.CodeCountryNotSupported:
		return reloadlyAnswerOf(reloadlyCodes[e.Code], e), nil
	case e.Status == http.StatusNotFound && e.Own:
		return reloadlyAnswerOf(reloadlyMeaning{topup.Refused, topup.CodeProductUnavailable, "Reloadly does not know this operator.", false, false}, e), nil
	}
	return topup.Outcome{}, &topup.NotSentError{Code: topup.CodeProviderError, RetryAfter: min(e.RetryAfter, reloadlyLongestWait), Err: err}
}
