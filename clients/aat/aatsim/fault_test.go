package aatsim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestDeliveryFaults: what each fault answers to a recharge, and whether it is in the books.
func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   Rule
		status int
		part   string
		count  int
	}{
		{Rule{Fault: ""}, 200, "<TransactionError>false", 1},
		{Rule{Fault: "slow", Delay: time.Millisecond}, 200, "<TransactionError>false", 1},
		{Rule{Fault: "timeout_before", Delay: time.Millisecond}, 0, "", 0},
		{Rule{Fault: "timeout_after", Delay: time.Millisecond}, 0, "", 1},
		{Rule{Fault: "cut_before"}, 0, "", 0},
		{Rule{Fault: "cut_after"}, 0, "", 1},
		{Rule{Fault: "drop_kept_alive_after"}, 200, "<TransactionError>false", 1}, // a fresh connection
		{Rule{Fault: "http_500_before"}, 500, "System.NullReferenceException", 0},
		{Rule{Fault: "http_500_after"}, 500, "System.NullReferenceException", 1},
		{Rule{Fault: "http_502_html_after"}, 502, "<html>", 1},
		{Rule{Fault: "http_503_after"}, 503, "<html>", 1},
		{Rule{Fault: "http_504_after"}, 504, "<html>", 1},
		{Rule{Fault: "empty"}, 200, "", 1},
		{Rule{Fault: "empty_element"}, 200, "gsm.co.za/\" />", 1},
		{Rule{Fault: "html"}, 200, "<html>", 1},
		{Rule{Fault: "wrong_types"}, 200, "<TransactionError>abc<", 1},
		{Rule{Fault: "duplicate_keys"}, 200, "<TransactionError>false</TransactionError>\r\n  <TransactionError>true<", 1},
		{Rule{Fault: "drip", Delay: time.Microsecond}, 200, "<TransactionError>false", 1},
		{Rule{Fault: "unauthorized"}, 200, "<Error>unauthorized<", 0},
		{Rule{Fault: "unauthorized", Status: 401}, 401, "unauthorized", 0},
		{Rule{Fault: "duplicate"}, 200, "<Error>client reference already used. <", 0},
		{Rule{Fault: "insufficient"}, 200, "Current credit - R1000<", 0},
		{Rule{Fault: "error", Body: "network is down & out"}, 200, "<Error>network is down &amp; out<", 0},
		{Rule{Fault: "error", Code: "by code"}, 200, "<Error>by code<", 0},
		{Rule{Fault: "error", Status: 418, Body: "teapot"}, 418, "teapot", 0},
		{Rule{Fault: "error", Body: "<Other/>"}, 200, "<Other/>", 0},
	} {
		t.Run(test.rule.Fault+test.rule.Code, func(t *testing.T) {
			t.Parallel()
			s, c := setup(t, Options{Balance: "1000"})
			test.rule.Match, test.rule.Times = Match{Reference: "r*", Path: "*Perform*"}, 1
			s.Script(test.rule)
			// POST: net/http would repeat a GET by itself.
			status, body := c.post("PerformPinnedRecharge", pinned("ref"))
			if status != test.status || !strings.Contains(body, test.part) {
				t.Errorf("got %d %q, want %d %q", status, body, test.status, test.part)
			}
			count := 0
			for _, b := range s.Bookings() {
				count += b.Count
			}
			if count != test.count {
				t.Errorf("booked %d times, want %d", count, test.count)
			}
			if r := s.Requests(); len(r) != 1 || r[0].Reference != "ref" || r[0].Path != "/MobileRecharge.asmx/PerformPinnedRecharge" || r[0].Status != test.status {
				t.Errorf("requests: %+v", r)
			}
		})
	}
}

// post calls an operation with a form.
func (c *caller) post(operation, form string) (int, string) {
	c.t.Helper()
	resp, err := c.client.Post(c.base+operation, "application/x-www-form-urlencoded", strings.NewReader(credentials+form))
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, string(body)
	}
	return resp.StatusCode, string(body)
}

func TestTruncatedAndHuge(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	s.Script(Rule{Match: Match{Path: "*"}, Fault: "truncated", Times: 1})
	_, whole := c.get("GetUserStatus", "")
	_, body := c.get("GetUserStatus", "")
	if len(whole) >= len(body) || !strings.HasPrefix(body, whole) {
		t.Errorf("%q is not the beginning of %q", whole, body)
	}
	s.Script(Rule{Match: Match{Path: "*Status"}, Fault: "huge", Times: 1})
	resp, err := c.client.Get(c.base + "GetUserStatus?" + credentials)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.CopyN(io.Discard, resp.Body, 8<<20); err != nil {
		t.Errorf("only %d bytes of a huge answer: %v", n, err)
	}
}

func TestTimeoutLastsUntilTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	s.Script(Rule{Fault: "timeout_after", Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"PerformPinnedRecharge?"+credentials+pinned("ref"), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for len(s.Bookings()) == 0 {
			runtime.Gosched()
		}
		cancel()
	}()
	if resp, err := c.client.Do(req); !errors.Is(err, context.Canceled) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("got %v, want no answer", err)
	}
	if b := s.Bookings(); len(b) != 1 || b[0].Count != 1 {
		t.Errorf("bookings: %+v", b)
	}
}

func TestRedirectKeepsTheBooking(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.Script(Rule{Fault: "redirect"})
	if status, _ := c.get("PerformPinnedRecharge", pinned("ref")); status != 307 || len(s.Bookings()) != 1 {
		t.Errorf("got %d, bookings %+v", status, s.Bookings())
	}
}

// TestNaiveClientSendsTwice shows that the fault finds what it is for: a client that pays by GET on a connection it
// has used before sends a second recharge without knowing.
func TestNaiveClientSendsTwice(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	c.get("GetUserStatus", "")
	s.Script(Rule{Match: Match{Path: "*Perform*"}, Fault: "drop_kept_alive_after", Times: 1})
	_, body := c.get("PerformPinnedRecharge", pinned("ref"))
	if performed(s) != 2 || errorText(body) != "client reference already used. " {
		t.Errorf("%d recharges were sent, the answer was %s", performed(s), body)
	}
}

func performed(s *Sim) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.Contains(r.Path, "/Perform") {
			n++
		}
	}
	return n
}

func TestStatusFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   Rule
		member string
		want   []string
	}{
		{Rule{Fault: "unknown_status"}, "Status", []string{"Queued", "Queued"}},
		{Rule{Fault: "unknown_status", Code: "Parked"}, "Status", []string{"Parked"}},
		{Rule{Fault: "flip_flop"}, "Status", []string{"OK", "Failed", "OK", "Failed"}},
		{Rule{Fault: "other_amount"}, "Amount", []string{"4.00"}},
		{Rule{Fault: "other_number"}, "MSISDN", []string{"27830000001"}},
		{Rule{Fault: "other_reference"}, "OrderRef", []string{"98187965"}},
		{Rule{Fault: "not_found"}, "Status", []string{"", ""}},
		{Rule{Fault: "not_found", Times: 1}, "Status", []string{"", "OK"}},
	} {
		t.Run(test.rule.Fault, func(t *testing.T) {
			t.Parallel()
			s, c := setup(t, Options{})
			c.get("PerformPinnedRecharge", pinned("ref"))
			test.rule.Match.Recipient = "+2783*"
			s.Script(test.rule)
			for i, want := range test.want {
				if _, body := c.get("GetTransactionInfo", "clientRef=ref"); member(body, test.member) != want {
					t.Errorf("question %d: %s is %q, want %q", i+1, test.member, member(body, test.member), want)
				}
			}
			if b := s.Bookings(); b[0].State != "booked" || b[0].Amount != "2.00" {
				t.Errorf("the books changed: %+v", b)
			}
		})
	}
}

func TestTransactionFaults(t *testing.T) {
	t.Parallel()
	const delay = 10 * time.Minute
	for _, test := range []struct {
		rule          Rule
		status        int
		before, after string
		bookingBefore string
		bookingAfter  string
		count         int
	}{
		{Rule{Fault: "pending"}, 0, "", "OK", "pending", "booked", 1},
		{Rule{Fault: "pending", Code: "failed"}, 0, "", "Failed", "pending", "failed", 0},
		{Rule{Fault: "pending", Code: "refunded"}, 0, "", "Refunded", "pending", "refunded", 0},
		{Rule{Fault: "fail"}, 0, "", "Failed", "pending", "failed", 0},
		{Rule{Fault: "reverse"}, 200, "OK", "Refunded", "booked", "refunded", 1},
		{Rule{Fault: "reverse", Code: "failed"}, 200, "OK", "Failed", "booked", "failed", 1},
		{Rule{Fault: "not_found"}, 200, "", "OK", "booked", "booked", 1},
	} {
		t.Run(test.rule.Fault+test.rule.Code, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s, c := setup(t, Options{Clock: clock.Now})
			test.rule.Delay = delay
			s.Script(test.rule)
			if status, _ := c.post("PerformPinnedRecharge", pinned("ref")); status != test.status {
				t.Errorf("got status %d, want %d", status, test.status)
			}
			clock.Advance(delay - 1)
			c.told(test.before)
			if b := s.Bookings()[0]; b.State != test.bookingBefore {
				t.Errorf("before: %+v, want %s", b, test.bookingBefore)
			}
			clock.Advance(1)
			c.told(test.after)
			if b := s.Bookings()[0]; b.State != test.bookingAfter || b.Count != test.count {
				t.Errorf("after: %+v, want %s, count %d", b, test.bookingAfter, test.count)
			}
		})
	}
}

// told checks what GetTransactionInfo says of "ref": its Status, or with "" that there is no such transaction.
func (c *caller) told(status string) {
	c.t.Helper()
	_, body := c.get("GetTransactionInfo", "clientRef=ref")
	if member(body, "Status") != status || status == "" && errorText(body) != "no transaction information found" {
		c.t.Errorf("told %s, want Status %q", body, status)
	}
}

// TestReferenceRules: one that failed may be used again, one that succeeded never, and one still at work is no
// protection.
func TestReferenceRules(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s, c := setup(t, Options{Clock: clock.Now})
	s.Script(Rule{Match: Match{Reference: "failed"}, Fault: "fail", Times: 1})
	s.Script(Rule{Match: Match{Reference: "taken-back"}, Fault: "reverse", Delay: time.Second, Times: 1})
	s.Script(Rule{Match: Match{Reference: "at-work"}, Fault: "pending", Delay: time.Minute, Times: 1})
	for _, reference := range []string{"failed", "taken-back", "at-work"} {
		c.post("PerformPinnedRecharge", pinned(reference))
	}
	clock.Advance(time.Second)
	for reference, want := range map[string]string{"failed": "", "taken-back": "client reference already used. ", "at-work": ""} {
		if _, body := c.post("PerformPinnedRecharge", pinned(reference)); errorText(body) != want {
			t.Errorf("%s again: got %q, want %q", reference, errorText(body), want)
		}
	}
	clock.Advance(time.Minute)
	for _, b := range s.Bookings() {
		if want := map[string]int{"failed": 1, "taken-back": 1, "at-work": 2}[b.Reference]; b.Count != want {
			t.Errorf("%s was booked %d times, want %d", b.Reference, b.Count, want)
		}
	}
}

func TestMagic(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		digits       string
		status       int
		first, later string
		count        int
	}{
		{"9000", 200, "OK", "OK", 1},
		{"9001", 0, "", "OK", 1},
		{"9002", 0, "", "Failed", 0},
		{"9003", 0, "OK", "OK", 1},
		{"9004", 0, "", "", 0},
		{"9005", 200, "", "", 0},
		{"9006", 200, "OK", "Refunded", 1},
		{"9007", 500, "OK", "OK", 1},
		{"9008", 500, "", "", 0},
		{"9009", 200, "OK", "OK", 1},
		{"9010", 200, "OK", "OK", 1},
		{"9011", 200, "OK", "OK", 1},
		{"9012", 0, "", "OK", 1},
	} {
		t.Run(test.digits, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			s, c := setup(t, Options{Clock: clock.Now, Magic: true, ReverseAfter: 3 * time.Second})
			order := "recipientMsisdn=2783000" + test.digits + "&voucherId=121&amount=2&clientRef=ref"
			if status, _ := c.post("PerformPinnedRecharge", order); status != test.status {
				t.Errorf("got status %d, want %d", status, test.status)
			}
			c.told(test.first)
			clock.Advance(3 * time.Second)
			c.told(test.later)
			count := 0
			for _, b := range s.Bookings() {
				count += b.Count
			}
			if count != test.count {
				t.Errorf("booked %d times, want %d", count, test.count)
			}
		})
	}
}

func TestEmptyMatch(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	s.Script(Rule{Fault: "http_500_before"})
	for operation, want := range map[string]int{"GetUserStatus": 200, "GetTransactionInfo": 500, "PerformPinnedRecharge": 500} {
		if status, _ := c.get(operation, pinned("ref")); status != want {
			t.Errorf("%s: got %d, want %d", operation, status, want)
		}
	}
	s.Reset()
	s.Script(Rule{Fault: "unauthorized"})
	if _, body := c.get("GetUserStatus", ""); errorText(body) != "unauthorized" {
		t.Errorf("unauthorized for everything: %s", body)
	}
}
