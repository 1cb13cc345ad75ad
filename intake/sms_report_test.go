package intake_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
)

// reportAPI takes reports whose body is a list of [reference, status].
func reportAPI(t *testing.T) (*api, *counter) {
	t.Helper()
	counts := &counter{n: map[string]int{}}
	a := newAPI(t, func(c *intake.Config) {
		c.Count = counts.count
		c.Reports = intake.ReportSettings{Token: "sesame", Read: func(body []byte) ([]topup.SMSReport, error) {
			var list [][2]string
			if err := json.Unmarshal(body, &list); err != nil {
				return nil, errors.New("no list")
			}
			var out []topup.SMSReport
			for _, pair := range list {
				out = append(out, topup.SMSReport{Topup: topup.ID(pair[0]), Message: "m", Status: pair[1]})
			}
			return out, nil
		}}
	})
	return a, counts
}

// TestSMSReports: a report is written down and counted, and changes nothing; one that nobody knows is taken all the
// same, since a refusal would lose the next.
func TestSMSReports(t *testing.T) {
	t.Parallel()
	a, counts := reportAPI(t)
	id := a.do("POST", "/v1/topups", `{"reference":"v","recipient":"+27831234567","amount":"2","currency":"ZAR","product":{"recharge":"pinned","deliver_pin":"sms"}}`).want(202).text("id")
	plain := a.do("POST", "/v1/topups", good("p")).want(202).text("id")
	before := *a.store.topups[topup.ID(id)]
	path := "/v1/providers/bulksms/callback/sesame"
	post := func(body string) answer { return a.do("POST", path, body, "Authorization", "") }
	post(`[]`).want(200)
	post(`[["` + id + `","SENT"],["` + id + `","SENT"],["nobody","SENT"],["","RECEIVED"],["` + plain + `","SENT"],["` + string(topup.NewID("x", "y")) + `","SENT"]]`).want(200)
	post(`[["` + id + `","DELIVERED"]]`).want(200)
	post(`{}`).problem(400, "malformed")
	want := map[string]int{
		"provider_callback bulksms_taken": 2, "provider_callback bulksms_repeated": 1, "provider_callback bulksms_unknown": 4,
		"provider_callback bulksms_unreadable": 1, "sms_report SENT": 1, "sms_report DELIVERED": 1,
	}
	if d := cmp.Diff(want, counts.n); d != "" {
		t.Error(d)
	}
	if r := a.store.reports[topup.ID(id)]; r.Status != "DELIVERED" || !r.At.Equal(start) {
		t.Errorf("%+v", r)
	}
	if after := a.store.topups[topup.ID(id)]; after.State != before.State || after.Version() != before.Version() || len(a.ring.checks) != 0 {
		t.Error("a report has changed the sale")
	}
	a.store.down = func(string, int) error { return errAway }
	post(`[["`+id+`","DELIVERED"]]`).problem(503, "unavailable")
}

func TestForgedSMSReports(t *testing.T) {
	t.Parallel()
	a, counts := reportAPI(t)
	for _, path := range []string{"/v1/providers/bulksms/callback/wrong", "/v1/providers/bulksms/callback"} {
		a.do("POST", path, `[]`, "Authorization", "").problem(401, "unauthorized")
	}
	b := newAPI(t)
	b.do("POST", "/v1/providers/bulksms/callback/", `[]`, "Authorization", "").problem(404, "not_found")
	b.do("POST", "/v1/providers/bulksms/callback/any", `[]`, "Authorization", "").problem(401, "unauthorized")
	if counts.n["provider_callback bulksms_forged"] != 2 || len(a.store.notes) != 0 {
		t.Errorf("%v, %d notes", counts.n, len(a.store.notes))
	}
}

// TestSMSNeedsAProvider: what cannot be delivered is not accepted.
func TestSMSNeedsAProvider(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.NoSMS = true })
	body := `{"reference":"v","recipient":"+27831234567","amount":"2","currency":"ZAR","product":{"recharge":"pinned","deliver_pin":"sms"}}`
	if d := cmp.Diff([]string{"product.deliver_pin"}, a.do("POST", "/v1/topups", body).problem(422, "provider_not_configured")); d != "" {
		t.Error(d)
	}
}
