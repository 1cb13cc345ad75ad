package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"topupq/clients/rechargekit"
	"topupq/topup"
)

// rechargeKitLookup is one action of Lookup: the parameters it takes, all of them needed, and the call.
type rechargeKitLookup struct {
	action string
	params []string
	run    func(ctx context.Context, c *rechargekit.Client, p rechargeKitParams) (json.RawMessage, error)
}

// rechargeKitLookups are the provider's calls that move no money, by the provider's names.
var rechargeKitLookups = []rechargeKitLookup{
	{"statusCheck", []string{"partner_request_id"}, func(ctx context.Context, c *rechargekit.Client, p rechargeKitParams) (json.RawMessage, error) {
		s, err := c.StatusCheck(ctx, p["partner_request_id"])
		return s.Raw, err
	}},
	{"balanceCheck", nil, func(ctx context.Context, c *rechargekit.Client, _ rechargeKitParams) (json.RawMessage, error) {
		b, err := c.BalanceCheck(ctx)
		return b.Raw, err
	}},
	{"prepaidPlanFetch", []string{"operator_code", "circle"}, func(ctx context.Context, c *rechargekit.Client, p rechargeKitParams) (json.RawMessage, error) {
		operator, err := p.number("operator_code")
		if err != nil {
			return nil, err
		}
		circle, err := p.number("circle")
		if err != nil {
			return nil, err
		}
		plans, err := c.PrepaidPlanFetch(ctx, operator, circle)
		return plans.Raw, err
	}},
	{"postPaidBillFetch", []string{"mobile_no", "operator_code"}, func(ctx context.Context, c *rechargekit.Client, p rechargeKitParams) (json.RawMessage, error) {
		operator, err := p.number("operator_code")
		if err != nil {
			return nil, err
		}
		bill, err := c.PostPaidBillFetch(ctx, p["mobile_no"], operator)
		return bill.Raw, err
	}},
	{"servicewiseOperatorFetch", []string{"operator_category"}, func(ctx context.Context, c *rechargekit.Client, p rechargeKitParams) (json.RawMessage, error) {
		category, err := p.number("operator_category")
		if err != nil {
			return nil, err
		}
		operators, err := c.ServicewiseOperatorFetch(ctx, category)
		return operators.Raw, err
	}},
}

func rechargeKitActions() []string {
	names := make([]string, 0, len(rechargeKitLookups))
	for _, l := range rechargeKitLookups {
		names = append(names, l.action)
	}
	return names
}

// Lookup runs one of statusCheck, balanceCheck, prepaidPlanFetch, postPaidBillFetch and servicewiseOperatorFetch and
// returns the provider's answer as it came.
func (p *RechargeKit) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	i := slices.IndexFunc(rechargeKitLookups, func(l rechargeKitLookup) bool { return l.action == action })
	if i < 0 {
		return nil, &topup.LookupError{Code: "unknown_action", Message: "RechargeKit has no such action; it has " + strings.Join(rechargeKitActions(), ", ") + "."}
	}
	lookup := rechargeKitLookups[i]
	texts, err := newRechargeKitParams(lookup.params, params)
	if err != nil {
		return nil, err
	}
	raw, err := lookup.run(ctx, p.client, texts)
	if err != nil {
		return nil, rechargeKitLookupError(err)
	}
	return raw, nil
}

// rechargeKitParams are the parameters of a lookup as text.
type rechargeKitParams map[string]string

// newRechargeKitParams checks that params are exactly those that the action takes.
func newRechargeKitParams(names []string, params map[string]any) (rechargeKitParams, error) {
	for name := range params {
		if !slices.Contains(names, name) {
			return nil, rechargeKitInvalid("%q is not a parameter of this action; it takes: %s", name, strings.Join(names, ", "))
		}
	}
	texts := rechargeKitParams{}
	for _, name := range names {
		text, ok := rechargeKitText(params[name])
		if !ok || text == "" {
			return nil, rechargeKitInvalid("%q is missing, or neither text nor a whole number", name)
		}
		texts[name] = text
	}
	return texts, nil
}

// rechargeKitText is a parameter as text: as a command line or as JSON gives it.
func rechargeKitText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), v == math.Trunc(v) && math.Abs(v) < 1e15
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	default:
		return "", false
	}
}

func (p rechargeKitParams) number(name string) (int64, error) {
	n, err := strconv.ParseInt(p[name], 10, 64)
	if err != nil {
		return 0, rechargeKitInvalid("%q is not a whole number", name)
	}
	return n, nil
}

func rechargeKitInvalid(format string, args ...any) error {
	return &topup.LookupError{Code: "invalid_params", Message: fmt.Sprintf(format, args...)}
}

// rechargeKitLookupError puts a failed call into words for the merchant.
func rechargeKitLookupError(err error) error {
	var done *topup.LookupError
	var refused *rechargekit.Error
	var broken *rechargekit.UnreadableError
	switch {
	case errors.As(err, &done):
		return done
	case errors.Is(err, rechargekit.ErrStatusCheckOff):
		return &topup.LookupError{Code: "unknown_action", Message: "statusCheck is switched off for this account."}
	case errors.As(err, &refused) && refused.HTTPStatus == http.StatusOK:
		return &topup.LookupError{Code: "provider_refused", Message: rechargeKitWords(refused.Message, "RechargeKit refused the call."), ProviderCode: rechargeKitCode(refused)}
	case errors.As(err, &refused):
		retryable := refused.HTTPStatus >= 500 || refused.HTTPStatus == http.StatusTooManyRequests
		return &topup.LookupError{Code: "provider_error", Message: "RechargeKit answered with an error.", ProviderCode: rechargeKitCode(refused), Retryable: retryable}
	case errors.As(err, &broken):
		return &topup.LookupError{Code: "provider_error", Message: "RechargeKit's answer could not be read.", Retryable: true}
	default:
		return &topup.LookupError{Code: "provider_unreachable", Message: "RechargeKit did not answer.", Retryable: true}
	}
}

// rechargeKitWords is the provider's text fit to be shown, or d where there is none.
func rechargeKitWords(text, d string) string {
	if t := cut(text); t != "" {
		return t
	}
	return d
}
