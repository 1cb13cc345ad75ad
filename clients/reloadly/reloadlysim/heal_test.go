package reloadlysim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"topupq/clients/reloadly/reloadlysim"
)

// TestHeal drops the rules: a call that failed before is answered afterwards.
func TestHeal(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: "*"}, Fault: "http_500_before"})
	status := func() int {
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/accounts/balance", nil))
		return w.Code
	}
	if got := status(); got != http.StatusInternalServerError {
		t.Fatalf("the rule gave %d", got)
	}
	sim.Heal()
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("healed, and still %d", got)
	}
}
