package aatsim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"topupq/clients/aat/aatsim"
)

// TestLostAnswerThatDrips gives one call two faults: its answer is lost, so there is nothing to drip.
func TestLostAnswerThatDrips(t *testing.T) {
	t.Parallel()
	sim := aatsim.New(aatsim.Options{})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	sim.Script(aatsim.Rule{Fault: "pending", Delay: time.Hour})
	sim.Script(aatsim.Rule{Fault: "drip", Delay: time.Millisecond})
	call := func(operation string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/MobileRecharge.asmx/"+operation, nil)
		if err != nil {
			t.Fatal(err)
		}
		return server.Client().Do(req)
	}
	resp, err := call("PerformPinlessRecharge?username=u&password=p&recipientMsisdn=27821234567&voucherId=1001&amount=10&clientRef=r1")
	if err == nil {
		resp.Body.Close()
		t.Errorf("answered with %s", resp.Status)
	}
	sim.Heal()
	if resp, err = call("GetUserCredit?username=u&password=p"); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("healed, and answered with %s", resp.Status)
	}
}
