package rechargekitsim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/rechargekit/rechargekitsim"
)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a simulator behind a real listener.
type bench struct {
	*testing.T
	sim   *rechargekitsim.Sim
	clock *clock
	url   string
}

func newBench(t *testing.T, o rechargekitsim.Options) *bench {
	t.Helper()
	c := newClock()
	o.Clock = c.Now
	sim := rechargekitsim.New(o)
	srv := httptest.NewServer(sim)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); sim.Close() })
	return &bench{t, sim, c, srv.URL}
}

// answer is a decoded answer with its HTTP status; raw where it is no JSON object. status 0 means no answer.
type answer struct {
	status int
	json   map[string]any
	raw    string
}

// call makes one call on a connection of its own.
func (b *bench) call(method, path, body string) answer {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+rechargekitsim.DefaultToken)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{raw: string(raw)}
	}
	a := answer{status: resp.StatusCode, raw: string(raw)}
	if json.Unmarshal(raw, &a.json) != nil {
		a.json = nil
	}
	return a
}

func (b *bench) prepaid(reference string) answer {
	b.Helper()
	return b.prepaidTo(reference, "9679833706")
}

func (b *bench) prepaidTo(reference, number string) answer {
	b.Helper()
	return b.call("POST", "/recharge/prepaid", `{"mobile_no":`+number+`,"operator_code":1,"amount":10,"partner_request_id":"`+reference+`","circle":23,"recharge_type":"1"}`)
}

func (b *bench) statusOf(reference string) any {
	b.Helper()
	return b.call("POST", "/recharge/statusCheck", `{"partner_request_id":"`+reference+`"}`).json["status"]
}

func (b *bench) balance() any {
	b.Helper()
	return b.call("GET", "/recharge/balanceCheck", "").json["wallet_amount"]
}

func (b *bench) want(what string, got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// only is the one booking that there must be.
func (b *bench) only() rechargekitsim.Booking {
	b.Helper()
	list := b.sim.Bookings()
	if len(list) != 1 {
		b.Fatalf("%d bookings, want 1: %+v", len(list), list)
	}
	return list[0]
}

func TestFirstPendingThenSuccess(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Balance: "100"})
	first := b.prepaid("r1")
	b.want("answer", first.json, map[string]any{
		"error": 0.0, "msg": "order in queue", "status": 2.0, "orderid": b.only().TransactionID, "optransid": "",
		"partnerreqid": "r1", "commission": 0.0, "user_var1": "", "user_var2": "", "user_var3": "",
	})
	b.want("pending", b.statusOf("r1"), 2.0)
	b.want("money is held", b.balance(), "90.00")
	b.clock.advance(time.Second)
	b.want("settled", b.statusOf("r1"), 1.0)
	booking := b.only()
	b.want("booking", booking, rechargekitsim.Booking{Reference: "r1", Recipient: "9679833706", Amount: "10", Currency: "INR",
		State: "booked", Count: 1, TransactionID: booking.TransactionID, At: b.clock.Now().Add(-time.Second)})
}

func TestDuplicateHasNoOtherMembers(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{})
	b.prepaid("r1")
	b.want("second", b.prepaid("r1").raw, `{"error":1,"msg":"Duplicate order, Order ID must be unique"}`)
	b.want("booked once", b.only().Count, 1)
}

func TestServicesAndReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{InstantSuccess: true})
	postpaid := b.call("POST", "/recharge/postpaid", `{"mobile_no":"9679833706","operator_code":25,"amount":"299","partner_request_id":7,"circle":2,"recharge_type":"1"}`)
	if _, told := postpaid.json["partnerreqid"]; told || postpaid.json["status"] != 1.0 {
		t.Errorf("postpaid: %s", postpaid.raw)
	}
	b.want("number as id", b.only().Reference, "7")
	b.want("dth", b.call("POST", "/recharge/dth", `{"customer_id":"3001234567","operator_code":18,"amount":200,"partner_request_id":"d"}`).json["status"], 1.0)
	b.want("GET prepaid", b.call("GET", "/recharge/prepaid?mobile_no=9679833706&operator_code=1&amount=10&partner_request_id=g&circle=23", "").json["status"], 1.0)
	b.want("GET postpaid", b.call("GET", "/recharge/postpaid?amount=1", "").status, 401)
	b.want("GET statusCheck", b.call("GET", "/recharge/statusCheck?partner_request_id=g", "").raw, `{"error":1,"msg":"access denied."}`)
	b.want("bill", b.call("POST", "/recharge/postPaidBillFetch", `{}`).json["billAmount"], "299")
	for _, path := range []string{"/recharge/prepaidPlanFetch?circle=1&operator_code=1", "/recharge/servicewiseOperatorFetch?operator_category=1"} {
		b.want(path, b.call("GET", path, "").json["error"], 0.0)
	}
	b.want("unknown path", b.call("GET", "/recharge/nothing", "").status, 404)
	b.want("unknown id", b.call("POST", "/recharge/statusCheck", `{"partner_request_id":"x"}`).raw, `{"error":1,"msg":"Order not found"}`)
}

func TestRefusesWrongMembersAndMoney(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Balance: "5"})
	b.want("no money", b.prepaid("r1").raw, `{"error":1,"msg":"Insufficient balance"}`)
	b.sim.SetBalance("1000")
	for _, body := range []string{
		`{}`, `not json`,
		`{"partner_request_id":"a","mobile_no":"12"}`,
		`{"partner_request_id":"a","mobile_no":"9679833706"}`,
		`{"partner_request_id":"a","mobile_no":"9679833706","operator_code":1}`,
		`{"partner_request_id":"a","mobile_no":"9679833706","operator_code":1,"circle":1,"amount":1.5}`,
		`{"partner_request_id":"a","mobile_no":"9679833706","operator_code":1,"circle":1,"amount":-1}`,
	} {
		b.want(body, b.call("POST", "/recharge/prepaid", body).json["error"], 1.0)
	}
	b.want("dth without customer", b.call("POST", "/recharge/dth", `{"partner_request_id":"a"}`).json["error"], 1.0)
	b.want("bookings", len(b.sim.Bookings()), 0)
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Token: "another"})
	got := b.prepaid("r1")
	b.want("status", got.status, 401)
	b.want("body", got.raw, `{"error":1,"msg":"access denied."}`)
	b.want("bookings", len(b.sim.Bookings()), 0)
}

func TestWalletLedger(t *testing.T) {
	t.Parallel()
	b := newBench(t, rechargekitsim.Options{Balance: "100"})
	b.sim.Script(rechargekitsim.Rule{Match: rechargekitsim.Match{Reference: "fails"}, Fault: "fail", Delay: time.Second})
	b.sim.Script(rechargekitsim.Rule{Match: rechargekitsim.Match{Reference: "turns"}, Fault: "reverse", Delay: time.Minute})
	b.sim.Script(rechargekitsim.Rule{Match: rechargekitsim.Match{Reference: "refused"}, Fault: "refuse"})
	for _, reference := range []string{"fails", "turns", "refused", "works"} {
		b.prepaid(reference)
	}
	b.want("three hold money", b.balance(), "70.00")
	b.clock.advance(2 * time.Second)
	b.want("one failed", b.balance(), "80.00")
	b.want("reversed later", b.statusOf("turns"), 1.0)
	b.clock.advance(time.Minute)
	b.want("one reversed", b.balance(), "90.00")
	b.want("turned", b.statusOf("turns"), 3.0)
	states := map[string]string{}
	for _, k := range b.sim.Bookings() {
		states[k.Reference] = k.State
	}
	b.want("states", states, map[string]string{"fails": "failed", "turns": "refunded", "refused": "failed", "works": "booked"})
	b.sim.SetBalance("42.5")
	b.want("set", b.balance(), "42.50")
	b.sim.Reset()
	b.want("reset", b.balance(), "100.00")
	b.want("forgotten", len(b.sim.Bookings()), 0)
}
