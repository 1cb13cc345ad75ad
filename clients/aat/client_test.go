package aat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"topupq/clients/internal/httpcall"
)

// canary is the password of every test; it may appear in a request and nowhere else.
const canary = "cana/ry&pass+wörd"

func newTestClient(t testing.TB, base, method string) *Client {
	t.Helper()
	c, err := New(Config{BaseURL: base, Method: method, Username: "user", Password: canary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve answers every call with status and body.
func serve(t testing.TB, status int, contentType string, body []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/MobileRecharge.asmx"
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// testCall is one of the fourteen calls with what it must send.
type testCall struct {
	name   string
	params url.Values
	pays   bool
	call   func(context.Context, *Client) (any, error)
}

func testCalls() []testCall {
	r := RechargeRequest{RecipientMSISDN: "27831234567", VoucherID: 121, Amount: decimal.RequireFromString("2"), ClientRef: "ref-1"}
	number, amount := url.Values{"recipientMsisdn": {"27831234567"}}, url.Values{"amount": {"2.00"}}
	perform := func(name string, call func(*Client, context.Context, RechargeRequest) (RechargeInfo, error), parts ...url.Values) testCall {
		params := url.Values{"voucherId": {"121"}, "clientRef": {"ref-1"}}
		for _, p := range parts {
			for name, v := range p {
				params[name] = v
			}
		}
		return testCall{name, params, true, func(ctx context.Context, c *Client) (any, error) { return call(c, ctx, r) }}
	}
	start, end := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2016, 1, 6, 0, 0, 0, 0, time.UTC)
	return []testCall{
		{"GetNetwork", url.Values{"msisdn": {"27810000000"}}, false, func(ctx context.Context, c *Client) (any, error) { return c.GetNetwork(ctx, "27810000000") }},
		{"GetNetworkList", nil, false, func(ctx context.Context, c *Client) (any, error) { return c.GetNetworkList(ctx) }},
		{"GetVoucherType", url.Values{"networkId": {"2"}}, false, func(ctx context.Context, c *Client) (any, error) { return c.GetVoucherType(ctx, 2) }},
		{"GetVoucher", url.Values{"networkId": {"2"}, "vouchertype": {"13"}}, false, func(ctx context.Context, c *Client) (any, error) { return c.GetVoucher(ctx, 2, 13) }},
		perform("PerformPinlessRecharge", (*Client).PerformPinlessRecharge, number, amount),
		perform("PerformPinnedRecharge", (*Client).PerformPinnedRecharge, number, amount),
		perform("PerformPinnedRechargeWithoutMsisdn", (*Client).PerformPinnedRechargeWithoutMsisdn, amount),
		perform("PerformPinlessRechargeFixedAmount", (*Client).PerformPinlessRechargeFixedAmount, number),
		perform("PerformPinnedRechargeFixedAmount", (*Client).PerformPinnedRechargeFixedAmount, number),
		perform("PerformPinnedRechargeWithoutMsisdnFixedAmount", (*Client).PerformPinnedRechargeWithoutMsisdnFixedAmount),
		{"GetUserCredit", nil, false, func(ctx context.Context, c *Client) (any, error) { return c.GetUserCredit(ctx) }},
		{"GetTransactionInfo", url.Values{"clientRef": {"ref-1"}}, false, func(ctx context.Context, c *Client) (any, error) { return c.GetTransactionInfo(ctx, "ref-1") }},
		{"GetTransactionCount", url.Values{"startdate": {"2016-01-01"}, "enddate": {"2016-01-06"}}, false, func(ctx context.Context, c *Client) (any, error) { return c.GetTransactionCount(ctx, start, end) }},
		{"GetUserStatus", nil, false, func(ctx context.Context, c *Client) (any, error) { return c.GetUserStatus(ctx) }},
	}
}

// TestRequests: every call sends its own parameters and the credentials, in the query or in the form.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		got := make(chan *http.Request, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.PostForm, err = url.ParseQuery(string(body))
			if err != nil {
				t.Error(err)
			}
			got <- r
		}))
		t.Cleanup(server.Close)
		c := newTestClient(t, server.URL+"/MobileRecharge.asmx/", method)
		for _, call := range testCalls() {
			if _, err := call.call(t.Context(), c); err == nil {
				t.Errorf("%s: an empty answer was no error", call.name)
			}
			r := <-got
			want, none := url.Values{"username": {"user"}, "password": {canary}}, url.Values{}
			for name, v := range call.params {
				want[name] = v
			}
			query, form := want, none
			if method == http.MethodPost {
				query, form = none, want
			}
			if r.Method != method || r.URL.Path != "/MobileRecharge.asmx/"+call.name || !cmp.Equal(r.URL.Query(), query) || !cmp.Equal(r.PostForm, form) {
				t.Errorf("%s %s: got %s with query %v and form %v", method, call.name, r.URL.Path, r.URL.Query(), r.PostForm)
			}
			if method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s: content type %q", call.name, r.Header.Get("Content-Type"))
			}
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Username: "user", Password: canary}
	if c, err := New(good); err != nil || c.base != DefaultBaseURL || c.method != http.MethodGet {
		t.Fatalf("the defaults: %v", err)
	}
	for name, cfg := range map[string]Config{
		"no username":    {Password: canary},
		"no password":    {Username: "user"},
		"no host":        {Username: "user", Password: canary, BaseURL: "MobileRecharge.asmx"},
		"other scheme":   {Username: "user", Password: canary, BaseURL: "ftp://host/x.asmx"},
		"query":          {Username: "user", Password: canary, BaseURL: "https://host/x.asmx?a=b"},
		"user in URL":    {Username: "user", Password: canary, BaseURL: "https://a:b@host/x.asmx"},
		"unknown method": {Username: "user", Password: canary, Method: "PUT"},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAmountText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"2": "2.00", "2.5": "2.50", "1000000": "1000000.00", "5e1": "50.00", "2.005": "2.005"} {
		if got := amountText(decimal.RequireFromString(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestStatusErrors: whatever the status, it is an error that says the status, and the text of a missing parameter.
func TestStatusErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status      int
		contentType string
		body, want  string
	}{
		{500, "text/plain; charset=utf-8", "Missing parameter: voucherId.\r\n", "Missing parameter: voucherId."},
		{500, "text/plain; charset=utf-8", "Cannot convert abc to System.Int32.\r\nParameter name: type", "Cannot convert abc to System.Int32."},
		{500, "text/plain", "refused for " + canary + " and " + url.QueryEscape(canary), "refused for [redacted] and [redacted]"},
		{500, "text/html", "<html>" + canary + "</html>", ""},
		{502, "text/html", "", ""},
		{301, "text/html", "", ""},
		{204, "text/xml", "", ""},
	} {
		c := newTestClient(t, serve(t, test.status, test.contentType, []byte(test.body)), "")
		_, err := c.PerformPinlessRecharge(t.Context(), RechargeRequest{})
		var se *StatusError
		if !errors.As(err, &se) || se.Status != test.status || se.Text != test.want || se.Op != "PerformPinlessRecharge" || !Reached(err) {
			t.Errorf("%d %q: got %+v", test.status, test.body, err)
		}
	}
	long := newTestClient(t, serve(t, 500, "text/plain", []byte(strings.Repeat("é", 500))), "")
	_, err := long.GetUserStatus(t.Context())
	var se *StatusError
	if !errors.As(err, &se) || len(se.Text) > maxStatusText || strings.Trim(se.Text, "é") != "" {
		t.Errorf("long text: %+v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-1": 0, "99999999": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {in}}); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

// echo serves reply, which gets the query and the password in plain.
func echo(t *testing.T, reply func(http.ResponseWriter, *http.Request, string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, r.URL.RawQuery+" "+r.URL.Query().Get("password"))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/x.asmx"
}

// raw writes text, with what is to be echoed in it, to the connection and closes it.
func raw(t *testing.T, text string) func(http.ResponseWriter, *http.Request, string) {
	t.Helper()
	return func(w http.ResponseWriter, _ *http.Request, secret string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, text, secret)
	}
}

// TestCanary: the password is in no error, whatever the other side does with it.
func TestCanary(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{
		"no such host":     "http://host.invalid/x.asmx",
		"refused":          "http://" + closedPort(t) + "/x.asmx",
		"cut":              echo(t, raw(t, "%.0s")),
		"malformed status": echo(t, raw(t, "HTTP/1.1 %s\r\n\r\n")),
		"malformed header": echo(t, raw(t, "HTTP/1.1 200 OK\r\n%s\r\n\r\n")),
		"not HTTP":         echo(t, raw(t, "%s\r\n\r\n")),
		"plain text":       echo(t, func(w http.ResponseWriter, _ *http.Request, s string) { http.Error(w, s, 500) }),
		"html":             echo(t, func(w http.ResponseWriter, _ *http.Request, s string) { io.WriteString(w, "<html>"+s) }),
		"another root":     echo(t, func(w http.ResponseWriter, r *http.Request, _ string) { io.WriteString(w, "<cana/>") }),
		"redirect":         echo(t, func(w http.ResponseWriter, r *http.Request, _ string) { http.Redirect(w, r, r.URL.String(), 302) }),
		"text of the error": echo(t, func(w http.ResponseWriter, r *http.Request, _ string) {
			io.WriteString(w, "<RechargeInfo><TransactionError>true</TransactionError><Error>bad "+strings.ReplaceAll(canary, "&", "&amp;")+"</Error></RechargeInfo>")
		}),
	} {
		c := newTestClient(t, base, "")
		for _, call := range testCalls() {
			if call.name != "PerformPinlessRecharge" && call.name != "GetUserCredit" {
				continue
			}
			_, err := call.call(t.Context(), c)
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			var api *APIError
			var status *StatusError
			printed := fmt.Sprintf("%v %+v %#v %+v", err, err, err, c)
			if errors.As(err, &api) {
				printed += fmt.Sprintf("%+v", *api)
			}
			if errors.As(err, &status) {
				printed += fmt.Sprintf("%+v", *status)
			}
			for _, secret := range []string{canary, url.QueryEscape(canary), "cana"} {
				if strings.Contains(printed, secret) {
					t.Errorf("%s: the password is in %s", name, printed)
				}
			}
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestReached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		base string
		want bool
	}{
		"refused": {"http://" + closedPort(t) + "/x.asmx", false},
		"no name": {"http://host.invalid/x.asmx", false},
		"html":    {serve(t, 200, "text/html", []byte("<html>")), true},
	} {
		_, err := newTestClient(t, test.base, "").PerformPinlessRecharge(t.Context(), RechargeRequest{})
		if err == nil || Reached(err) != test.want {
			t.Errorf("%s: reached is %v (%v)", name, Reached(err), err)
		}
	}
	if Reached(&httpcall.Error{Op: "x", Err: errors.New("build request")}) {
		t.Error("a request that was never built counts as sent")
	}
}

// TestPayingByGetIsSentOnce: after a connection has been used, the server drops the next request on any connection
// without an answer. A paying call must come in exactly once; with POST connections may be reused all the same.
func TestPayingByGetIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var paid, read atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/GetUserStatus") {
				read.Add(1)
				w.Write(recorded(t, "user_status.xml"))
				return
			}
			if paid.Add(1) == 1 {
				w.Write(recorded(t, "recharge_info.xml"))
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		}))
		t.Cleanup(server.Close)
		c := newTestClient(t, server.URL+"/x.asmx", method)
		for range 3 {
			if _, err := c.GetUserStatus(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.PerformPinlessRecharge(t.Context(), RechargeRequest{ClientRef: "warm"}); err != nil {
			t.Fatal(err)
		}
		_, err := c.PerformPinlessRecharge(t.Context(), RechargeRequest{ClientRef: "dropped"})
		if err == nil || !Reached(err) || paid.Load() != 2 {
			t.Errorf("%s: %d recharges came in for two calls (%v)", method, paid.Load(), err)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	c, err := New(Config{BaseURL: server.URL + "/x.asmx", Username: "u", Password: "p", Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PerformPinlessRecharge(t.Context(), RechargeRequest{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a timeout", err)
	}
}
