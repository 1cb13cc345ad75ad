package clients_test

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients"
	"topupq/clients/aat/aatsim"
	"topupq/clients/rechargekit"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// Every adapter can tell what it would make of an order.
var (
	_ topup.Quoter = (*clients.Reloadly)(nil)
	_ topup.Quoter = (*clients.AAT)(nil)
	_ topup.Quoter = (*clients.RechargeKit)(nil)
)

// TestReloadlyQuote: the quote is what Submit then makes, its cost what Reloadly then debits.
func TestReloadlyQuote(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	o := reloadlyOrder("quoted", func(o *topup.Order) { o.Product.Mode = topup.ModeSync })
	q, err := b.Quote(t.Context(), o)
	if err != nil || q.Refusal != nil || q.Product.OperatorID == 0 || q.Cost.Currency != "USD" || len(b.sim.Bookings()) != 0 {
		t.Fatalf("%+v, %v", q, err)
	}
	out, err := b.Submit(t.Context(), o)
	if err != nil || out.Answer != topup.Delivered {
		t.Fatalf("%+v, %v", out, err)
	}
	if !out.Predicted.Equal(q.Cost) || !out.Cost.Equal(q.Cost) || out.Resolved.OperatorID != q.Product.OperatorID {
		t.Errorf("quoted %s, predicted %s, debited %s", q.Cost, out.Predicted, out.Cost)
	}
}

// TestReloadlyQuoteOfADetour: an amount in the local currency is ordered as such, but only where another provider was
// meant and nothing else was said.
func TestReloadlyQuoteOfADetour(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	local := func(o *topup.Order) { o.Amount = topup.Money{Amount: decimal.NewFromInt(1000), Currency: "NGN"} }
	q, err := b.Quote(t.Context(), reloadlyOrder("direct", local))
	if err != nil || q.Refusal == nil || q.Refusal.Code != topup.CodeInvalidAmount {
		t.Errorf("meant for Reloadly: %+v, %v", q, err)
	}
	detour := reloadlyOrder("detour", local, func(o *topup.Order) { o.Detour = true })
	if q, err = b.Quote(t.Context(), detour); err != nil || q.Refusal != nil || !q.Product.UseLocalAmount {
		t.Fatalf("detour: %+v, %v", q, err)
	}
	detour.Product = q.Product
	out, err := b.Submit(t.Context(), detour)
	if err != nil || out.Answer != topup.InProgress || !out.Predicted.Equal(q.Cost) {
		t.Errorf("detour sent: %+v, %v", out, err)
	}
	rand := reloadlyOrder("rand", func(o *topup.Order) { o.Detour, o.Amount.Currency = true, "ZAR" })
	if q, err = b.Quote(t.Context(), rand); err != nil || q.Refusal == nil {
		t.Errorf("a third currency: %+v, %v", q, err)
	}
}

// TestNotResolvedTellsWhatWasTried: what cannot be completed is refused before anything is sent, with the reason.
func TestNotResolvedTellsWhatWasTried(t *testing.T) {
	t.Parallel()
	nobody := func(o *topup.Order) { o.Recipient = "+2341001234567" }
	for _, mnp := range []bool{false, true} {
		b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{MNP: mnp})
		out, err := b.Submit(t.Context(), reloadlyOrder("nobody", nobody))
		if err != nil || out.Code != topup.CodeNotResolved || !strings.Contains(out.Message, "autoDetectOperator") || strings.Contains(out.Message, "mnpLookup") != mnp {
			t.Errorf("MNP %v: %+v, %v", mnp, out, err)
		}
		if q, err := b.Quote(t.Context(), reloadlyOrder("nobody", nobody)); err != nil || q.Refusal == nil || q.Refusal.Message != out.Message {
			t.Errorf("MNP %v: quoted %+v, %v", mnp, q, err)
		}
	}
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	elsewhere := reloadlyOrder("elsewhere", func(o *topup.Order) { o.Recipient, o.Country = "+5491122223333", "AR" })
	if out, err := b.Submit(t.Context(), elsewhere); err != nil || out.Code != topup.CodeProductUnavailable || !strings.Contains(out.Message, "autoDetectOperator does not serve") {
		t.Errorf("a country that Reloadly does not serve: %+v, %v", out, err)
	}
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	q, err := a.Quote(t.Context(), aatOrder("3.00", topup.Product{Recharge: topup.RechargePinned}))
	if err != nil || q.Refusal == nil || !strings.Contains(q.Refusal.Message, "vouchers looked at") || len(sim.Bookings()) != 0 {
		t.Errorf("AAT: %+v, %v", q, err)
	}
	kit, calls := newKit(t, clients.RechargeKitConfig{}, rechargekit.Config{}, 200, `{}`)
	o := kitOrder()
	o.Product = topup.Product{}
	q, err = kit.Quote(t.Context(), o)
	if err != nil || q.Refusal == nil || !strings.Contains(q.Refusal.Message, "table by number prefix") || *calls != 0 {
		t.Errorf("RechargeKit: %+v, %v", q, err)
	}
}

func TestAATAndRechargeKitQuote(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	q, err := a.Quote(t.Context(), aatOrder("2.00", topup.Product{Recharge: topup.RechargePinned}))
	if err != nil || q.Refusal != nil || q.Product.VoucherID != 121 || !q.Cost.IsZero() || len(paid(sim)) != 0 {
		t.Errorf("AAT: %+v, %v", q, err)
	}
	kit, calls := newKit(t, clients.RechargeKitConfig{OperatorByPrefix: map[string]int64{"9": 7}, CircleByPrefix: map[string]int64{"96": 3}}, rechargekit.Config{}, 200, `{}`)
	o := kitOrder()
	o.Product = topup.Product{}
	q, err = kit.Quote(t.Context(), o)
	if err != nil || q.Refusal != nil || q.Product.OperatorCode != 7 || q.Product.Circle != 3 || *calls != 0 {
		t.Errorf("RechargeKit: %+v, %v", q, err)
	}
}

// TestAATNetworkForText: the network of a PIN that goes out by SMS is found out, whichever way it was ordered; where it
// cannot be, the voucher is sold all the same.
func TestAATNetworkForText(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		product topup.Product
		network string
		calls   string
	}{
		"chosen":                      {topup.Product{Recharge: topup.RechargePinned, DeliverPIN: topup.DeliverBySMS}, "MTN", ""},
		"named":                       {topup.Product{Recharge: topup.RechargePinned, VoucherID: 121, DeliverPIN: topup.DeliverBySMS}, "MTN", ""},
		"named, no SMS":               {topup.Product{Recharge: topup.RechargePinned, VoucherID: 121}, "", ""},
		"for nobody":                  {topup.Product{Recharge: topup.RechargePinnedNoPhone, VoucherID: 5002, DeliverPIN: topup.DeliverBySMS}, "Cell C", ""},
		"for nobody, no SMS":          {topup.Product{Recharge: topup.RechargePinnedNoPhone, VoucherID: 5002}, "", ""},
		"named, network not answered": {topup.Product{Recharge: topup.RechargePinned, VoucherID: 121, DeliverPIN: topup.DeliverBySMS}, "", "*/GetNetwork"},
		"for nobody, no list":         {topup.Product{Recharge: topup.RechargePinnedNoPhone, VoucherID: 121, DeliverPIN: topup.DeliverBySMS}, "", "*/GetNetworkList"},
	} {
		a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
		if test.calls != "" {
			sim.Script(aatsim.Rule{Match: aatsim.Match{Path: test.calls}, Fault: "http_500_before"})
		}
		o := aatOrder("2.00", test.product)
		out, err := a.Submit(t.Context(), o)
		if err != nil || out.Answer != topup.Delivered || out.PIN == "" || out.Network != test.network {
			t.Errorf("%s: network %q, %+v, %v", name, out.Network, out, err)
		}
	}
}

// TestConformanceOfQuotes: a quote books nothing, and an order that it completes is delivered as quoted.
func TestConformanceOfQuotes(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b.name)+" by "+b.way, func(t *testing.T) {
			t.Parallel()
			r := b.start(t)
			quoter, ok := r.provider.(topup.Quoter)
			if !ok {
				t.Fatal("cannot tell what it would make of an order")
			}
			q, err := quoter.Quote(t.Context(), r.orderOf(ref("quote")))
			if err != nil || q.Refusal != nil || len(r.sim.bookings()) != 0 {
				t.Fatalf("%+v, %v, booked %v", q, err, r.sim.bookings())
			}
			r.order.Product = q.Product
			r.wantAnswer("Submit", r.send(ref("quote")), topup.Delivered, topup.InProgress)
			r.advance(time.Minute)
			r.wantAnswer("Check", r.check(ref("quote")), topup.Delivered)
			r.wantBooked(ref("quote"), 1)
		})
	}
}
