package clients_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients"
	"topupq/clients/aat"
	"topupq/clients/aat/aatsim"
	"topupq/topup"
)

// aatPassword must show nowhere.
const aatPassword = "canary&pass/word"

// aatAt returns the adapter over the service at base.
func aatAt(t testing.TB, base, method string, cfg clients.AATConfig) *clients.AAT {
	t.Helper()
	c, err := aat.New(aat.Config{BaseURL: base, Method: method, Username: "user", Password: aatPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	a, err := clients.NewAAT(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newAAT returns the adapter over a simulator.
func newAAT(t testing.TB, o aatsim.Options, method string, cfg clients.AATConfig) (*clients.AAT, *aatsim.Sim) {
	t.Helper()
	o.Username, o.Password = "user", aatPassword
	sim := aatsim.New(o)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	return aatAt(t, server.URL+"/MobileRecharge.asmx", method, cfg), sim
}

const aatReference = topup.ID("abcdefghij234567abcd")

func aatOrder(amount string, p topup.Product) topup.Order {
	return topup.Order{
		Reference: aatReference, Recipient: "+27831234567", Country: "ZA",
		Amount: topup.Money{Amount: decimal.RequireFromString(amount), Currency: "ZAR"}, Product: p,
	}
}

func aatRefOf(o topup.Order) topup.Ref {
	return topup.Ref{Reference: o.Reference, Recipient: o.Recipient, Amount: o.Amount, Product: o.Product}
}

// paid lists the operations that were called to pay.
func paid(sim *aatsim.Sim) []string {
	var list []string
	for _, r := range sim.Requests() {
		if operation := r.Path[strings.LastIndex(r.Path, "/")+1:]; strings.HasPrefix(operation, "Perform") {
			list = append(list, operation)
		}
	}
	return list
}

// TestAATSixCalls: each product goes to its own Perform call, with the voucher named and with one from the catalogue.
func TestAATSixCalls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		recharge, amount, operation string
		voucher                     int64
		fixed                       bool
	}{
		{"", "7.50", "PerformPinlessRecharge", 2001, false},
		{topup.RechargePinless, "7.50", "PerformPinlessRecharge", 2001, false},
		{topup.RechargePinned, "2", "PerformPinnedRecharge", 121, false},
		{topup.RechargePinnedNoPhone, "5.00", "PerformPinnedRechargeWithoutMsisdn", 120, false},
		{topup.RechargePinless, "12", "PerformPinlessRechargeFixedAmount", 2012, true},
		{topup.RechargePinned, "29", "PerformPinnedRechargeFixedAmount", 2010, true},
		{topup.RechargePinnedNoPhone, "60.00", "PerformPinnedRechargeWithoutMsisdnFixedAmount", 2011, true},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, voucher := range []int64{test.voucher, 0} {
				a, sim := newAAT(t, aatsim.Options{}, method, clients.AATConfig{})
				o := aatOrder(test.amount, topup.Product{Recharge: test.recharge, VoucherID: voucher, FixedAmount: test.fixed})
				out, err := a.Submit(t.Context(), o)
				if err != nil || out.Answer != topup.Delivered || !out.Delivered.Equal(o.Amount) || out.Reference == "" || out.OperatorID == "" {
					t.Fatalf("%s, voucher %d: got %+v, %v", test.operation, voucher, out, err)
				}
				if got := paid(sim); len(got) != 1 || got[0] != test.operation {
					t.Errorf("%s, voucher %d: called %v", test.operation, voucher, got)
				}
				if (out.Resolved != nil) != (voucher == 0) || voucher == 0 && (out.Resolved.VoucherID != test.voucher || out.Resolved.FixedAmount != test.fixed) {
					t.Errorf("%s: resolved %+v", test.operation, out.Resolved)
				}
				ref := aatRefOf(o)
				ref.TransactionID = out.TransactionID
				checked, err := a.Check(t.Context(), ref)
				if err != nil || checked.Answer != topup.Delivered || checked.PIN != out.PIN || (out.PIN != "") != o.Product.Pinned() || checked.Reference != out.Reference {
					t.Errorf("%s: checked %+v, %v", test.operation, checked, err)
				}
			}
		}
	}
}

// TestAATRefusesBeforeSending: orders that cannot be for AAT are refused without a single call.
func TestAATRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	for name, test := range map[string]struct {
		change func(*topup.Order)
		code   topup.Code
	}{
		"dollars":           {func(o *topup.Order) { o.Amount.Currency = "USD" }, topup.CodeInvalidAmount},
		"nothing":           {func(o *topup.Order) { o.Amount.Amount = decimal.Zero }, topup.CodeInvalidAmount},
		"half a cent":       {func(o *topup.Order) { o.Amount.Amount = decimal.RequireFromString("2.005") }, topup.CodeInvalidAmount},
		"another country":   {func(o *topup.Order) { o.Recipient = "+447700900123" }, topup.CodeInvalidRecipient},
		"too short":         {func(o *topup.Order) { o.Recipient = "+2783123456" }, topup.CodeInvalidRecipient},
		"too long":          {func(o *topup.Order) { o.Recipient = "+278312345678" }, topup.CodeInvalidRecipient},
		"unknown recharge":  {func(o *topup.Order) { o.Product.Recharge = "pinful" }, topup.CodeInvalidRequest},
		"voucher too large": {func(o *topup.Order) { o.Product.VoucherID = 1 << 31 }, topup.CodeInvalidRequest},
		"negative voucher":  {func(o *topup.Order) { o.Product.VoucherID = -1 }, topup.CodeInvalidRequest},
	} {
		o := aatOrder("2", topup.Product{VoucherID: 121, Recharge: topup.RechargePinned})
		test.change(&o)
		if out, err := a.Submit(t.Context(), o); err != nil || out.Answer != topup.Refused || out.Code != test.code || out.Message == "" {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
	}
	if n := len(sim.Requests()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	// A voucher without number does not need one of South Africa's.
	o := aatOrder("2", topup.Product{VoucherID: 121, Recharge: topup.RechargePinnedNoPhone})
	o.Recipient = "+447700900123"
	if out, err := a.Submit(t.Context(), o); err != nil || out.Answer != topup.Delivered {
		t.Errorf("voucher without number: %+v, %v", out, err)
	}
}

// TestAATRefusals: what the service refuses, and that nothing is booked for it.
func TestAATRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		amount  string
		product topup.Product
		answer  topup.Answer
		code    topup.Code
		refresh bool
	}{
		"no such voucher":     {"2", topup.Product{VoucherID: 1}, topup.Refused, topup.CodeProductUnavailable, true},
		"other price":         {"3", topup.Product{VoucherID: 121, Recharge: topup.RechargePinned}, topup.Refused, topup.CodeProductUnavailable, true},
		"not fixed":           {"2", topup.Product{VoucherID: 121, Recharge: topup.RechargePinned, FixedAmount: true}, topup.Refused, topup.CodeProductUnavailable, true},
		"other fixed price":   {"30", topup.Product{VoucherID: 2010, Recharge: topup.RechargePinned, FixedAmount: true}, topup.Refused, topup.CodeInvalidAmount, false},
		"no voucher for it":   {"3", topup.Product{Recharge: topup.RechargePinned}, topup.Refused, topup.CodeProductUnavailable, false},
		"no fixed for it":     {"13", topup.Product{FixedAmount: true}, topup.Refused, topup.CodeProductUnavailable, false},
		"not a data bundle":   {"1001", topup.Product{}, topup.Refused, topup.CodeProductUnavailable, false},
		"more than the float": {"100", topup.Product{VoucherID: 2001}, topup.Blocked, topup.CodeFloatEmpty, false},
	} {
		a, sim := newAAT(t, aatsim.Options{Balance: "99"}, "", clients.AATConfig{})
		out, err := a.Submit(t.Context(), aatOrder(test.amount, test.product))
		if err != nil || out.Answer != test.answer || out.Code != test.code || out.RefreshCatalogue != test.refresh || out.Pause != (test.answer == topup.Blocked) {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
		if n := len(sim.Bookings()); n != 0 {
			t.Errorf("%s: %d bookings", name, n)
		}
	}
}

func TestAATNumberWithoutNetwork(t *testing.T) {
	t.Parallel()
	a, _ := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	o := aatOrder("2", topup.Product{})
	o.Recipient = "+27990000000"
	if out, err := a.Submit(t.Context(), o); err != nil || out.Answer != topup.Refused || out.Code != topup.CodeNotResolved || !strings.Contains(out.Message, "GetNetwork") {
		t.Errorf("no network: got %+v, %v", out, err)
	}
	o.Product.VoucherID = 2001
	if out, err := a.Submit(t.Context(), o); err != nil || out.Answer != topup.Refused || out.Code != topup.CodeInvalidRecipient {
		t.Errorf("Invalid recharge Cell No: got %+v, %v", out, err)
	}
}

// TestAATFixedPriceUnproved: a named fixed-price voucher whose price cannot be read beforehand is bought, and counts as
// delivered only once GetTransactionInfo has told the amount.
func TestAATFixedPriceUnproved(t *testing.T) {
	t.Parallel()
	for amount, want := range map[string]topup.Answer{"29": topup.Delivered, "30": topup.Mismatch} {
		a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
		sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*GetVoucherType"}, Fault: "html"})
		o := aatOrder(amount, topup.Product{VoucherID: 2010, Recharge: topup.RechargePinned, FixedAmount: true})
		out, err := a.Submit(t.Context(), o)
		if err != nil || out.Answer != topup.InProgress || out.PIN == "" || !out.Delivered.IsZero() {
			t.Errorf("R%s: got %+v, %v", amount, out, err)
		}
		if out, err = a.Check(t.Context(), aatRefOf(o)); err != nil || out.Answer != want {
			t.Errorf("R%s: checked %+v, %v", amount, out, err)
		}
	}
}

// TestAATCatalogueIsKept: a batch reads the catalogue once, again when it is old or when it is asked to, and after a
// refusal that says that it is stale.
func TestAATCatalogueIsKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{Clock: func() time.Time { return now }, CatalogueAge: time.Hour})
	loads := func() (n int) {
		for _, r := range sim.Requests() {
			if strings.HasSuffix(r.Path, "/GetVoucherType") {
				n++
			}
		}
		return n
	}
	submit := func(reference topup.ID, fresh bool) topup.Outcome {
		t.Helper()
		o := aatOrder("2", topup.Product{Recharge: topup.RechargePinned})
		o.Reference, o.FreshCatalogue = reference, fresh
		out, err := a.Submit(t.Context(), o)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	var wait sync.WaitGroup
	for _, reference := range []topup.ID{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wait.Go(func() { submit(reference, false) })
	}
	wait.Wait()
	if n := loads(); n != 1 || len(sim.Bookings()) != 8 {
		t.Errorf("eight orders at once: %d loads, %d bookings", n, len(sim.Bookings()))
	}
	submit("fresh", true)
	if n := loads(); n != 2 {
		t.Errorf("a fresh catalogue: %d loads, want 2", n)
	}
	now = now.Add(time.Hour)
	submit("old", false)
	if n := loads(); n != 3 {
		t.Errorf("an old catalogue: %d loads, want 3", n)
	}
	// What a kept catalogue lacks may be in a fresh one; what a fresh one lacks is not there.
	for fresh, want := range map[bool]bool{false: true, true: false} {
		o := aatOrder("3", topup.Product{Recharge: topup.RechargePinned})
		o.FreshCatalogue = fresh
		if out, err := a.Submit(t.Context(), o); err != nil || out.Code != topup.CodeProductUnavailable || out.RefreshCatalogue != want {
			t.Errorf("nothing for R3, fresh %v: got %+v, %v", fresh, out, err)
		}
	}
	sim.Script(aatsim.Rule{Fault: "error", Body: "voucher id doesn't exist for mobile network MTN", Times: 1})
	if out := submit("stale", false); out.Answer != topup.Refused || !out.RefreshCatalogue || out.Resolved == nil {
		t.Errorf("stale: got %+v", out)
	}
	submit("after", false)
	if n := loads(); n != 5 {
		t.Errorf("after a stale catalogue: %d loads, want 5", n)
	}
}

// TestAATCatalogueFails: whatever goes wrong before the Perform call, nothing is paid and the outcome says so.
func TestAATCatalogueFails(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"*GetNetwork", "*GetVoucherType", "*GetVoucher"} {
		for _, rule := range []struct {
			aatsim.Rule
			answer topup.Answer
			code   topup.Code
		}{
			{aatsim.Rule{Fault: "cut_before"}, topup.Unclear, topup.CodeProviderUnreachable},
			{aatsim.Rule{Fault: "http_500_before"}, topup.Unclear, topup.CodeProviderError},
			{aatsim.Rule{Fault: "html"}, topup.Unclear, topup.CodeProviderError},
			{aatsim.Rule{Fault: "wrong_types"}, topup.Unclear, topup.CodeProviderError},
			{aatsim.Rule{Fault: "truncated"}, topup.Unclear, topup.CodeProviderError},
			{aatsim.Rule{Fault: "error", Status: 429}, topup.Unclear, topup.CodeRateLimited},
			{aatsim.Rule{Fault: "error", Body: "something new"}, topup.Unclear, topup.CodeProviderError},
			{aatsim.Rule{Fault: "unauthorized"}, topup.Blocked, topup.CodeCredentialsRefused},
			{aatsim.Rule{Fault: "unauthorized", Status: 401}, topup.Blocked, topup.CodeCredentialsRefused},
			{aatsim.Rule{Fault: "error", Body: "no network found"}, topup.Refused, topup.CodeNotResolved},
			{aatsim.Rule{Fault: "error", Body: "invalid msisdn. "}, topup.Refused, topup.CodeInvalidRecipient},
			{aatsim.Rule{Fault: "error", Body: "no voucher types found for network. "}, topup.Refused, topup.CodeNotResolved},
		} {
			a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
			rule.Match.Path = path
			sim.Script(rule.Rule)
			out, err := a.Submit(t.Context(), aatOrder("2", topup.Product{}))
			var later *topup.NotSentError
			if rule.answer == topup.Unclear {
				if !errors.As(err, &later) || later.Code != rule.code || out.Answer != topup.Unclear {
					t.Errorf("%s %s: got %+v, %v", path, rule.Fault, out, err)
				}
			} else if err != nil || out.Answer != rule.answer || out.Code != rule.code || out.Pause != (rule.answer == topup.Blocked) {
				t.Errorf("%s %s: got %+v, %v", path, rule.Fault, out, err)
			}
			if len(paid(sim)) != 0 {
				t.Errorf("%s %s: paid %v", path, rule.Fault, paid(sim))
			}
		}
	}
}
