package bulksmssim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/clients/bulksms/bulksmssim"
)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

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

type bench struct {
	*testing.T
	sim   *bulksmssim.Sim
	clock *clock
	url   string
}

func newBench(t *testing.T, o bulksmssim.Options) *bench {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	o.Clock = c.Now
	sim := bulksmssim.New(o)
	srv := httptest.NewServer(sim)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); sim.Close() })
	return &bench{t, sim, c, srv.URL}
}

// call makes one call on a connection of its own and returns status (0 for no answer) and body.
func (b *bench) call(method, path, body string) (int, string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.SetBasicAuth(bulksmssim.DefaultTokenID, bulksmssim.DefaultTokenSecret)
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, string(raw)
	}
	return resp.StatusCode, string(raw)
}

func (b *bench) send(dedup, reference string) (int, string) {
	b.Helper()
	return b.call("POST", "/v1/messages?deduplication-id="+dedup, `{"to":"+27821234567","body":"PIN 1","userSuppliedId":"`+reference+`"}`)
}

// list are the status ids that a filter finds.
func (b *bench) list(filter string) []string {
	b.Helper()
	_, body := b.call("GET", "/v1/messages?filter="+url.QueryEscape(filter), "")
	var messages []struct {
		Status struct{ ID string }
	}
	if err := json.Unmarshal([]byte(body), &messages); err != nil {
		b.Fatalf("%s: %v", body, err)
	}
	ids := []string{}
	for _, m := range messages {
		ids = append(ids, m.Status.ID)
	}
	return ids
}

func (b *bench) want(what string, got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSendAndDeduplicate(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{Balance: "10"})
	status, first := b.send("7", "r1")
	b.want("status", status, 201)
	b.want("answer", first, `[{"id":"4000000001","type":"SENT","from":"27007654321","to":"27821234567","body":"PIN 1","encoding":"TEXT","protocolId":0,"messageClass":2,"numberOfParts":null,"creditCost":null,"submission":{"id":"1-00000000000000000001","date":"2026-11-23T09:00:00Z"},"status":{"id":"ACCEPTED.null","type":"ACCEPTED","subtype":null},"relatedSentMessageId":null,"userSuppliedId":"r1"}]`)
	b.clock.advance(11 * time.Hour)
	_, again := b.send("7", "same id, other text")
	b.want("first answer again", again, first)
	b.want("texts", len(b.sim.Messages()), 1)
	b.clock.advance(2 * time.Hour)
	b.send("7", "r1")
	b.want("after 12 hours", len(b.sim.Messages()), 2)
	bookings := b.sim.Bookings()
	b.want("bookings", []any{len(bookings), bookings[0].Count, bookings[0].State, bookings[0].Amount}, []any{1, 2, "booked", "1"})
	_, profile := b.call("GET", "/v1/profile", "")
	if !strings.Contains(profile, `"balance":8`) {
		t.Errorf("profile %s", profile)
	}
}

func TestStatusesAndFilters(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{})
	b.sim.Script(bulksmssim.Rule{Fault: "fail", Code: "EXPIRED", Match: bulksmssim.Match{Reference: "expires"}})
	b.sim.Script(bulksmssim.Rule{Fault: "never_reported", Match: bulksmssim.Match{Reference: "silent"}})
	b.sim.Script(bulksmssim.Rule{Fault: "not_found", Delay: time.Minute, Match: bulksmssim.Match{Reference: "hides"}})
	b.sim.Script(bulksmssim.Rule{Fault: "refuse", Code: "BLOCKED", Match: bulksmssim.Match{Reference: "blocked"}})
	for _, reference := range []string{"plain", "expires", "silent", "hides"} {
		b.send("", reference)
	}
	if _, body := b.send("", "blocked"); !strings.Contains(body, `"id":"FAILED.BLOCKED"`) {
		t.Errorf("refused: %s", body)
	}
	b.want("at once", b.list("type=SENT&userSuppliedId=plain"), []string{"ACCEPTED.null"})
	b.clock.advance(200 * time.Millisecond)
	b.want("on the way", b.list("userSuppliedId=plain"), []string{"SENT.null"})
	b.clock.advance(time.Second)
	b.want("delivered", b.list("userSuppliedId=plain"), []string{"DELIVERED.null"})
	b.want("expired", b.list("status.id=FAILED.EXPIRED"), []string{"FAILED.EXPIRED"})
	b.want("by type", b.list("status.type=SENT"), []string{"SENT.null"})
	b.want("hidden", b.list("userSuppliedId=hides"), []string{})
	b.clock.advance(time.Minute)
	b.want("visible", b.list("userSuppliedId=hides"), []string{"DELIVERED.null"})
	b.want("by id", b.list("id>4000000004"), []string{"FAILED.BLOCKED"})
	b.want("before id", b.list("id<4000000002&submission.id=1-00000000000000000001"), []string{"DELIVERED.null"})
	b.want("received", b.list("type=RECEIVED"), []string{})
	if status, _ := b.call("GET", "/v1/messages/4000000001", ""); status != 200 {
		t.Errorf("one message: %d", status)
	}
	for path, want := range map[string]int{
		"/v1/messages/1": 404, "/v1/nothing": 404, "/v1/messages?filter=colour%3Dred": 400, "/v1/messages?limit=0": 400, "/messages?limit=1&sortOrder=ASCENDING": 200,
	} {
		if status, _ := b.call("GET", path, ""); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

func TestSubmissionForms(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{Balance: "6"})
	status, _ := b.call("POST", "/v1/messages", `[{"to":["+27821","+27822"],"body":"x"},{"to":{"address":"27823"},"body":"y","from":{"address":"me"}},{"to":[{"address":"27824"}],"body":"z","from":"us"}]`)
	b.want("status", status, 201)
	var got []string
	for _, m := range b.sim.Messages() {
		got = append(got, m.To+" "+m.Body+" "+m.From)
	}
	b.want("texts", got, []string{"27821 x 27007654321", "27822 x 27007654321", "27823 y me", "27824 z us"})
	long := strings.Repeat("x", 161)
	status, _ = b.call("POST", "/v1/messages", `{"to":"27821","body":"`+long+`"}`)
	b.want("two parts", status, 201)
	status, body := b.send("", "r")
	b.want("no credits", []any{status, strings.Contains(body, "#insufficient-credits")}, []any{403, true})
	b.sim.SetBalance("1")
	status, _ = b.send("", "r")
	b.want("credits again", status, 201)
	for _, body := range []string{``, `[]`, `{}`, `{"to":"1"}`, `{"body":"x"}`, `nonsense`, `{"to":"1","body":"x","userSuppliedId":"123456789012345678901"}`} {
		if status, _ := b.call("POST", "/v1/messages", body); status != 400 {
			t.Errorf("%s: %d", body, status)
		}
	}
	for _, dedup := range []string{"0", "-1", "x", "2147483648"} {
		if status, _ := b.send(dedup, "r"); status != 400 {
			t.Errorf("deduplication-id %s: %d", dedup, status)
		}
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{TokenSecret: "another"})
	status, body := b.send("1", "r")
	b.want("status", status, 401)
	if !strings.Contains(body, "#authentication-failed") {
		t.Errorf("body %s", body)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule   bulksmssim.Rule
		status int
		sent   int
		holds  string
	}{
		{bulksmssim.Rule{Delay: time.Microsecond}, 201, 1, "ACCEPTED"},
		{bulksmssim.Rule{Fault: "timeout_before", Delay: time.Millisecond}, 0, 0, ""},
		{bulksmssim.Rule{Fault: "timeout_after", Delay: time.Millisecond}, 0, 1, ""},
		{bulksmssim.Rule{Fault: "cut_before"}, 0, 0, ""},
		{bulksmssim.Rule{Fault: "cut_after"}, 0, 1, ""},
		{bulksmssim.Rule{Fault: "http_500_before"}, 500, 0, ""},
		{bulksmssim.Rule{Fault: "http_500_after"}, 500, 1, ""},
		{bulksmssim.Rule{Fault: "http_502_html_after"}, 502, 1, "<html>"},
		{bulksmssim.Rule{Fault: "http_503_after"}, 503, 1, ""},
		{bulksmssim.Rule{Fault: "http_504_after"}, 504, 1, ""},
		{bulksmssim.Rule{Fault: "truncated"}, 201, 1, `[{"id"`},
		{bulksmssim.Rule{Fault: "empty"}, 201, 1, ""},
		{bulksmssim.Rule{Fault: "html"}, 201, 1, "<html>"},
		{bulksmssim.Rule{Fault: "huge"}, 201, 1, "xxx"},
		{bulksmssim.Rule{Fault: "wrong_types"}, 201, 1, `"status":7`},
		{bulksmssim.Rule{Fault: "unknown_status"}, 201, 1, `"type":"PONDERING"`},
		{bulksmssim.Rule{Fault: "duplicate_keys"}, 201, 1, `"id":"4000000000","id":"4000000001"`},
		{bulksmssim.Rule{Fault: "other_number"}, 201, 1, `"to":"27820000000"`},
		{bulksmssim.Rule{Fault: "other_reference"}, 201, 1, `"userSuppliedId":"another"`},
		{bulksmssim.Rule{Fault: "redirect"}, 307, 1, ""},
		{bulksmssim.Rule{Fault: "error", Body: "no"}, 400, 0, `"detail":"no"`},
		{bulksmssim.Rule{Fault: "error", Status: 409, Body: "{}"}, 409, 0, "{}"},
		{bulksmssim.Rule{Fault: "rate_limited"}, 429, 0, ""},
		{bulksmssim.Rule{Fault: "unauthorized"}, 401, 0, ""},
		{bulksmssim.Rule{Fault: "insufficient"}, 403, 0, ""},
		{bulksmssim.Rule{Fault: "drip", Delay: time.Nanosecond}, 201, 1, "ACCEPTED"},
		{bulksmssim.Rule{Fault: "no such fault"}, 201, 1, ""},
	} {
		t.Run(tt.rule.Fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, bulksmssim.Options{})
			b.sim.Script(tt.rule)
			status, body := b.send("1", "r1")
			if status != tt.status || !strings.Contains(body, tt.holds) {
				t.Errorf("answer %d %.200q, want %d with %q", status, body, tt.status, tt.holds)
			}
			b.want("sent", len(b.sim.Messages()), tt.sent)
			b.want("request", b.sim.Requests()[0].Status, tt.status)
		})
	}
}

func TestMagic(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{Magic: true})
	body := `{"to":"27821239003","body":"PIN","userSuppliedId":"r1"}`
	if status, _ := b.call("POST", "/v1/messages?deduplication-id=1", body); status != 0 {
		t.Errorf("first: %d", status)
	}
	if status, _ := b.call("POST", "/v1/messages?deduplication-id=1", body); status != 201 {
		t.Errorf("resend: %d", status)
	}
	b.want("texts", len(b.sim.Messages()), 1)
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	got := make(chan string, 20)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) == "[]" && r.URL.Path == "/bad" {
			w.WriteHeader(403)
			return
		}
		got <- string(body)
	}))
	t.Cleanup(hook.Close)
	b := newBench(t, bulksmssim.Options{WebhookURL: hook.URL})
	b.sim.Script(bulksmssim.Rule{Fault: "webhook_disorder"})
	b.sim.Script(bulksmssim.Rule{Fault: "webhook_twice"})
	b.send("1", "r1")
	b.clock.advance(time.Second)
	b.sim.Settle()
	b.sim.Settle()
	var order []string
	for range 4 {
		body := <-got
		order = append(order, body[strings.Index(body, `"status":{"id":"`)+16:][:4])
	}
	b.want("order", order, []string{"DELI", "SENT", "DELI", "SENT"})
	b.want("no more", len(got), 0)
	status, _ := b.call("POST", "/v1/webhooks", `{"name":"n","url":"`+hook.URL+`","triggerScope":"SENT"}`)
	b.want("added", []any{status, <-got}, []any{201, "[]"})
	status, body := b.call("POST", "/v1/webhooks", `{"name":"n","url":"`+hook.URL+`/bad","triggerScope":"SENT"}`)
	b.want("refused", []any{status, strings.Contains(body, "403")}, []any{400, true})
	status, _ = b.call("POST", "/v1/webhooks", `{"name":"n"}`)
	b.want("incomplete", status, 400)
	if _, list := b.call("GET", "/v1/webhooks", ""); strings.Count(list, `"id"`) != 2 {
		t.Errorf("webhooks %s", list)
	}
}

func TestWebhookComesByItself(t *testing.T) {
	t.Parallel()
	got := make(chan struct{}, 2)
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got <- struct{}{} }))
	t.Cleanup(hook.Close)
	sim := bulksmssim.New(bulksmssim.Options{WebhookURL: hook.URL, SentAfter: time.Microsecond, SettleAfter: time.Millisecond})
	t.Cleanup(sim.Close)
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/messages", strings.NewReader(`{"to":"27821234567","body":"x"}`))
	req.SetBasicAuth(bulksmssim.DefaultTokenID, bulksmssim.DefaultTokenSecret)
	sim.ServeHTTP(httptest.NewRecorder(), req)
	<-got
	<-got
}

func TestControl(t *testing.T) {
	t.Parallel()
	b := newBench(t, bulksmssim.Options{Magic: true})
	for path, body := range map[string]string{
		"script": `{"match":{"path":"/messages"},"fault":"cut_before","times":1,"delay":"1ms"}`, "balance": `{"balance":"3"}`,
	} {
		if status, answer := b.call("POST", "/_sim/"+path, body); status != 204 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if status, _ := b.send("1", "r1"); status != 0 {
		t.Errorf("scripted: %d", status)
	}
	b.send("1", "r1")
	for path, holds := range map[string]string{"bookings": `"reference":"r1"`, "messages": `"body":"PIN 1"`, "requests": `"status":201`, "faults": "9012"} {
		if _, body := b.call("GET", "/_sim/"+path, ""); !strings.Contains(body, holds) {
			t.Errorf("%s: %s", path, body)
		}
	}
	for body, path := range map[string]string{`{"fault":"x"}`: "script", `{"delay":"x"}`: "script", `{"balance":"x"}`: "balance", `x`: "balance"} {
		if status, _ := b.call("POST", "/_sim/"+path, body); status != 400 {
			t.Errorf("%s: %d", body, status)
		}
	}
	if status, _ := b.call("POST", "/_sim/reset", ""); status != 204 || len(b.sim.Messages()) != 0 {
		t.Errorf("reset: %d", status)
	}
	if status, _ := b.call("PUT", "/_sim/reset", ""); status != 404 {
		t.Errorf("unknown: %d", status)
	}
}
