package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"topupq/clients/aat"
	"topupq/topup"
)

// aatLookup is one action of Lookup: the parameters it takes, all of them needed, and the call.
type aatLookup struct {
	action string
	params []string
	run    func(ctx context.Context, c *aat.Client, p aatParams) (any, error)
}

// aatLookups are the operations that move no money, by AAT's names.
var aatLookups = []aatLookup{
	{"GetNetwork", []string{"msisdn"}, func(ctx context.Context, c *aat.Client, p aatParams) (any, error) {
		return c.GetNetwork(ctx, strings.TrimPrefix(p["msisdn"], "+"))
	}},
	{"GetNetworkList", nil, func(ctx context.Context, c *aat.Client, _ aatParams) (any, error) {
		return c.GetNetworkList(ctx)
	}},
	{"GetVoucherType", []string{"networkId"}, func(ctx context.Context, c *aat.Client, p aatParams) (any, error) {
		network, err := p.id("networkId")
		if err != nil {
			return nil, err
		}
		return c.GetVoucherType(ctx, network)
	}},
	{"GetVoucher", []string{"networkId", "vouchertype"}, func(ctx context.Context, c *aat.Client, p aatParams) (any, error) {
		network, err := p.id("networkId")
		if err != nil {
			return nil, err
		}
		kind, err := p.id("vouchertype")
		if err != nil {
			return nil, err
		}
		return c.GetVoucher(ctx, network, kind)
	}},
	{"GetUserCredit", nil, func(ctx context.Context, c *aat.Client, _ aatParams) (any, error) {
		return c.GetUserCredit(ctx)
	}},
	{"GetTransactionInfo", []string{"clientRef"}, func(ctx context.Context, c *aat.Client, p aatParams) (any, error) {
		return c.GetTransactionInfo(ctx, p["clientRef"])
	}},
	{"GetTransactionCount", []string{"startdate", "enddate"}, func(ctx context.Context, c *aat.Client, p aatParams) (any, error) {
		start, err := p.date("startdate")
		if err != nil {
			return nil, err
		}
		end, err := p.date("enddate")
		if err != nil {
			return nil, err
		}
		return c.GetTransactionCount(ctx, start, end)
	}},
	{"GetUserStatus", nil, func(ctx context.Context, c *aat.Client, _ aatParams) (any, error) {
		return c.GetUserStatus(ctx)
	}},
}

func aatActions() []string {
	names := make([]string, 0, len(aatLookups))
	for _, l := range aatLookups {
		names = append(names, l.action)
	}
	return names
}

// Lookup runs one of the eight operations that move no money. The result has AAT's element names, a list as an array;
// decimals are text, and a PIN is never in it.
func (a *AAT) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	i := slices.IndexFunc(aatLookups, func(l aatLookup) bool { return l.action == action })
	if i < 0 {
		return nil, &topup.LookupError{Code: "unknown_action", Message: "AAT has no such action that moves no money; it has " + strings.Join(aatActions(), ", ") + "."}
	}
	texts, err := newAATParams(aatLookups[i].params, params)
	if err != nil {
		return nil, err
	}
	result, err := aatLookups[i].run(ctx, a.client, texts)
	if err != nil {
		return nil, aatLookupError(err)
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encode aat answer: %w", err)
	}
	return raw, nil
}

// aatParams are the parameters of a lookup as text, by AAT's names.
type aatParams map[string]string

// newAATParams checks that params are exactly those that the action takes. Names count in any case, as for AAT.
func newAATParams(names []string, params map[string]any) (aatParams, error) {
	texts := aatParams{}
	for given, v := range params {
		i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, given) })
		if i < 0 {
			return nil, aatInvalid("%q is not a parameter of this action; it takes: %s", given, strings.Join(names, ", "))
		}
		if _, twice := texts[names[i]]; twice {
			return nil, aatInvalid("%q is given twice", names[i])
		}
		text, ok := aatText(v)
		if !ok {
			return nil, aatInvalid("%q is neither text nor a whole number", names[i])
		}
		texts[names[i]] = text
	}
	for _, name := range names {
		if texts[name] == "" {
			return nil, aatInvalid("%q is missing", name)
		}
	}
	return texts, nil
}

// aatText is a parameter as text: as a command line or as JSON gives it.
func aatText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), v == float64(int64(v))
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	default:
		return "", false
	}
}

func (p aatParams) id(name string) (int, error) {
	n, err := strconv.ParseInt(p[name], 10, 32)
	if err != nil {
		return 0, aatInvalid("%q is not an id: a whole number", name)
	}
	return int(n), nil
}

func (p aatParams) date(name string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, p[name])
	if err != nil {
		return time.Time{}, aatInvalid("%q is not a day: write YYYY-MM-DD", name)
	}
	return day, nil
}

func aatInvalid(format string, args ...any) error {
	return &topup.LookupError{Code: "invalid_params", Message: fmt.Sprintf(format, args...)}
}

// aatLookupError puts a failed call into words for the merchant.
func aatLookupError(err error) error {
	var done *topup.LookupError
	var api *aat.APIError
	var status *aat.StatusError
	switch {
	case errors.As(err, &done):
		return done
	case errors.As(err, &api) && api.Kind == aat.KindUnauthorized:
		return &topup.LookupError{Code: "provider_refused", Message: "AAT refuses our credentials.", ProviderCode: aatCode(api)}
	case errors.As(err, &api):
		return &topup.LookupError{Code: "provider_refused", Message: "AAT says: " + cut(api.Text), ProviderCode: aatCode(api)}
	case errors.As(err, &status):
		retryable := status.Status >= 500 || status.Status == aatTooMany
		return &topup.LookupError{Code: "provider_error", Message: "AAT answered with an error.", ProviderCode: strconv.Itoa(status.Status), Retryable: retryable}
	case errors.As(err, new(*aat.UndecodableError)):
		return &topup.LookupError{Code: "provider_error", Message: "AAT's answer could not be read.", Retryable: true}
	default:
		return &topup.LookupError{Code: "provider_unreachable", Message: "AAT did not answer.", Retryable: true}
	}
}
