package clients_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/clients"
	"topupq/clients/aat/aatsim"
	"topupq/topup"
)

// aatPinned is an order that names its voucher, so that the Perform call is the first one.
func aatPinned() topup.Order {
	return aatOrder("2.00", topup.Product{Recharge: topup.RechargePinned, VoucherID: 121})
}

// aatFaults is what each fault of the simulator makes of a Submit, and of the Check that follows it.
var aatFaults = []struct {
	rule   aatsim.Rule
	submit topup.Answer
	code   topup.Code
	check  topup.Answer
	count  int
}{
	{aatsim.Rule{}, topup.Delivered, topup.CodeDelivered, topup.Delivered, 1},
	{aatsim.Rule{Fault: "slow", Delay: time.Millisecond}, topup.Delivered, topup.CodeDelivered, topup.Delivered, 1},
	{aatsim.Rule{Fault: "timeout_before", Delay: time.Millisecond}, topup.Unclear, topup.CodeAnswerLost, topup.Absent, 0},
	{aatsim.Rule{Fault: "timeout_after", Delay: time.Millisecond}, topup.Unclear, topup.CodeAnswerLost, topup.Delivered, 1},
	{aatsim.Rule{Fault: "cut_before"}, topup.Unclear, topup.CodeAnswerLost, topup.Absent, 0},
	{aatsim.Rule{Fault: "cut_after"}, topup.Unclear, topup.CodeAnswerLost, topup.Delivered, 1},
	{aatsim.Rule{Fault: "http_500_before"}, topup.Unclear, topup.CodeProviderError, topup.Absent, 0},
	{aatsim.Rule{Fault: "http_500_after"}, topup.Unclear, topup.CodeProviderError, topup.Delivered, 1},
	{aatsim.Rule{Fault: "http_502_html_after"}, topup.Unclear, topup.CodeProviderError, topup.Delivered, 1},
	{aatsim.Rule{Fault: "http_503_after"}, topup.Unclear, topup.CodeProviderError, topup.Delivered, 1},
	{aatsim.Rule{Fault: "http_504_after"}, topup.Unclear, topup.CodeProviderError, topup.Delivered, 1},
	{aatsim.Rule{Fault: "truncated"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "empty"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "empty_element"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "html"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "huge"}, topup.Unclear, topup.CodeAnswerLost, topup.Delivered, 1},
	{aatsim.Rule{Fault: "wrong_types"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "duplicate_keys"}, topup.Unclear, topup.CodeAnswerUnreadable, topup.Delivered, 1},
	{aatsim.Rule{Fault: "redirect"}, topup.Unclear, topup.CodeProviderError, topup.Delivered, 1},
	{aatsim.Rule{Fault: "drip", Delay: time.Microsecond}, topup.Delivered, topup.CodeDelivered, topup.Delivered, 1},
	{aatsim.Rule{Fault: "unauthorized"}, topup.Unclear, topup.CodeCredentialsRefused, topup.Absent, 0},
	{aatsim.Rule{Fault: "unauthorized", Status: 401}, topup.Unclear, topup.CodeCredentialsRefused, topup.Absent, 0},
	{aatsim.Rule{Fault: "duplicate"}, topup.Duplicate, topup.CodeDuplicateReference, topup.Absent, 0},
	{aatsim.Rule{Fault: "insufficient"}, topup.Blocked, topup.CodeFloatEmpty, topup.Absent, 0},
	{aatsim.Rule{Fault: "error", Body: "something new"}, topup.Unclear, topup.CodeProviderError, topup.Absent, 0},
	{aatsim.Rule{Fault: "error", Status: 429}, topup.NotTaken, topup.CodeRateLimited, topup.Absent, 0},
	{aatsim.Rule{Fault: "pending"}, topup.Unclear, topup.CodeAnswerLost, topup.Delivered, 1},
	{aatsim.Rule{Fault: "pending", Code: "failed"}, topup.Unclear, topup.CodeAnswerLost, topup.Refused, 0},
	{aatsim.Rule{Fault: "pending", Code: "refunded"}, topup.Unclear, topup.CodeAnswerLost, topup.Refused, 0},
	{aatsim.Rule{Fault: "pending", Delay: time.Hour}, topup.Unclear, topup.CodeAnswerLost, topup.Absent, 0},
	{aatsim.Rule{Fault: "fail"}, topup.Unclear, topup.CodeAnswerLost, topup.Refused, 0},
	{aatsim.Rule{Fault: "reverse", Delay: time.Hour}, topup.Delivered, topup.CodeDelivered, topup.Delivered, 1},
	{aatsim.Rule{Fault: "not_found"}, topup.Delivered, topup.CodeDelivered, topup.Absent, 1},
	{aatsim.Rule{Fault: "unknown_status"}, topup.Delivered, topup.CodeDelivered, topup.Unclear, 1},
	{aatsim.Rule{Fault: "flip_flop"}, topup.Delivered, topup.CodeDelivered, topup.Delivered, 1},
	{aatsim.Rule{Fault: "other_amount"}, topup.Delivered, topup.CodeDelivered, topup.Mismatch, 1},
	{aatsim.Rule{Fault: "other_number"}, topup.Delivered, topup.CodeDelivered, topup.Mismatch, 1},
	{aatsim.Rule{Fault: "other_reference"}, topup.Delivered, topup.CodeDelivered, topup.Mismatch, 1},
}

func TestAATFaults(t *testing.T) {
	t.Parallel()
	for _, test := range aatFaults {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(method+" "+test.rule.Fault+test.rule.Code, func(t *testing.T) {
				t.Parallel()
				test := test // the subtests of both methods script their own rule
				a, sim := newAAT(t, aatsim.Options{}, method, clients.AATConfig{})
				test.rule.Match.Reference, test.rule.Times = string(aatReference), 1
				sim.Script(test.rule)
				o := aatPinned()
				out, err := a.Submit(t.Context(), o)
				if err != nil || out.Answer != test.submit || out.Code != test.code {
					t.Errorf("submit: got %+v, %v", out, err)
				}
				if checked, err := a.Check(t.Context(), aatRefOf(o)); err != nil || checked.Answer != test.check {
					t.Errorf("check: got %+v, %v", checked, err)
				}
				count := 0
				for _, b := range sim.Bookings() {
					count += b.Count
				}
				if n := len(paid(sim)); count != test.count || n != 1 {
					t.Errorf("%d Perform calls and %d bookings, want 1 and %d", n, count, test.count)
				}
			})
		}
	}
}

// TestAATUnknownWord: a status that nobody knows raises an incident, which the code decides.
func TestAATUnknownWord(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	o := aatPinned()
	if _, err := a.Submit(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	sim.Script(aatsim.Rule{Fault: "unknown_status", Code: "Parked"})
	out, err := a.Check(t.Context(), aatRefOf(o))
	if err != nil || out.Answer != topup.Unclear || out.Code != topup.CodeAnswerUnreadable || out.ProviderCode != "Parked" {
		t.Errorf("got %+v, %v", out, err)
	}
}

// TestAATKeptConnectionPaysOnce: a connection that breaks after it has been used makes net/http repeat a GET by
// itself. The adapter's Perform calls come in once, in both methods.
func TestAATKeptConnectionPaysOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a, sim := newAAT(t, aatsim.Options{}, method, clients.AATConfig{})
		for range 5 {
			if _, err := a.Balance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		warm := aatPinned()
		warm.Reference = "warm"
		if out, err := a.Submit(t.Context(), warm); err != nil || out.Answer != topup.Delivered {
			t.Fatalf("got %+v, %v", out, err)
		}
		// cut_after strikes on any connection, drop_kept_alive_after would only strike on one used before.
		sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*Perform*"}, Fault: "cut_after"})
		out, err := a.Submit(t.Context(), aatPinned())
		if err != nil || out.Answer != topup.Unclear || len(paid(sim)) != 2 {
			t.Errorf("%s: %d Perform calls for two orders; got %+v, %v", method, len(paid(sim)), out, err)
		}
		for _, b := range sim.Bookings() {
			if b.Count != 1 {
				t.Errorf("%s: %+v", method, b)
			}
		}
	}
	// By GET no Perform call ever runs on a connection used before: the fault that needs one never strikes.
	a, sim := newAAT(t, aatsim.Options{}, http.MethodGet, clients.AATConfig{})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*Perform*"}, Fault: "drop_kept_alive_after"})
	for i := range 5 {
		o := aatPinned()
		o.Reference = topup.ID(fmt.Sprint("order", i))
		if out, err := a.Submit(t.Context(), o); err != nil || out.Answer != topup.Delivered {
			t.Errorf("order %d: got %+v, %v", i, out, err)
		}
	}
}

// TestAATSameReferenceAtOnce: however often one reference is sent, it is booked once, and every answer is either the
// success or the duplicate.
func TestAATSameReferenceAtOnce(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	var mu sync.Mutex
	got := map[topup.Answer]int{}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			out, err := a.Submit(t.Context(), aatPinned())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[out.Answer]++
		})
	}
	wait.Wait()
	if got[topup.Delivered] != 1 || got[topup.Duplicate] != 19 || sim.Bookings()[0].Count != 1 {
		t.Errorf("answers %v, bookings %+v", got, sim.Bookings())
	}
}

// TestAATNotSent: a request that provably left nothing is a *NotSentError.
func TestAATNotSent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	base := server.URL + "/x.asmx"
	server.Close()
	a := aatAt(t, base, "", clients.AATConfig{})
	for _, o := range []topup.Order{aatPinned(), aatOrder("2", topup.Product{})} {
		out, err := a.Submit(t.Context(), o)
		var later *topup.NotSentError
		if !errors.As(err, &later) || later.Code != topup.CodeProviderUnreachable || out.Answer != topup.Unclear {
			t.Errorf("got %+v, %v", out, err)
		}
	}
	if _, err := a.Check(t.Context(), aatRefOf(aatPinned())); err == nil {
		t.Error("a Check without an answer taught something")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Submit(gone, aatPinned()); !errors.As(err, new(*topup.NotSentError)) {
		t.Errorf("a context that was over: %v", err)
	}
}

// TestAATCanary: neither the password nor a PIN is in an outcome or an error, whatever the service echoes.
func TestAATCanary(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch said := r.URL.RawQuery + " " + r.URL.Query().Get("password"); r.URL.Query().Get("clientRef") {
		case "text":
			http.Error(w, said, http.StatusInternalServerError)
		case "denied":
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, said)
		case "error":
			io.WriteString(w, "<RechargeInfo><TransactionError>true</TransactionError><Error>"+strings.ReplaceAll(said, "&", "&amp;")+"</Error></RechargeInfo>")
		default:
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}
	}))
	t.Cleanup(echo.Close)
	a := aatAt(t, echo.URL+"/x.asmx", "", clients.AATConfig{})
	for _, reference := range []topup.ID{"text", "denied", "error", "redirect"} {
		o := aatPinned()
		o.Reference = reference
		out, err := a.Submit(t.Context(), o)
		checked, checkErr := a.Check(t.Context(), aatRefOf(o))
		_, lookupErr := a.Lookup(t.Context(), "GetTransactionInfo", map[string]any{"clientRef": string(reference)})
		_, balanceErr := a.Balance(t.Context())
		if printed := fmt.Sprintf("%+v %v %+v %v %v %v", out, err, checked, checkErr, lookupErr, balanceErr); strings.Contains(printed, "canary") {
			t.Errorf("%s: the password is in %s", reference, printed)
		}
	}
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	out, err := a.Submit(t.Context(), aatPinned())
	if err != nil || out.PIN == "" {
		t.Fatalf("got %+v, %v", out, err)
	}
	raw, err := a.Lookup(t.Context(), "GetTransactionInfo", map[string]any{"clientRef": string(aatReference)})
	if printed := fmt.Sprintf("%+v %#v %s %v", out, out, raw, sim.Bookings()); err != nil || strings.Contains(printed, out.PIN.Reveal()) {
		t.Errorf("the PIN is in %s (%v)", printed, err)
	}
}
