package clients

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"topupq/clients/reloadly"
	"topupq/topup"
)

// reloadlyCatalogue are the actions whose answers are the same for every merchant and change slowly. Balances, rates and
// what is asked about a number are not among them.
func reloadlyCatalogue() []string {
	return []string{
		"getAllCountries", "getCountryByCode", "getAllOperators", "getOperatorById", "getOperatorsByCountry",
		"getAllCommissions", "getCommissionById", "getAllPromotions", "getPromotionById", "getPromotionsByCountry",
		"getPromotionsByOperator",
	}
}

// reloadlyOwned are the actions that tell of orders. While an order runs its status does not tell our reference.
func reloadlyOwned() []topup.OwnedAction {
	return []topup.OwnedAction{
		{Action: "getTopupStatus", Transaction: "transactionId", Told: "transaction.customIdentifier"},
		{Action: "getTransactionById", Transaction: "transactionId", Told: "customIdentifier"},
		{Action: "getAllTransactions", Rows: "content", Totals: []string{"totalElements", "numberOfElements"}, Told: "customIdentifier"},
	}
}

// Lookup runs one of Reloadly's 20 non-paying actions by its own name and returns the answer as received, with the
// codes of vouchers hidden; getAccessToken tells the token's type, scope and end only. mnpLookupGet and mnpLookupPost
// top nothing up, but Reloadly bills them. Every error is a *topup.LookupError.
func (r *Reloadly) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	answer, err := r.api.Run(ctx, action, params)
	if err != nil {
		return nil, reloadlyLookupError(err)
	}
	return answer, nil
}

// reloadlyLookupError puts a failure into words that a merchant may see.
func reloadlyLookupError(err error) error {
	var request *reloadly.RequestError
	var token *reloadly.TokenError
	var unread *reloadly.AnswerError
	switch {
	case errors.Is(err, reloadly.ErrUnknownAction):
		return &topup.LookupError{Code: "unknown_action", Message: "Reloadly has no such action, or it pays."}
	case errors.As(err, &request):
		return &topup.LookupError{Code: "invalid_params", Message: request.Error()}
	case errors.As(err, &unread):
		return &topup.LookupError{Code: "provider_error", Message: "Reloadly's answer could not be read.", Retryable: true}
	}
	e, answered := reloadly.AsError(err)
	if !answered {
		return &topup.LookupError{Code: "provider_unreachable", Message: "Reloadly cannot be reached.", Retryable: true}
	}
	retry := e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout || e.Status >= 500
	if errors.As(err, &token) || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
		return &topup.LookupError{Code: "provider_error", Message: "Reloadly refused our access.", ProviderCode: cut(e.Code), Retryable: retry}
	}
	if retry && e.Code != reloadly.CodeFXRateNotAvailable {
		return &topup.LookupError{Code: "provider_error", Message: "Reloadly has a problem at the moment.", ProviderCode: cut(e.Code), Retryable: true}
	}
	message := cut(e.Message)
	if message == "" {
		message = "Reloadly refused the request."
	}
	return &topup.LookupError{Code: "provider_refused", Message: message, ProviderCode: cut(e.Code), Retryable: retry}
}
