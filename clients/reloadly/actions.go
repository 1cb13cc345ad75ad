package reloadly

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// ErrUnknownAction is returned by Run for a name that it does not have, the two paying ones included.
var ErrUnknownAction = &RequestError{Field: "action", Problem: "is not one of Reloadly's actions, or it pays"}

// getAccessToken is the one action that is not a call of the airtime host.
const getAccessToken = "getAccessToken"

// filterNames are the boolean parameters of the operator lists, suggestNames those of a single operator.
var (
	filterNames = []string{
		"includeBundles", "includeData", "includePin", "includeCombo", "bundlesOnly", "dataOnly", "pinOnly", "comboOnly",
		"includeRange", "includeFixed", "suggestedAmounts", "suggestedAmountsMap", "simplified",
	}
	suggestNames = []string{"suggestedAmounts", "suggestedAmountsMap"}
)

// action is one non-paying call by Reloadly's name for it.
type action struct {
	name string
	// call reads the parameters and builds the request.
	call func(c *Client, p *params) call
	// secret marks answers that may hold the PIN of a voucher.
	secret bool
}

// actions is every action of the connector but the two that pay, in the connector's order.
var actions = []action{
	{name: getAccessToken},
	{name: "getAccountBalance", call: func(*Client, *params) call { return balanceCall() }},
	{name: "getAllCountries", call: func(*Client, *params) call { return countriesCall() }},
	{name: "getCountryByCode", call: func(_ *Client, p *params) call { return countryCall(p.iso()) }},
	{name: "getAllOperators", call: func(_ *Client, p *params) call { return operatorsCall(p.page(p.flags(filterNames))) }},
	{name: "getOperatorById", call: func(_ *Client, p *params) call {
		return operatorCall(p.id("operatorId"), p.flags(suggestNames))
	}},
	{name: "autoDetectOperator", call: func(_ *Client, p *params) call {
		return autoDetectCall(p.phone("phone"), p.iso(), p.flags(suggestNames))
	}},
	{name: "getOperatorsByCountry", call: func(_ *Client, p *params) call {
		return operatorsByCountryCall(p.iso(), p.flags(filterNames))
	}},
	{name: "getFxRate", call: func(_ *Client, p *params) call { return fxCall(p.id("operatorId"), p.amount("amount")) }},
	{name: "getAllCommissions", call: func(_ *Client, p *params) call { return commissionsCall(p.page(nil)) }},
	{name: "getCommissionById", call: func(_ *Client, p *params) call { return commissionCall(p.id("operatorId")) }},
	{name: "getAllPromotions", call: func(_ *Client, p *params) call { return promotionsCall(p.page(p.language())) }},
	{name: "getPromotionById", call: func(_ *Client, p *params) call {
		return promotionCall(p.id("promotionId"), p.language())
	}},
	{name: "getPromotionsByCountry", call: func(_ *Client, p *params) call {
		return promotionsByCountryCall(p.iso(), p.language())
	}},
	{name: "getPromotionsByOperator", call: func(_ *Client, p *params) call {
		return promotionsByOperatorCall(p.id("operatorId"), p.language())
	}},
	{name: "getTopupStatus", secret: true, call: func(_ *Client, p *params) call { return statusCall(p.id("transactionId")) }},
	{name: "getAllTransactions", secret: true, call: func(_ *Client, p *params) call { return transactionsCall(p.report()) }},
	{name: "getTransactionById", secret: true, call: func(_ *Client, p *params) call {
		return transactionCall(p.id("transactionId"))
	}},
	{name: "mnpLookupGet", call: func(_ *Client, p *params) call {
		return mnpGetCall(p.phone("phone"), p.iso(), p.flags(suggestNames))
	}},
	{name: "mnpLookupPost", call: func(c *Client, p *params) call {
		return mnpPostCall(c.cfg.MNPField, p.phone("phone", "number"), p.iso())
	}},
}

// Actions lists the names that Run takes: the connector's 22 without makeTopup and makeAsyncTopup.
func Actions() []string {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = a.name
	}
	return names
}

// Run makes one non-paying call by Reloadly's name for it and returns the answer as received, numbers untouched;
// only the codes of vouchers are hidden. getAccessToken returns token_type, scope and expires_at, never the token.
// params carry Reloadly's names (countryCode, operatorId, phone, amount, promotionId, transactionId, page, size,
// languageCode ...). A missing, unknown or malformed one is a *RequestError; so is an unknown action
// (ErrUnknownAction). The two MNP lookups are billed by Reloadly.
func (c *Client) Run(ctx context.Context, name string, values map[string]any) (json.RawMessage, error) {
	i := slices.IndexFunc(actions, func(a action) bool { return a.name == name })
	if i < 0 {
		return nil, ErrUnknownAction
	}
	a := actions[i]
	p := newParams(values)
	if a.name == getAccessToken {
		return c.runAccessToken(ctx, p)
	}
	k := a.call(c, p)
	if err := p.done(); err != nil {
		return nil, err
	}
	body, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	return rawAnswer(k.op, body, a.secret)
}

func (c *Client) runAccessToken(ctx context.Context, p *params) (json.RawMessage, error) {
	if err := p.done(); err != nil {
		return nil, err
	}
	t, err := c.AccessToken(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Type      string    `json:"token_type"`
		Scope     string    `json:"scope"`
		ExpiresAt time.Time `json:"expires_at"`
	}{t.Type, t.Scope, t.ExpiresAt.UTC().Truncate(time.Second)})
}

// rawAnswer checks that body is JSON and hides vouchers.
func rawAnswer(op string, body []byte, secret bool) (json.RawMessage, error) {
	body = bytes.TrimSpace(body)
	if !json.Valid(body) {
		return nil, &AnswerError{Op: op, Status: http.StatusOK, Err: errNotJSON}
	}
	if !secret {
		return body, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &AnswerError{Op: op, Status: http.StatusOK, Err: errNotJSON}
	}
	hideVouchers(v)
	return json.Marshal(v)
}

// hideVouchers puts the redaction mark in place of whatever is under "pinDetail".
func hideVouchers(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			hideVouchers(e)
		}
	case map[string]any:
		for name, e := range v {
			if name == "pinDetail" && e != nil {
				v[name] = map[string]any{"code": Secret("").String()}
				continue
			}
			hideVouchers(e)
		}
	}
}

// report reads the parameters of getAllTransactions.
func (p *params) report() url.Values {
	q := url.Values{}
	for _, name := range []string{"countryCode", "operatorId", "operatorName", "customIdentifier", "startDate", "endDate"} {
		q = with(q, name, p.text(name, false))
	}
	return p.page(q)
}
