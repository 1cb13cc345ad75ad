package aatsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestControl(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{Magic: true})
	call := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, test := range []struct {
		path, body string
		want       int
	}{
		{"/_sim/script", `{"match":{"reference":"r*","path":"*Perform*"},"fault":"error","times":1,"delay":"1ms","status":503,"code":"c","body":"b"}`, 204},
		{"/_sim/script", `{"fault":"no_such"}`, 400},
		{"/_sim/script", `{"fault":"pending","delay":"2"}`, 400},
		{"/_sim/script", `{"folt":"pending"}`, 400},
		{"/_sim/balance", `{"balance":"12.50"}`, 204},
		{"/_sim/balance", `{"balance":"much"}`, 400},
		{"/_sim/callback", `{"url":"http://127.0.0.1:1/"}`, 204},
		{"/_sim/callback", `{"url":""}`, 204},
		{"/_sim/nothing", ``, 404},
	} {
		if status, body := call(http.MethodPost, test.path, test.body); status != test.want {
			t.Errorf("%s %s: got %d %s, want %d", test.path, test.body, status, body, test.want)
		}
	}
	if status, _ := c.get("PerformPinnedRecharge", pinned("ref")); status != 503 {
		t.Errorf("the scripted error did not come: %d", status)
	}
	c.get("PerformPinnedRecharge", pinned("ref"))
	if _, body := call(http.MethodGet, "/_sim/bookings", ""); !strings.Contains(body, `"reference":"ref","recipient":"27831234567","amount":"2.00","currency":"ZAR","state":"booked","count":1`) {
		t.Errorf("bookings: %s", body)
	}
	if _, body := call(http.MethodGet, "/_sim/requests", ""); strings.Count(body, `"status":503`) != 1 || strings.Contains(body, "password") {
		t.Errorf("requests: %s", body)
	}
	var list []struct{ Name, Description string }
	_, body := call(http.MethodGet, "/_sim/faults", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != len(faults)+len(s.magicNumbers()) {
		t.Errorf("%d faults (%v): %s", len(list), err, body)
	}
	if status, _ := call(http.MethodPost, "/_sim/reset", ""); status != 204 || len(s.Bookings()) != 0 || len(s.Requests()) != 0 || s.Balance() != DefaultBalance {
		t.Errorf("after reset: %d, %v, %v, %s", status, s.Bookings(), s.Requests(), s.Balance())
	}
}
