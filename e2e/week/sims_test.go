package week_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"topupq/clients"
	"topupq/clients/aat"
	"topupq/clients/aat/aatsim"
	"topupq/clients/rechargekit"
	"topupq/clients/rechargekit/rechargekitsim"
	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// booking is what a simulator's ledger holds for a reference.
type booking struct {
	state, amount, currency string
	count                   int
}

// upstream is one simulated provider and our adapter to it.
type upstream struct {
	provider topup.Provider
	// books reads the ledger, asked the times of all status calls.
	books func() map[topup.ID]booking
	asked func() []time.Time
}

const (
	never    = 100 * 365 * 24 * time.Hour
	async    = 9 * time.Second
	requests = 20_000_000
)

// serve puts a simulator on the loopback interface.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

func newReloadly(t *testing.T, now func() time.Time) upstream {
	t.Helper()
	sim := reloadlysim.New(reloadlysim.Options{Now: now, Processing: async, TokenLife: never, Balance: "10000000", MaxRequests: requests})
	for f, r := range map[fate]reloadlysim.Rule{
		late: {Fault: "pending", Delay: 2 * time.Hour}, lateFailure: {Fault: "pending", Delay: 2 * time.Hour, Code: "failed"},
		veryLateFailure: {Fault: "pending", Delay: 30 * time.Hour, Code: "failed"}, lost: {Fault: "cut_after"},
		refused:  {Fault: "error", Status: 400, Code: "INVALID_RECIPIENT_PHONE", Body: "no such number"},
		reversed: {Fault: "reverse", Delay: 90 * time.Minute}, reversedLate: {Fault: "reverse", Delay: 26 * time.Hour},
		stuck: {Fault: "pending", Delay: never},
	} {
		r.Match = reloadlysim.Match{Recipient: f.pattern()}
		if f == lost || f == refused {
			r.Match.Path = "/topups-async"
		}
		sim.Script(r)
	}
	address := serve(t, sim)
	c, err := reloadly.New(reloadly.Config{AuthURL: address, BaseURL: address, ClientID: "sim-client", ClientSecret: "sim-secret", RetryWait: time.Millisecond, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return upstream{
		provider: clients.NewReloadly(c, clients.ReloadlyConfig{Now: now, CatalogueTTL: never}),
		books: func() map[topup.ID]booking {
			out := map[topup.ID]booking{}
			for _, b := range sim.Bookings() {
				out[topup.ID(b.Reference)] = booking{b.State, b.Amount, b.Currency, b.Count}
			}
			return out
		},
		asked: func() (out []time.Time) {
			for _, r := range sim.Requests() {
				if strings.Contains(r.Path, "/reports/") || strings.HasSuffix(r.Path, "/status") {
					out = append(out, r.At)
				}
			}
			return out
		},
	}
}

func newAAT(t *testing.T, now func() time.Time) upstream {
	t.Helper()
	sim := aatsim.New(aatsim.Options{Clock: now, Balance: "10000000", Username: "week", Password: "week"})
	t.Cleanup(sim.Close)
	pays := func(f fate, r aatsim.Rule) {
		r.Match = aatsim.Match{Recipient: f.pattern(), Path: "*Perform*"}
		sim.Script(r)
	}
	pays(late, aatsim.Rule{Fault: "cut_after"})
	pays(lost, aatsim.Rule{Fault: "http_500_after"})
	pays(lateFailure, aatsim.Rule{Fault: "fail", Delay: time.Minute})
	pays(veryLateFailure, aatsim.Rule{Fault: "fail", Delay: time.Minute})
	pays(refused, aatsim.Rule{Fault: "error", Body: "Invalid recharge Cell No provided"})
	pays(reversed, aatsim.Rule{Fault: "reverse", Delay: 90 * time.Minute})
	pays(reversedLate, aatsim.Rule{Fault: "reverse", Delay: 26 * time.Hour})
	pays(stuck, aatsim.Rule{Fault: "cut_after"})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Recipient: stuck.pattern()}, Fault: "unknown_status"})
	c, err := aat.New(aat.Config{BaseURL: serve(t, sim) + "/MobileRecharge.asmx", Username: "week", Password: "week"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := clients.NewAAT(c, clients.AATConfig{Clock: now, CatalogueAge: never})
	if err != nil {
		t.Fatal(err)
	}
	return upstream{provider: p, books: func() map[topup.ID]booking {
		out := map[topup.ID]booking{}
		for _, b := range sim.Bookings() {
			out[topup.ID(b.Reference)] = booking{b.State, b.Amount, b.Currency, b.Count}
		}
		return out
	}, asked: func() (out []time.Time) {
		for _, r := range sim.Requests() {
			if strings.HasSuffix(r.Path, "/GetTransactionInfo") || strings.HasSuffix(r.Path, "/GetTransactionCount") {
				out = append(out, r.At)
			}
		}
		return out
	}}
}

func newRechargeKit(t *testing.T, now func() time.Time) upstream {
	t.Helper()
	sim := rechargekitsim.New(rechargekitsim.Options{Clock: now, SettleAfter: async, Balance: "10000000", Token: "week"})
	t.Cleanup(sim.Close)
	for f, r := range map[fate]rechargekitsim.Rule{
		late: {Fault: "pending", Delay: 2 * time.Hour}, lateFailure: {Fault: "pending", Delay: 2 * time.Hour, Code: "failed"},
		veryLateFailure: {Fault: "pending", Delay: 30 * time.Hour, Code: "failed"}, lost: {Fault: "cut_after"}, refused: {Fault: "refuse"},
		reversed: {Fault: "reverse", Delay: 90 * time.Minute}, reversedLate: {Fault: "reverse", Delay: 26 * time.Hour},
		stuck: {Fault: "pending", Delay: never},
	} {
		r.Match = rechargekitsim.Match{Recipient: f.pattern(), Path: "/recharge/prepaid"}
		sim.Script(r)
	}
	c, err := rechargekit.New(rechargekit.Config{BaseURL: serve(t, sim), Token: "week", Method: http.MethodPost})
	if err != nil {
		t.Fatal(err)
	}
	p, err := clients.NewRechargeKit(c, clients.RechargeKitConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return upstream{provider: p, books: func() map[topup.ID]booking {
		out := map[topup.ID]booking{}
		for _, b := range sim.Bookings() {
			out[topup.ID(b.Reference)] = booking{b.State, b.Amount, b.Currency, b.Count}
		}
		return out
	}, asked: func() (out []time.Time) {
		for _, r := range sim.Requests() {
			if r.Path == "/recharge/statusCheck" {
				out = append(out, r.At)
			}
		}
		return out
	}}
}
