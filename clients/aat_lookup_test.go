package clients_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"topupq/clients"
	"topupq/clients/aat"
	"topupq/clients/aat/aatsim"
	"topupq/topup"
)

// TestAATLookups: each of the eight actions, with parameters as a command line and as JSON give them.
func TestAATLookups(t *testing.T) {
	t.Parallel()
	a, _ := newAAT(t, aatsim.Options{Balance: "100"}, "", clients.AATConfig{})
	if _, err := a.Submit(t.Context(), aatPinned()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		action string
		params map[string]any
		want   string
	}{
		{"GetNetwork", map[string]any{"msisdn": "27831234567"}, `{"Id":2,"Name":"MTN"}`},
		{"GetNetwork", map[string]any{"MSISDN": "+27831234567"}, `{"Id":2,"Name":"MTN"}`},
		{"GetNetwork", map[string]any{"msisdn": 27831234567.0}, `{"Id":2,"Name":"MTN"}`},
		{"GetNetworkList", nil, `[{"Id":1,"Name":"Vodacom"},{"Id":2,"Name":"MTN"},{"Id":5,"Name":"Cell C"},{"Id":9,"Name":"Telkom Mobile"},{"Id":12,"Name":"Virgin Mobile"}]`},
		{"GetVoucherType", map[string]any{"networkId": json.Number("2")}, `[{"Id":13,"NetworkId":2,"Name":"Airtime Voucher","FixedAmount":false},` +
			`{"Id":14,"NetworkId":2,"Name":"Airtime Fixed Voucher","FixedAmount":true},{"Id":2,"NetworkId":2,"Name":"SMS Bundle","FixedAmount":true},` +
			`{"Id":17,"NetworkId":2,"Name":"Data Bundle Voucher","FixedAmount":true}]`},
		{"GetUserCredit", nil, `{"Id":1,"Name":"Test","RemainingCredit":"98"}`},
		{"GetTransactionInfo", map[string]any{"clientRef": string(aatReference)}, `{"MSISDN":"27831234567","Amount":"2","VoucherType":"13","VoucherPin":"[redacted]",` +
			`"TicketNumber":"SAWPK0000001","OrderRef":"98187964","BoxNumber":"13004934","BatchNumber":"130049348","ExpiryDate":"0001-01-01T00:00:00","Status":"OK"}`},
		{"GetTransactionCount", map[string]any{"startdate": "2016-01-01", "enddate": "2016-01-06"}, `{"Start":"2016-01-01T00:00:00","End":"2016-01-06T00:00:00","Transactions":0}`},
		{"GetUserStatus", map[string]any{}, `{"Environment":"testing","Enabled":true}`},
	} {
		got, err := a.Lookup(t.Context(), test.action, test.params)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v\nwant %s", test.action, got, err, test.want)
		}
	}
	got, err := a.Lookup(t.Context(), "GetVoucher", map[string]any{"networkId": 2, "vouchertype": int64(13)})
	if want := `{"Id":121,"Name":"MTN R2.00 voucher","Description":"MTN R2.00 voucher","MaxAmount":"2","MinAmount":"2","PinnedVoucher":true}`; err != nil || !strings.Contains(string(got), want) {
		t.Errorf("GetVoucher: got %s, %v", got, err)
	}
}

func TestAATLookupErrors(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*GetUserStatus"}, Fault: "html"})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*GetUserCredit"}, Fault: "http_500_before"})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*GetNetworkList"}, Fault: "unauthorized"})
	sim.Script(aatsim.Rule{Match: aatsim.Match{Path: "*GetTransactionCount"}, Fault: "cut_before"})
	for _, test := range []struct {
		action    string
		params    map[string]any
		code      string
		word      string
		retryable bool
	}{
		{"PerformPinlessRecharge", nil, "unknown_action", "GetUserCredit", false},
		{"getnetwork", nil, "unknown_action", "GetNetwork", false},
		{"GetNetwork", nil, "invalid_params", "msisdn", false},
		{"GetNetwork", map[string]any{"msisdn": "27831234567", "fmt": "json"}, "invalid_params", "fmt", false},
		{"GetNetwork", map[string]any{"msisdn": true}, "invalid_params", "msisdn", false},
		{"GetNetwork", map[string]any{"msisdn": "1", "MSISDN": "2"}, "invalid_params", "twice", false},
		{"GetVoucherType", map[string]any{"networkId": "two"}, "invalid_params", "networkId", false},
		{"GetVoucher", map[string]any{"networkId": "2", "vouchertype": "99999999999"}, "invalid_params", "vouchertype", false},
		{"GetTransactionCount", map[string]any{"startdate": "1.1.2016", "enddate": "2016-01-06"}, "invalid_params", "YYYY-MM-DD", false},
		{"GetTransactionInfo", map[string]any{"clientRef": ""}, "invalid_params", "clientRef", false},
		{"GetTransactionInfo", map[string]any{"clientRef": "none"}, "provider_refused", "no transaction information found", false},
		{"GetNetwork", map[string]any{"msisdn": "0831234567"}, "provider_refused", "invalid msisdn", false},
		{"GetNetworkList", nil, "provider_refused", "credentials", false},
		{"GetUserStatus", nil, "provider_error", "read", true},
		{"GetUserCredit", nil, "provider_error", "error", true},
		{"GetTransactionCount", map[string]any{"startdate": "2016-01-01", "enddate": "2016-01-06"}, "provider_unreachable", "answer", true},
	} {
		_, err := a.Lookup(t.Context(), test.action, test.params)
		var le *topup.LookupError
		if !errors.As(err, &le) || le.Code != test.code || !strings.Contains(le.Message, test.word) || le.Retryable != test.retryable {
			t.Errorf("%s %v: got %+v", test.action, test.params, err)
		}
	}
	if n := len(sim.Bookings()); n != 0 {
		t.Errorf("lookups made %d bookings", n)
	}
}

func TestAATBalanceAndTraits(t *testing.T) {
	t.Parallel()
	a, sim := newAAT(t, aatsim.Options{Balance: "22.50"}, "", clients.AATConfig{})
	if got, err := a.Balance(t.Context()); err != nil || got.String() != "22.50 ZAR" {
		t.Errorf("balance: %v, %v", got, err)
	}
	sim.Script(aatsim.Rule{Fault: "unauthorized"})
	if got, err := a.Balance(t.Context()); err == nil {
		t.Errorf("balance with bad credentials: %v", got)
	}
	traits := a.Traits()
	if traits.Name != topup.AAT || traits.Currency != "ZAR" || !traits.RefusesRepeat || !traits.RepeatKnownAfterSuccess || !traits.AbsenceByAnswer ||
		traits.Hold.Seconds() != 120 || len(traits.Actions) != 8 {
		t.Errorf("traits: %+v", traits)
	}
	var _ topup.Provider = a
}

func TestAATParseCallback(t *testing.T) {
	t.Parallel()
	a, _ := newAAT(t, aatsim.Options{}, "", clients.AATConfig{})
	ref, err := a.ParseCallback(nil, []byte(`{"ClientRef":"abcdefghij234567abcd","OrderRef":98187964,"Success":"false"}`))
	if err != nil || ref.Reference != aatReference || ref.TransactionID != "" {
		t.Errorf("got %+v, %v", ref, err)
	}
	if _, err := a.ParseCallback(nil, []byte(`{"Success":true}`)); !errors.Is(err, aat.ErrCallback) {
		t.Errorf("got %v", err)
	}
}
