package topup_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/topup"
)

func viewOf(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func rand(amount string) topup.Money {
	return topup.Money{Amount: decimal.RequireFromString(amount), Currency: "ZAR"}
}

func TestView(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 12, 0, 0, 5e6, time.FixedZone("SAST", 7200))
	x := &topup.Topup{
		ID: "abcdefghij2345672345", Merchant: "mer", Reference: "ord-1", Batch: "bat1", Line: 7, Recipient: "+27831234567",
		Country: "ZA", Amount: rand("2"), Provider: topup.AAT, Product: topup.Product{Recharge: topup.RechargePinned},
		Resolved: &topup.Product{Recharge: topup.RechargePinned, VoucherID: 121}, ExpiresAt: at, State: topup.Reversed, Attempts: 2,
		ProviderReference: "98187964", ProviderTransactionID: "t", OperatorTransactionID: "o", Delivered: rand("2"),
		Cost: topup.Money{Amount: decimal.RequireFromString("0.10731"), Currency: "USD"}, PIN: []byte("sealed"),
		Predicted: topup.Money{Amount: decimal.RequireFromString("0.1073"), Currency: "USD"},
		Failure:   &topup.Failure{Code: topup.CodeProviderRefunded, Message: "Back.", ProviderCode: "R1"},
		Checks:    3, DueAt: at, CreatedAt: at, UpdatedAt: at, ClosedAt: at, ConfirmedAt: at,
	}
	utc := "2026-11-20T10:00:00.005Z"
	want := map[string]any{
		"id": "abcdefghij2345672345", "reference": "ord-1", "batch_id": "bat1", "recipient": "+27831234567", "amount": "2.00",
		"currency": "ZAR", "provider": "aat", "product": map[string]any{"recharge": "pinned"}, "expires_at": utc,
		"metadata": map[string]any{}, "state": "reversed", "refund_safe": false, "attempts": 2.0,
		"provider_reference": "98187964", "provider_transaction_id": "t", "operator_transaction_id": "o",
		"delivered_amount": "2.00", "delivered_currency": "ZAR", "cost": "0.10731", "cost_currency": "USD",
		"predicted_cost": "0.1073", "predicted_cost_currency": "USD", "priority": "bulk",
		"failure":     map[string]any{"code": "provider_refunded", "message": "Back.", "provider_code": "R1"},
		"explanation": x.Explain(), "checks": map[string]any{"done": 3.0, "next_at": utc},
		"created_at": utc, "updated_at": utc, "closed_at": utc, "confirmed_at": utc,
	}
	if d := cmp.Diff(want, viewOf(t, x.View())); d != "" {
		t.Error(d)
	}
	// Every answer has the same members, whatever is known.
	empty := viewOf(t, (&topup.Topup{State: topup.Accepted, DueAt: at}).View())
	for name := range want {
		if _, there := empty[name]; !there {
			t.Errorf("%s is left out when it is not known", name)
		}
	}
	if empty["checks"].(map[string]any)["next_at"] != nil || empty["failure"] != nil || empty["cost"] != nil {
		t.Errorf("%v", empty)
	}
}

func TestBatchView(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	b := &topup.Batch{
		ID: "bat1", Name: "November", Rows: 5, Accepted: 4, Duplicates: 1, Sealed: true, CreatedAt: at,
		States:    map[topup.State]int64{topup.Succeeded: 2, topup.Failed: 1, topup.Pending: 1},
		Requested: map[string]topup.Money{"ZAR": rand("40")}, Succeeded: map[string]topup.Money{},
	}
	want := map[string]any{
		"batch_id": "bat1", "name": "November", "rows": 5.0, "accepted": 4.0, "duplicates": 1.0, "rejected": 0.0, "progress": 0.75, "hold": nil, "paused": nil,
		"states": map[string]any{"accepted": 0.0, "submitting": 0.0, "pending": 1.0, "unknown": 0.0, "held": 0.0,
			"succeeded": 2.0, "failed": 1.0, "reversed": 0.0, "unresolved": 0.0},
		"totals":     map[string]any{"ZAR": map[string]any{"requested": "40.00", "succeeded": "0.00"}},
		"created_at": "2026-11-20T10:00:00Z", "closed_at": nil, "states_hash": nil,
	}
	if d := cmp.Diff(want, viewOf(t, b.View())); d != "" {
		t.Error(d)
	}
}
