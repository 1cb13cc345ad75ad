package webhook_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// t0 is the moment of every record made here.
var t0 = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func newRecord(t testing.TB) *topup.Topup {
	t.Helper()
	r := &topup.Topup{
		ID: topup.NewID("mertest000000", "ord-1001"), Merchant: "mertest000000", Reference: "ord-1001",
		Recipient: "+27831234567", Country: "ZA", Provider: topup.AAT,
		Amount:   topup.Money{Amount: decimal.RequireFromString("2"), Currency: "ZAR"},
		Product:  topup.Product{Recharge: topup.RechargePinned, VoucherID: 121},
		Metadata: map[string]string{"till": "7"}, PIN: []byte("sealed 0000000011180837"),
	}
	must(t, r.Accept(topup.ActorIntake, t0))
	must(t, r.BeginSend(policy(), 1, t0.Add(time.Second)))
	return r
}

func policy() topup.Policy {
	return topup.Policy{
		Plan:    topup.Plan{Interval: time.Hour, Count: 3, Confirm: topup.ConfirmHourly},
		Timeout: 30 * time.Second, Margin: 5 * time.Second,
	}
}

// settled is a record after its send was answered by o.
func settled(t testing.TB, o topup.Outcome) *topup.Topup {
	t.Helper()
	r := newRecord(t)
	must(t, r.RecordSend(policy(), 1, o, t0.Add(2*time.Second)))
	return r
}

// reversed is a record that succeeded and was taken back by two read-backs.
func reversed(t testing.TB) *topup.Topup {
	t.Helper()
	r := settled(t, delivered())
	for i := range 2 {
		refused := topup.Outcome{Answer: topup.Refused, Code: topup.CodeProviderRefunded, ProviderCode: "REFUNDED"}
		must(t, r.RecordCheck(policy(), refused, t0.Add(time.Hour+time.Duration(i)*time.Minute)))
	}
	return r
}

func delivered() topup.Outcome {
	return topup.Outcome{
		Answer: topup.Delivered, Reference: "98187964", PIN: "0000000011180837",
		Cost: topup.Money{Amount: decimal.RequireFromString("1.93"), Currency: "ZAR"},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
