package intake_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/intake"
	"topupq/topup"
)

// TestValidationTellsThePlan foretells a file of two providers: where its rows go, what they cost, where the money runs
// out, when the last one is sent, and which look like another one.
func TestValidationTellsThePlan(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		zar, usd := c.Providers[topup.AAT], c.Providers[topup.Reloadly]
		zar.Rate = 2
		usd.Priced, usd.Spacing = true, 2*time.Minute
		c.Providers[topup.AAT], c.Providers[topup.Reloadly] = zar, usd
		c.Quote = func(_ context.Context, x *topup.Topup) (topup.Money, bool) {
			return topup.Money{Amount: x.Amount.Amount.Mul(decimal.RequireFromString("0.9")), Currency: "USD"}, true
		}
		c.Balance = func(_ context.Context, p topup.ProviderName) (topup.BalanceAt, bool) {
			return topup.BalanceAt{At: start, Amount: topup.Money{Amount: decimal.New(18, 0), Currency: "USD"}}, p == topup.Reloadly
		}
		c.Backlog = func(_ context.Context, p topup.ProviderName) int64 {
			return map[topup.ProviderName]int64{topup.AAT: 7}[p]
		}
	})
	a.do("POST", "/v1/topups", good("before")).want(202)
	row := func(reference, number, amount, operator string) string {
		return `{"reference":"` + reference + `","recipient":"` + number + `","amount":"` + amount + `","currency":"USD","product":{"operator_id":` + operator + `}}` + "\n"
	}
	body := row("a", "+2348031234567", "10", "341") + row("b", "+2348031234567", "9", "341") + row("c", "+2348031234567", "10", "341") +
		row("d", "+2348031234568", "1", "342") + good("e") + "\n" + good("before") + "\n"
	var got struct {
		Plan struct {
			Providers        []map[string]any `json:"providers"`
			FinishesAt       time.Time        `json:"finishes_at"`
			LikelyDuplicates struct {
				Rows  int
				First []map[string]any
			} `json:"likely_duplicates"`
		}
	}
	r := a.do("POST", "/v1/batches?validate_only=true", body, "Content-Type", ndjson).want(200)
	if err := json.Unmarshal(r.body, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{
			"provider": "reloadly", "rows": 4.0, "operators": []any{map[string]any{"operator": "reloadly:341", "rows": 3.0}, map[string]any{"operator": "reloadly:342", "rows": 1.0}},
			"amounts": map[string]any{"USD": "30.00"}, "predicted_cost": map[string]any{"amount": "27.00", "currency": "USD", "rows": 4.0, "estimated": false},
			"balance": map[string]any{"amount": "18.00", "currency": "USD", "at": "2026-11-20T10:00:00Z"}, "runs_out_at_line": 3.0,
			"waiting": 0.0, "finishes_at": "2026-11-20T10:04:00Z", "duplicate_window_seconds": 600.0,
		},
		{
			"provider": "aat", "rows": 1.0, "operators": []any{map[string]any{"operator": nil, "rows": 1.0}},
			"amounts": map[string]any{"ZAR": "5.00"}, "predicted_cost": map[string]any{"amount": "5.00", "currency": "ZAR", "rows": 1.0, "estimated": true},
			"balance": nil, "runs_out_at_line": nil, "waiting": 7.0, "finishes_at": "2026-11-20T10:00:04Z", "duplicate_window_seconds": 600.0,
		},
	}
	if d := cmp.Diff(want, got.Plan.Providers); d != "" {
		t.Error(d)
	}
	if !got.Plan.FinishesAt.Equal(start.Add(4 * time.Minute)) {
		t.Errorf("finishes at %s", got.Plan.FinishesAt)
	}
	before := topup.NewID(a.merchant.ID, "before")
	alike := []map[string]any{{"line": 3.0, "reference": "c", "like_line": 1.0}, {"line": 5.0, "reference": "e", "like_id": string(before)}}
	if d := cmp.Diff(alike, got.Plan.LikelyDuplicates.First); d != "" || got.Plan.LikelyDuplicates.Rows != 2 {
		t.Error(d)
	}
	if a.store.count() != 1 {
		t.Error("a validation wrote something")
	}
}
