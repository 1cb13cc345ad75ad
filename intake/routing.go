package intake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"topupq/topup"
)

// Route is where requests go that name no provider and match every field that is set.
type Route struct {
	// Country is the recipient's (ISO 3166-1 alpha-2).
	Country string
	// Operator is the network to which the number's prefix was given out, in any case, or the number of an operator in
	// the product.
	Operator string
	Merchant topup.MerchantID
	// Providers are in order of preference. The later ones take a top-up over while it provably was not sent.
	Providers []topup.ProviderName
}

// defaultRoutes are those of an installation that says nothing else.
func defaultRoutes() []Route {
	return []Route{
		{Country: "ZA", Providers: []topup.ProviderName{topup.AAT}},
		{Country: "IN", Providers: []topup.ProviderName{topup.RechargeKit}},
		{Providers: []topup.ProviderName{topup.Reloadly}},
	}
}

func checkRoutes(routes []Route) error {
	for _, r := range routes {
		for _, p := range r.Providers {
			if !slices.Contains(topup.Providers, p) {
				return fmt.Errorf("route of %q: unknown provider %q", r.Country, p)
			}
		}
		if len(r.Providers) == 0 {
			return fmt.Errorf("route of %q: no provider", r.Country)
		}
	}
	return nil
}

// weight is how much a route says: a merchant is more than an operator, an operator more than a country.
func (r Route) weight() (w int) {
	if r.Merchant != "" {
		w += 4
	}
	if r.Operator != "" {
		w += 2
	}
	if r.Country != "" {
		w++
	}
	return w
}

// wish is what a request's route is found by.
type wish struct {
	country  string
	merchant topup.MerchantID
	request  *topupRequest
}

// route lists the providers for a wish, the preferred one first; none where nothing is routed.
func (c Config) route(w wish) []topup.ProviderName {
	var best *Route
	for i := range c.Routes {
		r := &c.Routes[i]
		if (best == nil || r.weight() > best.weight()) && r.matches(w) {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	return best.Providers
}

func (r *Route) matches(w wish) bool {
	return (r.Country == "" || r.Country == w.country) && (r.Merchant == "" || r.Merchant == w.merchant) &&
		(r.Operator == "" || w.isFor(r.Operator))
}

// isFor reports whether the request is for an operator: by the number that the product gives it, or by the number's
// prefix.
func (w wish) isFor(operator string) bool {
	p := topup.Product(w.request.Product)
	if n, err := strconv.ParseInt(operator, 10, 64); err == nil {
		return n > 0 && (p.OperatorID == n || p.OperatorCode == n)
	}
	number, err := phonenumbers.Parse(w.request.Recipient, "")
	if err != nil {
		return false
	}
	carrier, err := phonenumbers.GetCarrierForNumber(number, "en")
	return err == nil && strings.EqualFold(carrier, operator)
}

// routed is the provider that a request without one goes to, and those that may take it over. The first that is
// configured, serves the country, takes the currency and knows the product's fields is chosen; where none is all that,
// the first of the route is, and the rules then say what is wrong.
func (r *rules) routed(q *topupRequest, w wish) (topup.ProviderName, []topup.ProviderName) {
	list := r.cfg.route(w)
	if len(list) == 1 {
		return list[0], nil
	}
	fit := slices.DeleteFunc(slices.Clone(list), func(p topup.ProviderName) bool {
		settings, ok := r.cfg.Providers[p]
		return !ok || len(settings.Countries) > 0 && !slices.Contains(settings.Countries, w.country) ||
			settings.Currency != "" && settings.Currency != q.Currency ||
			slices.ContainsFunc(q.given, func(field string) bool { return productOwners[field] != p })
	})
	switch {
	case len(list) == 0:
		return "", nil
	case len(fit) == 0:
		return list[0], nil
	case len(q.given) > 0: // what only one provider knows cannot be handed on
		return fit[0], nil
	default:
		return fit[0], fit[1:]
	}
}
