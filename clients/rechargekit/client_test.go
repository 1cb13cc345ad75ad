package rechargekit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/rechargekit"
)

const testToken = "canary-token-7f3a9c"

// seen is the last request that a fake server got.
type seen struct {
	Method, Path, Query, Auth, ContentType, Body string
}

// serve starts a server that answers every call with status and body, and a client for it.
func serve(t *testing.T, cfg rechargekit.Config, status int, body []byte) (*rechargekit.Client, *seen) {
	t.Helper()
	last := &seen{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*last = seen{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(b)}
		w.WriteHeader(status)
		w.Write(body)
	}))
	t.Cleanup(srv.Close)
	return newClient(t, cfg, srv.URL), last
}

func newClient(t *testing.T, cfg rechargekit.Config, url string) *rechargekit.Client {
	t.Helper()
	cfg.BaseURL = url
	if cfg.Token == "" {
		cfg.Token = testToken
	}
	c, err := rechargekit.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var prepaid = rechargekit.PrepaidRequest{
	MobileNo: "9679833706", OperatorCode: 1, Amount: 10, PartnerRequestID: "asdrt-241", Circle: 23, Dest: "online",
}

func TestRequests(t *testing.T) {
	t.Parallel()
	postpaid := rechargekit.PostpaidRequest{MobileNo: "9679833706", OperatorCode: 25, Amount: 299, PartnerRequestID: "p1", Circle: 2, UserVars: [3]string{"a", "b", "c"}}
	dth := rechargekit.DTHRequest{CustomerID: "3001234567", OperatorCode: 18, Amount: 200, PartnerRequestID: "d1"}
	for _, tt := range []struct {
		name string
		cfg  rechargekit.Config
		call func(context.Context, *rechargekit.Client) error
		want seen
	}{
		{"prepaid", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.Prepaid(ctx, prepaid); return err },
			seen{Method: "POST", Path: "/recharge/prepaid", Body: `{"mobile_no":9679833706,"operator_code":1,"amount":10,"partner_request_id":"asdrt-241","circle":23,"recharge_type":"1","dest":"online","user_var1":"","user_var2":"","user_var3":""}`}},
		{"prepaid by GET", rechargekit.Config{Method: "GET"}, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.Prepaid(ctx, prepaid); return err },
			seen{Method: "GET", Path: "/recharge/prepaid", Query: "amount=10&circle=23&dest=online&mobile_no=9679833706&operator_code=1&partner_request_id=asdrt-241&recharge_type=1&user_var1=&user_var2=&user_var3="}},
		{"postpaid", rechargekit.Config{Method: "GET"}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.Postpaid(ctx, postpaid)
			return err
		},
			seen{Method: "POST", Path: "/recharge/postpaid", Body: `{"mobile_no":"9679833706","operator_code":25,"amount":299,"partner_request_id":"p1","circle":2,"recharge_type":"1","user_var1":"a","user_var2":"b","user_var3":"c"}`}},
		{"dth", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.DTH(ctx, dth); return err },
			seen{Method: "POST", Path: "/recharge/dth", Body: `{"customer_id":"3001234567","operator_code":18,"amount":200,"partner_request_id":"d1"}`}},
		{"statusCheck", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.StatusCheck(ctx, "asdrt-241")
			return err
		}, seen{Method: "POST", Path: "/recharge/statusCheck", Body: `{"partner_request_id":"asdrt-241"}`}},
		{"balanceCheck", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.BalanceCheck(ctx); return err },
			seen{Method: "GET", Path: "/recharge/balanceCheck"}},
		{"prepaidPlanFetch", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PrepaidPlanFetch(ctx, 1, 2)
			return err
		}, seen{Method: "POST", Path: "/recharge/prepaidPlanFetch", Body: `{"operator_code":1,"circle":2}`}},
		{"prepaidPlanFetch by GET", rechargekit.Config{PlanMethod: "GET"}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PrepaidPlanFetch(ctx, 1, 2)
			return err
		}, seen{Method: "GET", Path: "/recharge/prepaidPlanFetch", Query: "circle=2&operator_code=1"}},
		{"postPaidBillFetch", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PostPaidBillFetch(ctx, "9679833706", 25)
			return err
		}, seen{Method: "POST", Path: "/recharge/postPaidBillFetch", Body: `{"mobile_no":"9679833706","operator_code":25}`}},
		{"servicewiseOperatorFetch", rechargekit.Config{}, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.ServicewiseOperatorFetch(ctx, 11)
			return err
		}, seen{Method: "GET", Path: "/recharge/servicewiseOperatorFetch", Query: "operator_category=11"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, last := serve(t, tt.cfg, 200, []byte(`{"error":0,"status":1,"wallet_amount":"1"}`))
			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			tt.want.Auth = "Bearer " + testToken
			if tt.want.Body != "" {
				tt.want.ContentType = "application/json"
			}
			if diff := cmp.Diff(tt.want, *last); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

// number makes a Number for comparisons.
func number(t *testing.T, text string) rechargekit.Number {
	t.Helper()
	n, err := rechargekit.ParseNumber(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRecordedOrders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		want rechargekit.Order
	}{
		{"prepaid_pending.json", rechargekit.Order{Error: number(t, "0"), Status: number(t, "2"), Msg: "order in queue",
			OrderID: "da9842e1-f561-4728-827b-ac4dd2934d68", PartnerReqID: "5165483", Commission: number(t, "0")}},
		{"postpaid_success.json", rechargekit.Order{Error: number(t, "0"), Status: number(t, "1"), Msg: "success",
			OrderID: "415e217b-8fb2-4c6e-a003-09e445079f12", Commission: number(t, "0")}},
		{"status_success.json", rechargekit.Order{Error: number(t, "0"), Status: number(t, "1"), Msg: "success",
			OrderID: "415", OpTransID: "ONR2101231816190530", Amount: number(t, "10.00"), Commission: number(t, "0.35")}},
		{"status_failed.json", rechargekit.Order{Error: number(t, "0"), Status: number(t, "3"), Msg: "failed",
			OrderID: "415e217b-8fb2-4c6e-a003-09e445079f12", Amount: number(t, "10")}},
		{"v1_success.json", rechargekit.Order{}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, rechargekit.Config{}, 200, testdata(t, tt.file))
			got, err := c.Prepaid(t.Context(), prepaid)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(rechargekit.Number{})); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   rechargekit.Error
	}{
		{"duplicate", 200, string(testdata(t, "duplicate.json")), rechargekit.Error{HTTPStatus: 200, Code: "1", Message: "Duplicate order, Order ID must be unique"}},
		{"code as text", 200, `{"error":"23","msg":"no"}`, rechargekit.Error{HTTPStatus: 200, Code: "23", Message: "no"}},
		{"with a status", 200, `{"error":1,"msg":"no","status":1}`, rechargekit.Error{HTTPStatus: 200, Code: "1", Message: "no"}},
		{"denied", 401, string(testdata(t, "access_denied.json")), rechargekit.Error{HTTPStatus: 401, Code: "1", Message: "access denied."}},
		{"500 html", 500, `<html>`, rechargekit.Error{HTTPStatus: 500}},
		{"500 saying success", 500, `{"error":0,"status":1}`, rechargekit.Error{HTTPStatus: 500, Code: "0"}},
		{"redirect", 302, ``, rechargekit.Error{HTTPStatus: 302}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, rechargekit.Config{}, tt.status, []byte(tt.body))
			_, err := c.Prepaid(t.Context(), prepaid)
			var got *rechargekit.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *Error", err)
			}
			tt.want.Op = "POST /recharge/prepaid"
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !rechargekit.Reached(err) {
				t.Error("a refusal has reached the provider")
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"as printed":         string(testdata(t, "prepaid_pending_as_printed.json")),
		"duplicate printed":  string(testdata(t, "duplicate_as_printed.json")),
		"empty":              ``,
		"html":               `<html><body>9679833706</body></html>`,
		"array":              `[]`,
		"text":               `"success"`,
		"truncated":          `{"error":0,"status":1,"orderid":"41`,
		"truncated in names": `{"error":0,"sta`,
		"two objects":        `{"error":0,"status":1}{"error":0,"status":3}`,
		"member twice":       `{"error":0,"status":3,"status":1}`,
		"status object":      `{"error":0,"status":{"code":1}}`,
		"status word":        `{"error":0,"status":"SUCCESS"}`,
		"status true":        `{"error":0,"status":true}`,
		"error object":       `{"error":{},"status":1}`,
		"error exponent":     `{"error":0e1,"status":1}`,
		"amount word":        `{"error":0,"status":1,"amount":"ten"}`,
		"huge exponent":      `{"error":0,"status":1,"amount":1e999999999}`,
		"order id object":    `{"error":0,"status":1,"orderid":{}}`,
		"reference list":     `{"error":0,"status":1,"partnerreqid":["x"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, rechargekit.Config{}, 200, []byte(body))
			_, err := c.Prepaid(t.Context(), prepaid)
			var got *rechargekit.UnreadableError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *UnreadableError", err)
			}
			if strings.Contains(err.Error(), "9679833706") {
				t.Errorf("error repeats the answer: %v", err)
			}
		})
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	numbers := cmp.AllowUnexported(rechargekit.Number{})
	read := func(file string) *rechargekit.Client {
		c, _ := serve(t, rechargekit.Config{}, 200, testdata(t, file))
		return c
	}
	plan := rechargekit.Plan{Amount: "19", Validity: "1 Day", Description: "1 GB"}
	plans, err := read("plans_object.json").PrepaidPlanFetch(t.Context(), 1, 23)
	want := map[string][]rechargekit.Plan{"FULLTT": {{Amount: "10", Validity: "N/A", Description: "Talktime"}}, "DATA": {plan}}
	if diff := cmp.Diff(want, plans.Categories); err != nil || diff != "" {
		t.Errorf("plans of an object: %v\n%s", err, diff)
	}
	plan.Talktime, plan.SMS, plan.Disclaimer = "0", "100", "none"
	plans, err = read("plans_array.json").PrepaidPlanFetch(t.Context(), 1, 23)
	if diff := cmp.Diff(map[string][]rechargekit.Plan{"DATA": {plan}}, plans.Categories); err != nil || diff != "" {
		t.Errorf("plans of an array: %v\n%s", err, diff)
	}
	bill, err := read("bill.json").PostPaidBillFetch(t.Context(), "9679833706", 25)
	if err != nil || bill.Amount.String() != "299.50" {
		t.Errorf("bill = %v, %v", bill.Amount, err)
	}
	operators, err := read("operators.json").ServicewiseOperatorFetch(t.Context(), 1)
	if diff := cmp.Diff(rechargekit.Operator{ID: number(t, "103"), Name: "Jio", ServiceName: "Prepaid", Category: number(t, "1"), CategoryName: "Prepaid"}, operators.List[1], numbers); err != nil || diff != "" {
		t.Errorf("operators: %v\n%s", err, diff)
	}
	for file, wallet := range map[string]string{"balance_text.json": "10423.55", "balance_number.json": "10423.5"} {
		balance, err := read(file).BalanceCheck(t.Context())
		if err != nil || balance.Wallet.String() != wallet || !json.Valid(balance.Raw) {
			t.Errorf("%s: wallet %v, %v", file, balance.Wallet, err)
		}
	}
}

func TestReadsOfOtherShapesAreUnreadable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		call func(context.Context, *rechargekit.Client) error
	}{
		"no wallet":   {`{"error":0}`, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.BalanceCheck(ctx); return err }},
		"wallet word": {`{"error":0,"wallet_amount":"much"}`, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.BalanceCheck(ctx); return err }},
		"plans text": {`{"planData":"none"}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PrepaidPlanFetch(ctx, 1, 1)
			return err
		}},
		"plan text": {`{"planData":{"plan":"x"}}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PrepaidPlanFetch(ctx, 1, 1)
			return err
		}},
		"plan item text": {`{"planData":{"plan":{"a":["x"]}}}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PrepaidPlanFetch(ctx, 1, 1)
			return err
		}},
		"bill word": {`{"billAmount":"x"}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.PostPaidBillFetch(ctx, "1", 1)
			return err
		}},
		"operator text": {`{"operatorList":["x"]}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.ServicewiseOperatorFetch(ctx, 1)
			return err
		}},
		"operator id": {`{"operatorList":[{"operator_id":"x"}]}`, func(ctx context.Context, c *rechargekit.Client) error {
			_, err := c.ServicewiseOperatorFetch(ctx, 1)
			return err
		}},
		"status": {`{"error":0,"status":[]}`, func(ctx context.Context, c *rechargekit.Client) error { _, err := c.StatusCheck(ctx, "x"); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := serve(t, rechargekit.Config{}, 200, []byte(tt.body))
			var want *rechargekit.UnreadableError
			if err := tt.call(t.Context(), c); !errors.As(err, &want) {
				t.Errorf("got %v, want an *UnreadableError", err)
			}
		})
	}
}

func TestStatusCheckOff(t *testing.T) {
	t.Parallel()
	c, last := serve(t, rechargekit.Config{NoStatusCheck: true}, 200, nil)
	if _, err := c.StatusCheck(t.Context(), "x"); !errors.Is(err, rechargekit.ErrStatusCheckOff) {
		t.Errorf("got %v", err)
	}
	if last.Method != "" {
		t.Error("a call was made")
	}
}

func TestReached(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(nil)
	down.Close()
	_, err := newClient(t, rechargekit.Config{}, down.URL).Prepaid(t.Context(), prepaid)
	if err == nil || rechargekit.Reached(err) {
		t.Errorf("refused connection: %v counts as reached", err)
	}
	bad := prepaid
	bad.MobileNo = "not a number"
	_, err = newClient(t, rechargekit.Config{}, down.URL).Prepaid(t.Context(), bad)
	if err == nil || rechargekit.Reached(err) {
		t.Errorf("unencodable request: %v counts as reached", err)
	}
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	_, err = newClient(t, rechargekit.Config{Timeout: 20 * time.Millisecond}, silent.URL).Prepaid(t.Context(), prepaid)
	if err == nil || !rechargekit.Reached(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
}

func TestTokenNeverShows(t *testing.T) {
	t.Parallel()
	body := []byte(`{"error":1,"msg":"bad token ` + testToken + `"}`)
	c, _ := serve(t, rechargekit.Config{}, 200, body)
	_, err := c.Prepaid(t.Context(), prepaid)
	var refused *rechargekit.Error
	if !errors.As(err, &refused) || strings.Contains(refused.Message, testToken) || !strings.Contains(refused.Message, "[redacted]") {
		t.Errorf("message shows the token: %v", err)
	}
	echo, _ := serve(t, rechargekit.Config{}, 200, []byte(`{"error":0,"wallet_amount":1,"auth":"`+testToken+`"}`))
	if b, err := echo.BalanceCheck(t.Context()); err != nil || strings.Contains(string(b.Raw), testToken) {
		t.Errorf("raw answer shows the token: %s, %v", b.Raw, err)
	}
	cfg := rechargekit.Config{Token: testToken, BaseURL: "http://x/?a=" + testToken}
	if _, err := rechargekit.New(cfg); err == nil || strings.Contains(err.Error(), testToken) {
		t.Errorf("New: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", cfg.Token, cfg.Token, cfg.Token, cfg.Token); strings.Contains(text, testToken) {
		t.Errorf("Secret prints %s", text)
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]rechargekit.Config{
		"no token":      {},
		"no host":       {Token: testToken, BaseURL: "/recharge"},
		"scheme":        {Token: testToken, BaseURL: "ftp://x"},
		"userinfo":      {Token: testToken, BaseURL: "https://a:b@x"},
		"method":        {Token: testToken, Method: "PUT"},
		"plan method":   {Token: testToken, PlanMethod: "get"},
		"not an adress": {Token: testToken, BaseURL: "http://[::1"},
	} {
		if _, err := rechargekit.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := rechargekit.New(rechargekit.Config{Token: testToken}); err != nil {
		t.Errorf("defaults: %v", err)
	}
}
