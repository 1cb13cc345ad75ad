package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"topupq/topup"
)

// clumsy is a provider whose client panics, with everything that it should not say.
type clumsy struct {
	topup.Provider
	topup.Quoter
	says string

	mu    sync.Mutex
	asked map[topup.ID]bool
}

// panicNumber ends the numbers whose sending panics; every first question about any order panics too.
const panicNumber = "9099"

func (c *clumsy) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	if strings.HasSuffix(o.Recipient.E164(), panicNumber) {
		panic(c.says)
	}
	return c.Provider.Submit(ctx, o)
}

func (c *clumsy) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	c.mu.Lock()
	again := c.asked[ref.Reference]
	c.asked[ref.Reference] = true
	c.mu.Unlock()
	if !again {
		panic(fmt.Errorf("ask with %s", c.says))
	}
	return c.Provider.Check(ctx, ref)
}

func (c *clumsy) Balance(context.Context) (topup.Money, error) {
	panic(c.says)
}

func (c *clumsy) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	if action == "GetUserStatus" {
		panic(c.says)
	}
	return c.Provider.Lookup(ctx, action, params)
}

// canaryOrder is one top-up of the drive.
type canaryOrder struct{ ref, body string }

// canaryOrders end in every way that the simulators know: each provider with each of its magic numbers.
func canaryOrders(prefix string) []canaryOrder {
	var out []canaryOrder
	add := func(provider, number, money, product string) {
		ref := fmt.Sprintf("%s-%d", prefix, len(out))
		out = append(out, canaryOrder{ref, fmt.Sprintf(`{"reference":%q,"recipient":%q,%s,"provider":%q,"product":%s}`, ref, number, money, provider, product)})
	}
	for i := range 13 {
		last := fmt.Sprintf("%d", 9000+i)
		add("aat", "+2783123"+last, `"amount":"2.00","currency":"ZAR"`, `{"recharge":"pinned"}`)
		add("aat", "+2783124"+last, `"amount":"2.00","currency":"ZAR"`, `{"recharge":"pinless"}`)
		add("reloadly", "+234803123"+last, `"amount":"500.00","currency":"NGN"`, `{"use_local_amount":true}`)
		add("rechargekit", "+91987654"+last, `"amount":"50.00","currency":"INR"`, `{"operator_code":1,"circle":1}`)
	}
	add("aat", "+2783125"+panicNumber, `"amount":"2.00","currency":"ZAR"`, `{"recharge":"pinned"}`)
	add("aat", "+27831250001", `"amount":"2.00","currency":"ZAR"`, `{"recharge":"pinned","deliver_pin":"sms"}`)
	return out
}

// driver makes the calls of a merchant and of an operator and keeps what is answered.
type driver struct {
	*testing.T
	s                  *sandbox
	merchant, operator http.Header
	said               strings.Builder
}

func newDriver(t *testing.T, s *sandbox, password string) *driver {
	t.Helper()
	basic := func(name, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
	}
	return &driver{
		T: t, s: s, merchant: http.Header{"Authorization": {"Bearer " + s.apiKey}, "Content-Type": {"application/json"}, "Prefer": {"wait=2"}},
		operator: http.Header{"Authorization": {basic("ann", password)}, "Accept": {"text/html"}},
	}
}

func (d *driver) submit(all []canaryOrder) {
	var wg sync.WaitGroup
	answers := make([]string, len(all))
	for i, o := range all {
		wg.Go(func() {
			answers[i] = call(d.T, http.MethodPost, "http://"+d.s.at.intake+"/v1/topups", o.body, d.merchant)
		})
	}
	wg.Wait()
	d.said.WriteString(strings.Join(answers, "\n"))
}

func (d *driver) intake(method, path, body string, h http.Header) string {
	text := call(d.T, method, "http://"+d.s.at.intake+path, body, h)
	d.said.WriteString(text)
	return text
}

// visit reads every page of the operators, and acts in the dashboard and in the console.
func (d *driver) visit(wrong map[string]string) {
	at := "http://" + d.s.at.ops
	pages := []string{
		"/", "/search?merchant=" + string(d.s.merchant.ID), "/search?state=held", "/search?state=unknown", "/act?act=replay&merchant=" + string(d.s.merchant.ID),
		"/pauses", "/audit", "/metrics", "/dashboard", "/dashboard/api/queues",
		"/dashboard/api/servers", "/dashboard/api/redis_info", "/dashboard/api/scheduler_entries", "/dashboard/api/queue_stats", "/login", "/login/oidc", "/login/oidc/callback?code=x&state=y", "/nowhere",
	}
	for _, o := range canaryOrders("c") {
		pages = append(pages, "/topups/"+string(topup.NewID(d.s.merchant.ID, o.ref)))
	}
	for _, q := range []string{"submit:aat", "submit:reloadly", "submit:rechargekit", "check:aat", "check:reloadly", "check:rechargekit", "callback", "lookup", "sms"} {
		for _, kind := range []string{"active", "pending", "scheduled", "retry", "archived", "completed"} {
			pages = append(pages, "/dashboard/api/queues/"+q+"/"+kind+"_tasks")
		}
		pages = append(pages, "/dashboard/api/queues/"+q)
	}
	for _, p := range pages {
		said := call(d.T, http.MethodGet, at+p, "", d.operator)
		unused := strings.HasSuffix(strings.TrimSpace(said), "does not exist") || strings.HasSuffix(strings.TrimSpace(said), "queue not found")
		if strings.HasPrefix(p, "/dashboard") && !strings.HasPrefix(said, "200 ") && !unused {
			d.Errorf("%s answered %.3s …%q", p, said, said[max(0, len(said)-60):])
		}
		d.said.WriteString(said)
	}
	for _, p := range []string{"/dashboard/api/queues/submit:aat/archived_tasks:run_all", "/dashboard/api/queues/submit:aat:pause", "/dashboard/api/queues/submit:aat:resume"} {
		d.said.WriteString(call(d.T, http.MethodPost, at+p, "", d.operator))
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	d.said.WriteString(call(d.T, http.MethodPost, at+"/login", url.Values{"name": {"ann"}, "password": {wrong["wrong password"]}}.Encode(), form))
	d.said.WriteString(call(d.T, http.MethodGet, at+"/", "", http.Header{"Authorization": {"Bearer " + wrong["wrong API key"]}}))
}

// ask makes the other calls of a merchant: good ones, bad ones, and such that a provider refuses.
func (d *driver) ask(wrong map[string]string) {
	bad := http.Header{"Authorization": {"Bearer " + wrong["wrong API key"]}}
	for _, path := range []string{"/v1/topups", "/v1/webhook", "/v1/callbacks", "/v1/batches/bat_nowhere", "/metrics", "/nowhere", "/healthz", "/readyz"} {
		d.intake(http.MethodGet, path, "", bad)
		d.intake(http.MethodGet, path, "", d.merchant)
	}
	d.intake(http.MethodPost, "/v1/topups", `{"password":"x"`, d.merchant)
	d.intake(http.MethodPost, "/v1/topups?api_key="+url.QueryEscape(wrong["wrong API key"]), `{"nonsense":1}`, d.merchant)
	for _, ask := range []string{"reloadly/getAccessToken", "reloadly/getAccountBalance", "aat/GetUserStatus", "aat/GetUserCredit", "aat/GetNetwork", "rechargekit/balanceCheck"} {
		provider, action, _ := strings.Cut(ask, "/")
		d.intake(http.MethodPost, "/v1/lookups", fmt.Sprintf(`{"provider":%q,"action":%q,"params":{}}`, provider, action), d.merchant)
	}
	for _, provider := range []string{"aat", "rechargekit", "reloadly", "bulksms"} {
		d.intake(http.MethodPost, "/v1/providers/"+provider+"/callback/"+url.PathEscape(wrong["wrong call-back token"]), "{}", nil)
	}
	d.intake(http.MethodPost, "/v1/webhook/test", "", d.merchant)
}

func call(t *testing.T, method, address, body string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	if header != nil {
		req.Header = header.Clone()
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d %v\n%s\n", resp.StatusCode, resp.Header, b)
}
