package aatsim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// setup serves a simulator and returns it with a function that calls an operation by GET.
func setup(t *testing.T, o Options) (*Sim, *caller) {
	t.Helper()
	s := New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(s.Close)
	return s, &caller{t: t, base: server.URL + "/MobileRecharge.asmx/", client: server.Client(), server: server}
}

type caller struct {
	t      *testing.T
	base   string
	client *http.Client
	server *httptest.Server
}

const credentials = "username=u&password=p&"

// get calls an operation and returns the status and the body; status 0 stands for no answer.
func (c *caller) get(operation, query string) (int, string) {
	c.t.Helper()
	resp, err := c.client.Get(c.base + operation + "?" + credentials + query)
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

// errorText is the member Error of an answer, with its spaces.
func errorText(body string) string {
	_, rest, _ := strings.Cut(body, "<Error>")
	text, _, _ := strings.Cut(rest, "</Error>")
	return text
}

func member(body, name string) string {
	_, rest, _ := strings.Cut(body, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

// mtn is a number of MTN's, so that voucher 121 (R2) is sold to it.
const mtn = "27831234567"

func pinned(reference string) string {
	return "recipientMsisdn=" + mtn + "&voucherId=121&amount=2.00&clientRef=" + reference
}

func TestDocumentShape(t *testing.T) {
	t.Parallel()
	_, c := setup(t, Options{})
	status, body := c.get("GetNetwork", "msisdn=27831234567")
	want := "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n" +
		"<NetworkInfo xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" " +
		"xmlns=\"https://mobilerechargeapi.gsm.co.za/\">\r\n  <Id>2</Id>\r\n  <Name>MTN</Name>\r\n</NetworkInfo>"
	if status != 200 || body != want {
		t.Fatalf("got %d\n%s\nwant\n%s", status, body, want)
	}
	_, body = c.get("GetTransactionInfo", "clientRef=none")
	for _, part := range []string{"<Amount>0</Amount>", "<ExpiryDate>0001-01-01T00:00:00</ExpiryDate>", "<Error>no transaction information found</Error>"} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is missing in %s", part, body)
		}
	}
	if strings.Contains(body, "MSISDN") || strings.Contains(body, "Status") {
		t.Errorf("a null member is there: %s", body)
	}
}

// TestErrorTexts holds every error text of the guide against the simulator, stray spaces included.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{Balance: "1000"})
	c.get("PerformPinnedRecharge", pinned("used"))
	const to, bad = "recipientMsisdn=" + mtn, "recipientMsisdn=12345"
	notFixed := "This isn't a fixed amount voucher. You need to use the PerformPinlessRecharge, PerformPinnedRecharge, PerformPinnedRechargeWithoutMsisdn calls. "
	for _, test := range []struct{ operation, query, want string }{
		{"GetNetwork", "msisdn=27990000000", "no network found"},
		{"GetNetwork", "msisdn=0831234567", "invalid msisdn. "},
		{"GetVoucherType", "networkId=99", "no voucher types found for network. "},
		{"GetVoucher", "networkId=99&vouchertype=13", "no Network found. "},
		{"GetVoucher", "networkId=2&vouchertype=99", "no Voucher found. "},
		{"GetTransactionInfo", "clientRef=none", "no transaction information found"},

		{"PerformPinlessRecharge", to + "&voucherId=1&amount=2&clientRef=a", "voucher id doesn't exist for mobile network"},
		{"PerformPinnedRecharge", to + "&voucherId=1&amount=2&clientRef=a", "voucher id doesn't exist for mobile network MTN"},
		{"PerformPinnedRechargeWithoutMsisdn", "voucherId=1&amount=2&clientRef=a", "voucher id doesn't exist for mobile network MTN"},
		{"PerformPinlessRechargeFixedAmount", to + "&voucherId=1&clientRef=a", "voucher id doesn't exist for mobile network"},
		{"PerformPinnedRechargeFixedAmount", to + "&voucherId=1&clientRef=a", "voucher id doesn't exist for mobile network MTN"},
		{"PerformPinnedRechargeWithoutMsisdnFixedAmount", "voucherId=1&clientRef=a", "voucher id doesn't exist for mobile network MTN"},

		{"PerformPinlessRecharge", to + "&voucherId=2001&amount=1&clientRef=a", "invalid amount. Amount needs to be between R2 and R1000 (Max Recharge Amount Set: R1000)"},
		{"PerformPinnedRecharge", to + "&voucherId=121&amount=3&clientRef=a", "invalid amount. Amount needs to exactly be: 2"},
		{"PerformPinnedRechargeWithoutMsisdn", "voucherId=121&amount=3&clientRef=a", "invalid amount. Amount needs to exactly be: 2"},

		{"PerformPinlessRechargeFixedAmount", to + "&voucherId=2001&clientRef=a", notFixed},
		{"PerformPinnedRechargeFixedAmount", to + "&voucherId=121&clientRef=a", notFixed},
		{"PerformPinnedRechargeWithoutMsisdnFixedAmount", "voucherId=121&clientRef=a", notFixed},

		{"PerformPinlessRecharge", bad + "&voucherId=2001&amount=2&clientRef=a", "Invalid recharge Cell No provided"},
		{"PerformPinnedRecharge", bad + "&voucherId=121&amount=2&clientRef=a", "Invalid recharge Cell No provided"},
		{"PerformPinlessRechargeFixedAmount", bad + "&voucherId=2012&clientRef=a", "Invalid recharge Cell No provided"},
		{"PerformPinnedRechargeFixedAmount", bad + "&voucherId=2009&clientRef=a", "Invalid recharge Cell No provided"},

		{"PerformPinlessRecharge", to + "&voucherId=2001&amount=999&clientRef=a", "insufficient credit to complete the transaction. Current credit - R998"},

		{"PerformPinlessRecharge", to + "&voucherId=2001&amount=2&clientRef=used", "client reference already used "},
		{"PerformPinnedRecharge", pinned("used"), "client reference already used. "},
		{"PerformPinnedRechargeWithoutMsisdn", "voucherId=121&amount=2&clientRef=used", "client reference already use "},
		{"PerformPinlessRechargeFixedAmount", to + "&voucherId=2012&clientRef=used", "client reference already used "},
		{"PerformPinnedRechargeFixedAmount", to + "&voucherId=2009&clientRef=used", "client reference already used. "},
		{"PerformPinnedRechargeWithoutMsisdnFixedAmount", "voucherId=2009&clientRef=used", "client reference already use "},
	} {
		status, body := c.get(test.operation, test.query)
		if got := errorText(body); status != 200 || got != test.want {
			t.Errorf("%s?%s: got %d %q, want %q", test.operation, test.query, status, got, test.want)
		}
	}
	if n := len(s.Bookings()); n != 1 {
		t.Errorf("%d bookings after refusals, want 1", n)
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	_, c := setup(t, Options{Username: "u", Password: "other"})
	for operation, want := range map[string]string{
		"GetNetworkList": "unAuthorised user. ", "GetUserCredit": "unauthorized", "GetUserStatus": "unauthorized",
	} {
		if _, body := c.get(operation, ""); errorText(body) != want {
			t.Errorf("%s: got %q, want %q", operation, errorText(body), want)
		}
	}
	if _, body := c.get("PerformPinnedRecharge", pinned("a")); member(body, "TransactionError") != "true" {
		t.Errorf("a recharge with bad credentials: %s", body)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	_, c := setup(t, Options{})
	for query, want := range map[string]string{
		"":                               "Missing parameter: username.",
		"username=u":                     "Missing parameter: password.",
		credentials:                      "Missing parameter: recipientMsisdn.",
		credentials + "recipientMsisdn=": "Missing parameter: voucherId.",
		credentials + "recipientMsisdn=&voucherId=x":                        "Cannot convert x to System.Int32.",
		credentials + "recipientMsisdn=&voucherId=1&amount=&clientRef=a":    "Cannot convert  to System.Decimal.",
		credentials + "recipientMsisdn=&voucherId=1&amount=1e3&clientRef=a": "Cannot convert 1e3 to System.Decimal.",
	} {
		resp, err := c.client.Get(c.base + "PerformPinlessRecharge?" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 500 || !strings.HasPrefix(string(body), want) || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: got %d %q, want %q", query, resp.StatusCode, body, want)
		}
	}
	if status, body := c.get("NoSuchCall", ""); status != 500 || !strings.Contains(body, "unexpectedly ending in '/NoSuchCall'") {
		t.Errorf("unknown operation: got %d %q", status, body)
	}
	// Names in any case, and fmt that is no parameter.
	if _, body := c.get("GetNetwork", "MSISDN=27831234567&fmt=json"); member(body, "Name") != "MTN" {
		t.Errorf("names in another case: %s", body)
	}
	// The invariant culture takes a comma for a thousands separator.
	c.get("PerformPinlessRecharge", "recipientMsisdn="+mtn+"&voucherId=2001&amount=2,50&clientRef=comma")
	if _, body := c.get("GetTransactionInfo", "clientref=comma"); member(body, "Amount") != "250" {
		t.Errorf("2,50 was booked as %q", member(body, "Amount"))
	}
}

func TestFormPost(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{})
	form := url.Values{"username": {"u"}, "password": {"p"}, "recipientMsisdn": {mtn}, "voucherId": {"121"}, "amount": {"2"}, "clientRef": {"post"}}
	resp, err := c.client.PostForm(c.base+"PerformPinnedRecharge", form)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || member(string(body), "TransactionError") != "false" {
		t.Fatalf("got %s (%v)", body, err)
	}
	if b := s.Bookings(); len(b) != 1 || b[0].Reference != "post" || b[0].Amount != "2" {
		t.Errorf("bookings: %+v", b)
	}
	// The form alone counts, as for the real binding.
	resp, err = c.client.PostForm(c.base+"GetNetwork?"+credentials+"msisdn="+mtn, url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 500 {
		t.Errorf("parameters in the query of a POST: got %d", resp.StatusCode)
	}
}

func TestCredit(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s, c := setup(t, Options{Balance: "10.50", Clock: clock.Now})
	s.Script(Rule{Match: Match{Reference: "second"}, Fault: "reverse", Delay: time.Hour})
	c.get("PerformPinnedRecharge", pinned("first"))
	c.get("PerformPinnedRecharge", pinned("second"))
	c.get("PerformPinlessRecharge", "recipientMsisdn="+mtn+"&voucherId=2001&amount=2.25&clientRef=third")
	if got := s.Balance(); got != "4.25" {
		t.Errorf("credit is %s after 2 + 2 + 2.25, want 4.25", got)
	}
	if _, body := c.get("GetUserCredit", ""); member(body, "RemainingCredit") != "4.25" || member(body, "Id") != "1" {
		t.Errorf("GetUserCredit: %s", body)
	}
	clock.Advance(time.Hour)
	if got := s.Balance(); got != "6.25" {
		t.Errorf("credit is %s after the reversal, want 6.25", got)
	}
	s.SetBalance("1")
	_, body := c.get("PerformPinnedRecharge", pinned("fourth"))
	if got := errorText(body); got != "insufficient credit to complete the transaction. Current credit - R1" {
		t.Errorf("got %q", got)
	}
	_, body = c.get("GetTransactionCount", "startdate=2026-11-23&enddate=2026-11-23")
	if member(body, "Transactions") != "3" || member(body, "Start") != "2026-11-23T00:00:00" {
		t.Errorf("GetTransactionCount: %s", body)
	}
	if _, body = c.get("GetTransactionCount", "startdate=2026-11-24&enddate=2026-11-30"); member(body, "Transactions") != "0" {
		t.Errorf("GetTransactionCount of other days: %s", body)
	}
}

func TestSixCalls(t *testing.T) {
	t.Parallel()
	s, c := setup(t, Options{Balance: "1000"})
	const to = "recipientMsisdn=" + mtn + "&"
	for _, test := range []struct {
		operation, query, amount string
		pin, number              bool
	}{
		{"PerformPinlessRecharge", to + "voucherId=2001&amount=7.50", "7.50", false, true},
		{"PerformPinnedRecharge", to + "voucherId=120&amount=5", "5", true, true},
		{"PerformPinnedRechargeWithoutMsisdn", "voucherId=121&amount=2.00", "2.00", true, false},
		{"PerformPinlessRechargeFixedAmount", to + "voucherId=2013", "60.00", false, true},
		{"PerformPinnedRechargeFixedAmount", to + "voucherId=2010", "29.00", true, true},
		{"PerformPinnedRechargeWithoutMsisdnFixedAmount", "voucherId=2009", "12.00", true, false},
	} {
		_, body := c.get(test.operation, test.query+"&clientRef="+test.operation)
		pin := member(body, "VoucherPin")
		if member(body, "TransactionError") != "false" || (pin != "") != test.pin || test.pin && !strings.HasPrefix(pin, "0000000") {
			t.Errorf("%s: %s", test.operation, body)
		}
		if !strings.HasSuffix(member(body, "TicketNumber"), " ") {
			t.Errorf("%s: no stray space: %s", test.operation, body)
		}
		_, told := c.get("GetTransactionInfo", "clientRef="+test.operation)
		if member(told, "Amount") != test.amount {
			t.Errorf("%s: amount %s, want %s", test.operation, member(told, "Amount"), test.amount)
		}
		if member(told, "Status") != "OK" || strings.TrimSpace(member(told, "VoucherPin")) != pin || (member(told, "MSISDN") == mtn) != test.number ||
			member(told, "OrderRef") != member(body, "OrderRef") {
			t.Errorf("%s: told %s", test.operation, told)
		}
	}
	total := 0
	for _, b := range s.Bookings() {
		if b.State != "booked" || b.Count != 1 || b.Currency != "ZAR" || b.TransactionID == "" {
			t.Errorf("booking %+v", b)
		}
		total++
	}
	if total != 6 || s.Balance() != "884.5" {
		t.Errorf("%d bookings, credit %s, want 6 and 884.5", total, s.Balance())
	}
}
