package aatsim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestCallbacks(t *testing.T) {
	t.Parallel()
	got := make(chan map[string]any, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("call-back is not JSON: %v", err)
		}
		got <- body
	}))
	t.Cleanup(receiver.Close)
	clock := newClock()
	s, c := setup(t, Options{Clock: clock.Now, CallbackURL: receiver.URL})
	s.Script(Rule{Match: Match{Reference: "late"}, Fault: "reverse", Delay: time.Hour})
	s.Script(Rule{Match: Match{Reference: "twice"}, Fault: "callback_twice"})

	c.get("PerformPinnedRecharge", pinned("late"))
	body := <-got
	for name, want := range map[string]any{
		"ClientRef": "late", "MSISDN": mtn, "Amount": 2.0, "VoucherType": "13", "Description": "Airtime Voucher",
		"Network": "MTN", "Success": true, "OrderRef": "98187964", "TransactionId": "123456",
	} {
		if body[name] != want {
			t.Errorf("%s is %v, want %v", name, body[name], want)
		}
	}
	clock.Advance(time.Hour)
	s.Settle()
	if body = <-got; body["Success"] != false || body["ClientRef"] != "late" || body["FailReason"] != "Transaction refunded" {
		t.Errorf("late failure: %v", body)
	}
	c.get("PerformPinnedRecharge", pinned("twice"))
	if first, second := <-got, <-got; first["ClientRef"] != "twice" || second["ClientRef"] != "twice" {
		t.Errorf("twice: %v, %v", first, second)
	}
	s.SetCallbackURL("")
	c.get("PerformPinnedRecharge", pinned("silent"))
	s.Close()
	if len(got) != 0 {
		t.Errorf("%d call-backs too many", len(got))
	}
}

func TestCloseStopsTimers(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{CallbackURL: "http://127.0.0.1:1/"})
	s.Script(Rule{Fault: "reverse", Delay: time.Hour})
	c.get("PerformPinnedRecharge", pinned("ref"))
	s.Close() // waits for what runs, not for the hour
}
