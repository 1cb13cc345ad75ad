package intake_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/intake"
	"topupq/topup"
)

// TestValidationTellsPrices: a validation sums what rows should cost, of providers that publish prices; nothing else is
// asked for a price, and a batch that is taken for good is not either.
func TestValidationTellsPrices(t *testing.T) {
	t.Parallel()
	asked := 0
	a := newAPI(t, func(c *intake.Config) {
		s := c.Providers[topup.Reloadly]
		s.Priced = true
		c.Providers[topup.Reloadly] = s
		c.Quote = func(ctx context.Context, x *topup.Topup) (topup.Money, bool) {
			asked++
			if _, bounded := ctx.Deadline(); !bounded || x.Provider != topup.Reloadly {
				t.Errorf("asked for %s", x.Provider)
			}
			return topup.Money{Amount: x.Amount.Amount.Mul(decimal.RequireFromString("0.97")), Currency: "USD"}, x.Product.OperatorID != 9
		}
	})
	row := func(reference, amount, operator string) string {
		return `{"reference":"` + reference + `","recipient":"+2348031234567","amount":"` + amount + `","currency":"USD","product":{"operator_id":` + operator + `}}` + "\n"
	}
	body := row("a", "2.50", "341") + row("b", "10", "341") + row("c", "1", "9") + row("a", "2.50", "341") + row("d", "-1", "341") + good("e")
	r := a.do("POST", "/v1/batches?validate_only=true", body, "Content-Type", ndjson).want(200)
	want := map[string]any{"rows": num("2"), "sums": map[string]any{"USD": "12.125"}}
	if d := cmp.Diff(want, r.json()["predicted_costs"]); d != "" || asked != 3 {
		t.Errorf("asked %d times: %s", asked, d)
	}
	if r := a.do("POST", "/v1/batches?validate_only=true", good("z"), "Content-Type", ndjson).want(200); strings.Contains(string(r.body), "predicted_costs") {
		t.Errorf("%s", r.body)
	}
	r = a.do("POST", "/v1/batches", body, "Content-Type", ndjson).want(202)
	if asked != 3 || strings.Contains(string(r.body), "predicted_costs") {
		t.Errorf("asked %d times for a batch that is sent: %s", asked, r.body)
	}
}
