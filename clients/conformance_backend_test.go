package clients_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients"
	"topupq/clients/aat"
	"topupq/clients/aat/aatsim"
	"topupq/clients/rechargekit"
	"topupq/clients/rechargekit/rechargekitsim"
	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
	"topupq/topup"
)

// The secrets that adapters are set up with. None of them may turn up in an error or an outcome.
const (
	canaryUser   = "canary-user-51c0"
	canarySecret = "canary-secret-9d4e"
)

// rule and booking are the scripting convention that all simulators share, each with types of its own.
type (
	rule struct {
		Reference, Recipient, Path string
		Fault                      string
		Times                      int
		Delay                      time.Duration
		Status                     int
		Code, Body                 string
	}
	booking struct {
		Reference, Recipient, Amount, Currency, State string
		Count                                         int
		TransactionID                                 string
	}
	request struct{ Method, Path, Reference string }
)

// simulator is one provider's simulator behind the shared convention.
type simulator interface {
	http.Handler
	script(rule)
	bookings() []booking
	requests() []request
	SetBalance(string)
}

// backend is one adapter over its simulator, in one way of calling it.
type backend struct {
	name topup.ProviderName
	way  string
	// simulate starts the simulator by the clock, and connect the adapter at an address with a password.
	simulate func(now func() time.Time) simulator
	connect  func(t testing.TB, address, secret string, now func() time.Time) topup.Provider
	// order is an ordinary order; only its reference is left out.
	order topup.Order
	// payPath is the path pattern of the paying call that order makes.
	payPath string
	// refusal is a documented refusal of a first send.
	refusal rule
	// paidActions are names that Lookup must not know, params some for those that it does.
	paidActions []string
	params      map[string]map[string]any
}

// backends are all adapters, each in every way in which it can pay.
func backends() []backend {
	return []backend{
		rechargeKitBackend(http.MethodPost, topup.ServicePrepaid), rechargeKitBackend(http.MethodGet, topup.ServicePrepaid),
		rechargeKitBackend(http.MethodPost, topup.ServicePostpaid), rechargeKitBackend(http.MethodPost, topup.ServiceDTH),
		aatBackend(http.MethodGet, topup.RechargePinless), aatBackend(http.MethodPost, topup.RechargePinless),
		aatBackend(http.MethodGet, topup.RechargePinned),
		reloadlyBackend(topup.ModeAsync, "/topups-async"), reloadlyBackend(topup.ModeSync, "/topups"),
	}
}

type kitSim struct{ *rechargekitsim.Sim }

func (s kitSim) script(r rule) {
	s.Script(rechargekitsim.Rule{
		Match: rechargekitsim.Match{Reference: r.Reference, Recipient: r.Recipient, Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	})
}

func (s kitSim) bookings() (list []booking) {
	for _, b := range s.Bookings() {
		list = append(list, booking{b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.TransactionID})
	}
	return list
}

func (s kitSim) requests() (list []request) {
	for _, r := range s.Requests() {
		list = append(list, request{r.Method, r.Path, r.Reference})
	}
	return list
}

func rechargeKitBackend(method, service string) backend {
	return backend{
		name: topup.RechargeKit, way: method + " " + service, payPath: "/recharge/" + service,
		simulate: func(now func() time.Time) simulator {
			return kitSim{rechargekitsim.New(rechargekitsim.Options{Token: canarySecret, Clock: now})}
		},
		connect: func(t testing.TB, address, secret string, _ func() time.Time) topup.Provider {
			c, err := rechargekit.New(rechargekit.Config{BaseURL: address, Token: rechargekit.Secret(secret), Method: method})
			if err != nil {
				t.Fatal(err)
			}
			p, err := clients.NewRechargeKit(c, clients.RechargeKitConfig{
				Texts: []clients.RechargeKitText{{Match: "^insufficient balance$", Answer: topup.Blocked, Code: topup.CodeFloatEmpty}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
		order: topup.Order{
			Recipient: "+919679833706", Country: "IN", Amount: topup.Money{Amount: decimal.NewFromInt(10), Currency: "INR"},
			Product: topup.Product{Service: service, OperatorCode: 1, Circle: 23},
		},
		refusal:     rule{Fault: "refuse"},
		paidActions: []string{"prepaid", "postpaid", "dth", "billpayment"},
		params: map[string]map[string]any{
			"statusCheck":              {"partner_request_id": "x"},
			"prepaidPlanFetch":         {"operator_code": 1, "circle": 23},
			"postPaidBillFetch":        {"mobile_no": "9679833706", "operator_code": 25},
			"servicewiseOperatorFetch": {"operator_category": 1},
		},
	}
}

type aatSim struct{ *aatsim.Sim }

func (s aatSim) script(r rule) {
	s.Script(aatsim.Rule{
		Match: aatsim.Match{Reference: r.Reference, Recipient: r.Recipient, Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	})
}

func (s aatSim) bookings() (list []booking) {
	for _, b := range s.Bookings() {
		list = append(list, booking{b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.TransactionID})
	}
	return list
}

func (s aatSim) requests() (list []request) {
	for _, r := range s.Requests() {
		list = append(list, request{r.Method, r.Path, r.Reference})
	}
	return list
}

func aatBackend(method, recharge string) backend {
	return backend{
		name: topup.AAT, way: method + " " + recharge, payPath: "*/Perform*",
		simulate: func(now func() time.Time) simulator {
			return aatSim{aatsim.New(aatsim.Options{Username: canaryUser, Password: canarySecret, Clock: now})}
		},
		connect: func(t testing.TB, address, secret string, now func() time.Time) topup.Provider {
			c, err := aat.New(aat.Config{
				BaseURL: address + "/MobileRecharge.asmx", Username: canaryUser, Password: aat.Secret(secret), Method: method,
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := clients.NewAAT(c, clients.AATConfig{Clock: now})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
		order: topup.Order{
			Recipient: "+27831234567", Country: "ZA", Amount: topup.Money{Amount: decimal.NewFromInt(2), Currency: "ZAR"},
			Product: topup.Product{Recharge: recharge},
		},
		refusal:     rule{Fault: "error", Body: "Invalid recharge Cell No provided"},
		paidActions: []string{"PerformPinlessRecharge", "PerformPinnedRecharge", "PerformPinnedRechargeWithoutMsisdn"},
		params: map[string]map[string]any{
			"GetNetwork": {"msisdn": "27831234567"},
		},
	}
}

type reloadlySim struct{ *reloadlysim.Sim }

func (s reloadlySim) script(r rule) {
	s.Script(reloadlysim.Rule{
		Match: reloadlysim.Match{Reference: r.Reference, Recipient: r.Recipient, Path: r.Path},
		Fault: r.Fault, Times: r.Times, Delay: r.Delay, Status: r.Status, Code: r.Code, Body: r.Body,
	})
}

func (s reloadlySim) bookings() (list []booking) {
	for _, b := range s.Bookings() {
		list = append(list, booking{b.Reference, b.Recipient, b.Amount, b.Currency, b.State, b.Count, b.TransactionID})
	}
	return list
}

func (s reloadlySim) requests() (list []request) {
	for _, r := range s.Requests() {
		list = append(list, request{r.Method, r.Path, r.Reference})
	}
	return list
}

func reloadlyBackend(mode, payPath string) backend {
	return backend{
		name: topup.Reloadly, way: mode, payPath: payPath,
		simulate: func(now func() time.Time) simulator {
			return reloadlySim{reloadlysim.New(reloadlysim.Options{ClientID: canaryUser, ClientSecret: canarySecret, Now: now})}
		},
		connect: func(t testing.TB, address, secret string, now func() time.Time) topup.Provider {
			c, err := reloadly.New(reloadly.Config{
				AuthURL: address, BaseURL: address, ClientID: canaryUser, ClientSecret: reloadly.Secret(secret),
				RetryWait: time.Millisecond, Now: now,
			})
			if err != nil {
				t.Fatal(err)
			}
			return clients.NewReloadly(c, clients.ReloadlyConfig{Now: now})
		},
		order: topup.Order{
			Recipient: "+2348031234567", Country: "NG", Amount: topup.Money{Amount: decimal.NewFromInt(5), Currency: "USD"},
			Product: topup.Product{Mode: mode},
		},
		refusal:     rule{Fault: "error", Status: 400, Code: "INVALID_RECIPIENT_PHONE", Body: "no"},
		paidActions: []string{"makeTopup", "makeAsyncTopup"},
	}
}
