package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/clients"
	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// reloadlyBench is the adapter before a simulator.
type reloadlyBench struct {
	*clients.Reloadly
	sim *reloadlysim.Sim
}

func newReloadlyBench(t testing.TB, opt reloadlysim.Options, cfg clients.ReloadlyConfig) reloadlyBench {
	t.Helper()
	sim := reloadlysim.New(opt)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return reloadlyBench{clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Minute), cfg), sim}
}

func newReloadlyAPI(t testing.TB, url string, timeout time.Duration) *reloadly.Client {
	t.Helper()
	api, err := reloadly.New(reloadly.Config{
		AuthURL: url, BaseURL: url, ClientID: "sim-client", ClientSecret: "sim-secret",
		Timeout: timeout, RetryWait: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.CloseIdle)
	return api
}

const reloadlyNumber topup.MSISDN = "+2348031234567"

func reloadlyOrder(reference string, change ...func(*topup.Order)) topup.Order {
	o := topup.Order{
		Reference: topup.NewID("mer1", reference), Recipient: reloadlyNumber, Country: "NG",
		Amount: topup.Money{Amount: decimal.RequireFromString("2.50"), Currency: "USD"},
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func reloadlySync(o *topup.Order) { o.Product.Mode = topup.ModeSync }

func reloadlyRefOf(o topup.Order, out topup.Outcome) topup.Ref {
	return topup.Ref{
		Reference: o.Reference, TransactionID: out.TransactionID, Recipient: o.Recipient, Amount: o.Amount, Product: o.Product,
		SentAt: time.Now(),
	}
}

// booked is how often the ledger has the order, refunds and failures included.
func (b reloadlyBench) booked(o topup.Order) int {
	for _, k := range b.sim.Bookings() {
		if k.Reference == string(o.Reference) {
			return k.Count
		}
	}
	return 0
}

func money(amount, currency string) topup.Money {
	return topup.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
}

func TestReloadlyAsyncOrder(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	o := reloadlyOrder("async")
	out, err := b.Submit(t.Context(), o)
	if err != nil || out.Answer != topup.InProgress || out.TransactionID == "" || out.Resolved == nil || out.Resolved.OperatorID != 341 {
		t.Fatalf("submit: %+v, %v", out, err)
	}
	for _, ref := range []topup.Ref{reloadlyRefOf(o, out), reloadlyRefOf(o, topup.Outcome{})} {
		got, err := b.Check(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		want := topup.Outcome{
			Answer: topup.Delivered, Code: topup.CodeDelivered, Message: got.Message, ProviderCode: "SUCCESSFUL",
			Reference: out.TransactionID, TransactionID: out.TransactionID, OperatorID: got.OperatorID,
			Delivered: money("3750", "NGN"), Cost: money("2.425", "USD"),
		}
		if diff := cmp.Diff(want, got); diff != "" || got.OperatorID == "" || got.Message == "" {
			t.Errorf("check %q:\n%s", ref.TransactionID, diff)
		}
	}
	if b.booked(o) != 1 {
		t.Errorf("booked %d times", b.booked(o))
	}
}

func TestReloadlySyncOrderWithPIN(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	o := reloadlyOrder("pin", reloadlySync, func(o *topup.Order) {
		o.Product.OperatorID, o.Amount, o.Recipient, o.Country = 69, money("15.00", "USD"), "+14155550100", "US"
	})
	out, err := b.Submit(t.Context(), o)
	if err != nil || out.Answer != topup.Delivered || !strings.HasPrefix(out.PIN.Reveal(), "773709") || out.Resolved != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if text := fmt.Sprintf("%v %+v", out, out); strings.Contains(text, out.PIN.Reveal()) {
		t.Error("the PIN prints")
	}
	if again, err := b.Check(t.Context(), reloadlyRefOf(o, out)); err != nil || again.PIN != out.PIN {
		t.Errorf("check: %+v, %v", again, err)
	}
}

func TestReloadlyProducts(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	local := func(o *topup.Order) { o.Product.UseLocalAmount, o.Amount = true, money("1500", "NGN") }
	mail := func(o *topup.Order) {
		o.Product.OperatorID, o.Product.RecipientEmail, o.Amount = 683, "peter@nauta.com.cu", money("10", "USD")
		o.Recipient, o.Country = "+5351234567", "CU"
	}
	sender := func(o *topup.Order) { o.Product.SenderPhone = "+447951731337" }
	for name, change := range map[string]func(*topup.Order){"local": local, "mail": mail, "sender": sender} {
		o := reloadlyOrder(name, reloadlySync, change)
		if out, err := b.Submit(t.Context(), o); err != nil || out.Answer != topup.Delivered || b.booked(o) != 1 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

func TestReloadlyRefusesBeforeSending(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	tests := map[string]struct {
		change func(*topup.Order)
		code   topup.Code
	}{
		"other currency":   {func(o *topup.Order) { o.Amount = money("2.50", "NGN") }, topup.CodeInvalidAmount},
		"local, account's": {func(o *topup.Order) { o.Product.UseLocalAmount = true }, topup.CodeInvalidAmount},
		"local not supported": {func(o *topup.Order) {
			o.Product.UseLocalAmount, o.Product.OperatorID, o.Amount = true, 344, money("1500", "NGN")
		}, topup.CodeInvalidAmount},
		"below":           {func(o *topup.Order) { o.Amount = money("0.09", "USD") }, topup.CodeInvalidAmount},
		"above":           {func(o *topup.Order) { o.Amount = money("100.01", "USD") }, topup.CodeInvalidAmount},
		"above in local":  {func(o *topup.Order) { o.Product.UseLocalAmount, o.Amount = true, money("150001", "NGN") }, topup.CodeInvalidAmount},
		"no denomination": {func(o *topup.Order) { o.Product.OperatorID = 646; o.Amount = money("3", "USD") }, topup.CodeInvalidAmount},
		"no local one": {func(o *topup.Order) {
			o.Product.OperatorID, o.Product.UseLocalAmount, o.Amount = 901, true, money("11", "MXN")
		}, topup.CodeInvalidAmount},
		"unknown operator":  {func(o *topup.Order) { o.Product.OperatorID = 99999 }, topup.CodeProductUnavailable},
		"no prefix":         {func(o *topup.Order) { o.Recipient = "+2341001234567" }, topup.CodeNotResolved},
		"no such country":   {func(o *topup.Order) { o.Recipient, o.Country = "+218912345678", "LY" }, topup.CodeProductUnavailable},
		"no country":        {func(o *topup.Order) { o.Country = "" }, topup.CodeInvalidRequest},
		"mail, no operator": {func(o *topup.Order) { o.Product.RecipientEmail = "a@nauta.com.cu" }, topup.CodeNotResolved},
		"strange mode":      {func(o *topup.Order) { o.Product.Mode = "fast" }, topup.CodeInvalidRequest},
		"strange sender":    {func(o *topup.Order) { o.Product.SenderPhone = "me" }, topup.CodeInvalidRequest},
	}
	for name, test := range tests {
		o := reloadlyOrder(name, test.change)
		out, err := b.Submit(t.Context(), o)
		if err != nil || out.Answer != topup.Refused || out.Code != test.code || out.Message == "" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	for _, r := range b.sim.Requests() {
		if strings.HasPrefix(r.Path, "/topups") {
			t.Errorf("sent: %+v", r)
		}
	}
}

func TestReloadlyDenominationsCompareAsDecimals(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	for i, text := range []string{"2.5", "2.50", "10.00", "1"} {
		o := reloadlyOrder(fmt.Sprint("d", i), func(o *topup.Order) { o.Product.OperatorID, o.Amount = 646, money(text, "USD") })
		if out, err := b.Submit(t.Context(), o); err != nil || out.Answer != topup.InProgress {
			t.Errorf("%s: %+v, %v", text, out, err)
		}
	}
}

func TestReloadlyCatalogueIsCachedAndRefreshed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{Now: func() time.Time { return now }})
	reads := func() (n int) {
		for _, r := range b.sim.Requests() {
			if r.Path == "/operators/341" {
				n++
			}
		}
		return n
	}
	named := func(o *topup.Order) { o.Product.OperatorID = 341 }
	steps := []struct {
		name   string
		change func(*topup.Order)
		after  time.Duration
		reads  int
	}{
		{"first", named, 0, 1},
		{"cached", named, 9 * time.Minute, 1},
		{"fresh asked for", func(o *topup.Order) { named(o); o.FreshCatalogue = true }, 0, 2},
		{"too old", named, 11 * time.Minute, 3},
		{"refused by the cache", func(o *topup.Order) { named(o); o.Amount = money("1000", "USD") }, 0, 4},
	}
	for _, s := range steps {
		now = now.Add(s.after)
		if _, err := b.Submit(t.Context(), reloadlyOrder(s.name, s.change)); err != nil || reads() != s.reads {
			t.Errorf("%s: %d reads, want %d (%v)", s.name, reads(), s.reads, err)
		}
	}
}

func TestReloadlyPortabilityLookup(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{Ported: map[string]int64{reloadlyNumber.Digits(): 342}}, clients.ReloadlyConfig{MNP: true})
	out, err := b.Submit(t.Context(), reloadlyOrder("ported"))
	if err != nil || out.Resolved == nil || out.Resolved.OperatorID != 342 {
		t.Errorf("ported: %+v, %v", out, err)
	}
	b.sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: "/operators/mnp-lookup/*"}, Fault: "error", Status: http.StatusNotFound})
	out, err = b.Submit(t.Context(), reloadlyOrder("by prefix"))
	if err != nil || out.Resolved == nil || out.Resolved.OperatorID != 341 {
		t.Errorf("lookup knows nothing: %+v, %v", out, err)
	}
}

// TestReloadlyFailuresBeforeThePayingCall: nothing can have been paid, and the outcome says so.
func TestReloadlyFailuresBeforeThePayingCall(t *testing.T) {
	t.Parallel()
	rule := func(path, fault string) reloadlysim.Rule {
		return reloadlysim.Rule{Match: reloadlysim.Match{Path: path}, Fault: fault}
	}
	withStatus := func(path string, status int, code string) reloadlysim.Rule {
		r := rule(path, "error")
		r.Status, r.Code = status, code
		return r
	}
	tests := map[string]struct {
		rule   reloadlysim.Rule
		answer topup.Answer // or an error with code
		code   topup.Code
	}{
		"catalogue down":      {rule("/operators/*", "http_500_before"), topup.Unclear, topup.CodeProviderError},
		"catalogue cut":       {rule("/operators/*", "cut_after"), topup.Unclear, topup.CodeProviderUnreachable},
		"catalogue html":      {rule("/operators/*", "html"), topup.Unclear, topup.CodeProviderError},
		"catalogue truncated": {rule("/operators/*", "truncated"), topup.Unclear, topup.CodeProviderError},
		"catalogue elsewhere": {rule("/operators/*", "redirect"), topup.Unclear, topup.CodeProviderError},
		"catalogue busy":      {withStatus("/operators/*", 429, ""), topup.NotTaken, topup.CodeRateLimited},
		"catalogue forbidden": {withStatus("/operators/*", 403, ""), topup.Blocked, topup.CodeCredentialsRefused},
		"token refused":       {withStatus("/oauth/token", 401, "INVALID_CREDENTIALS"), topup.Blocked, topup.CodeCredentialsRefused},
		"token audience":      {withStatus("/oauth/token", 400, "INVALID_AUDIENCE"), topup.Blocked, topup.CodeCredentialsRefused},
		"token host down":     {rule("/oauth/token", "http_503_after"), topup.Unclear, topup.CodeProviderError},
		"token cut":           {rule("/oauth/token", "cut_after"), topup.Unclear, topup.CodeProviderUnreachable},
		"token garbled":       {rule("/oauth/token", "truncated"), topup.Unclear, topup.CodeProviderError},
		"everything refused":  {reloadlysim.Rule{Fault: "unauthorized"}, topup.Blocked, topup.CodeCredentialsRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
			b.sim.Script(test.rule)
			o := reloadlyOrder(name)
			out, err := b.Submit(t.Context(), o)
			var ns *topup.NotSentError
			if errors.As(err, &ns) {
				if test.answer != topup.Unclear || ns.Code != test.code {
					t.Errorf("%v", err)
				}
			} else if err != nil || out.Answer != test.answer || out.Code != test.code || test.answer == topup.Unclear {
				t.Errorf("%+v, %v", out, err)
			}
			if out.Answer == topup.Blocked && !out.Pause {
				t.Error("blocked, but not paused")
			}
			if b.booked(o) != 0 {
				t.Error("booked")
			}
		})
	}
}

func TestReloadlyNobodyListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	adapter := clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Minute), clients.ReloadlyConfig{})
	_, err := adapter.Submit(t.Context(), reloadlyOrder("x"))
	var ns *topup.NotSentError
	if !errors.As(err, &ns) || ns.Code != topup.CodeProviderUnreachable || strings.Contains(err.Error(), "803123") {
		t.Errorf("submit: %v", err)
	}
	if _, err := adapter.Check(t.Context(), topup.Ref{Reference: "x", TransactionID: "1"}); err == nil {
		t.Error("check without a connection learned something")
	}
}

func TestReloadlyStaleTokenIsNoFailure(t *testing.T) {
	t.Parallel()
	b := newReloadlyBench(t, reloadlysim.Options{}, clients.ReloadlyConfig{})
	for i := range 3 {
		o := reloadlyOrder(fmt.Sprint("s", i), func(o *topup.Order) { o.Product.OperatorID = 341 })
		if out, err := b.Submit(t.Context(), o); err != nil || out.Answer != topup.InProgress || b.booked(o) != 1 {
			t.Errorf("%d: %+v, %v", i, out, err)
		}
		b.sim.ExpireTokens()
	}
}

func TestReloadlyTimeoutIsUnclear(t *testing.T) {
	t.Parallel()
	// The simulator waits until the caller has given up.
	sim := reloadlysim.New(reloadlysim.Options{Wait: func(ctx context.Context, _ time.Duration) { <-ctx.Done() }})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	adapter := clients.NewReloadly(newReloadlyAPI(t, server.URL, time.Second), clients.ReloadlyConfig{})
	for fault, booked := range map[string]int{"timeout_before": 0, "timeout_after": 1} {
		sim.Reset()
		sim.Script(reloadlysim.Rule{Fault: fault})
		out, err := adapter.Submit(t.Context(), reloadlyOrder(fault))
		if err != nil || out.Answer != topup.Unclear || out.Code != topup.CodeAnswerLost || !strings.Contains(out.Message, "in time") {
			t.Errorf("%s: %+v, %v", fault, out, err)
		}
		if len(sim.Bookings()) != booked {
			t.Errorf("%s: %v", fault, sim.Bookings())
		}
	}
}
