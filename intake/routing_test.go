package intake_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

func chain(names ...topup.ProviderName) []topup.ProviderName { return names }

// TestRoutesBySpecificity: of the routes that match, the one that says most counts; operators are known by their number
// in the product or by the number's prefix.
func TestRoutesBySpecificity(t *testing.T) {
	t.Parallel()
	var other string
	a := newAPI(t)
	m, key := a.addMerchant("other")
	other = string(m.ID)
	b := newAPI(t, func(c *intake.Config) {
		c.Routes = []intake.Route{
			{Providers: chain(topup.Reloadly)},
			{Country: "ZA", Providers: chain(topup.AAT, topup.Reloadly)},
			{Country: "ZA", Operator: "vodacom", Providers: chain(topup.Reloadly, topup.AAT)},
			{Operator: "341", Providers: chain(topup.Reloadly, topup.AAT)},
			{Merchant: topup.MerchantID(other), Providers: chain(topup.Reloadly)},
		}
	})
	b.store.merchants[m.ID] = a.store.merchants[m.ID]
	for name, k := range map[string]struct {
		body, key string
		want      topup.ProviderName
		next      []topup.ProviderName
	}{
		"by country":                {good("a"), b.key, topup.AAT, chain(topup.Reloadly)},
		"by prefix":                 {strings.ReplaceAll(good("b"), "+2783", "+2782"), b.key, topup.Reloadly, chain(topup.AAT)},
		"by merchant":               {good("c"), key, topup.Reloadly, nil},
		"provider named":            {strings.TrimSuffix(good("d"), "}") + `,"provider":"aat"}`, b.key, topup.AAT, nil},
		"fields of the first":       {strings.TrimSuffix(good("e"), "}") + `,"product":{"voucher_id":121}}`, b.key, topup.AAT, nil},
		"fields of the second":      {strings.TrimSuffix(good("f"), "}") + `,"product":{"use_local_amount":true}}`, b.key, topup.Reloadly, nil},
		"operator in the product":   {strings.TrimSuffix(good("g"), "}") + `,"product":{"operator_id":341}}`, b.key, topup.Reloadly, nil},
		"currency of the second":    {strings.ReplaceAll(good("h"), "ZAR", "USD"), b.key, topup.Reloadly, nil},
		"country of nobody special": {strings.ReplaceAll(good("i"), "+27831234567", "+2348031234567"), b.key, topup.Reloadly, nil},
	} {
		r := b.as(k.key).do("POST", "/v1/topups", k.body).want(202)
		stored := b.store.topups[topup.ID(r.text("id"))]
		if d := cmp.Diff(k.next, stored.Alternates); stored.Provider != k.want || (d != "" && len(k.next)+len(stored.Alternates) > 0) {
			t.Errorf("%s: %s, then %v; want %s, then %v", name, stored.Provider, stored.Alternates, k.want, k.next)
		}
	}
}

// TestRouteToWhatIsNotConfigured: providers that are off are passed over; where none is left the first one is named.
func TestRouteToWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		c.Routes = []intake.Route{{Country: "ZA", Providers: chain(topup.AAT, topup.Reloadly)}, {Country: "IN", Providers: chain(topup.RechargeKit, topup.AAT)}}
		delete(c.Providers, topup.AAT)
		delete(c.Providers, topup.RechargeKit)
	})
	if got := a.do("POST", "/v1/topups", good("a")).want(202).text("provider"); got != "reloadly" {
		t.Errorf("went to %s", got)
	}
	a.do("POST", "/v1/topups", indian("")).problem(422, "provider_not_configured")
	a.do("POST", "/v1/topups", strings.ReplaceAll(good("b"), "+27831234567", "+2348031234567")).problem(422, "provider_not_configured")
}

// TestRepeatOfARerouted: the same request is the same top-up, whoever sends it by now.
func TestRepeatOfARerouted(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		c.Routes = []intake.Route{{Country: "ZA", Providers: chain(topup.AAT, topup.Reloadly)}}
	})
	id := a.do("POST", "/v1/topups", good("a")).want(202).text("id")
	x := a.store.topups[topup.ID(id)]
	if err := x.Reroute(topup.Reloadly, topup.Product{OperatorID: 1}, topup.CodeProviderPaused, start); err != nil {
		t.Fatal(err)
	}
	if r := a.do("POST", "/v1/topups", good("a")).want(200); r.text("id") != id || r.text("provider") != "reloadly" {
		t.Errorf("%s", r.body)
	}
}
