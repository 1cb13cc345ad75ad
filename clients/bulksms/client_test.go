package bulksms_test

import (
	"context"
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

	"topupq/clients/bulksms"
	"topupq/clients/bulksms/bulksmssim"
)

const (
	tokenID     = "CANARYCANARY00-01-B"
	tokenSecret = "canary!secret#9*"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newClient(t *testing.T, url string, timeout time.Duration) *bulksms.Client {
	t.Helper()
	c, err := bulksms.New(bulksms.Config{BaseURL: url, TokenID: tokenID, TokenSecret: tokenSecret, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve starts a server that answers every call alike and keeps the last request.
func serve(t *testing.T, status int, body []byte) (*bulksms.Client, *http.Request, *string) {
	t.Helper()
	last, sent := &http.Request{}, new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*sent = string(b)
		*last = *r
		w.WriteHeader(status)
		w.Write(body)
	}))
	t.Cleanup(srv.Close)
	return newClient(t, srv.URL+"/v1", 0), last, sent
}

var request = bulksms.SendRequest{DeduplicationID: 77, To: "+27821234567", Body: "Your PIN", UserSuppliedID: "pin-000123"}

func TestSend(t *testing.T) {
	t.Parallel()
	c, last, sent := serve(t, 201, testdata(t, "sent.json"))
	m, err := c.Send(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := bulksms.Message{
		ID: "4023457654", Type: "SENT", From: "27007654321", To: "27821234567", Body: "Your PIN", Encoding: "TEXT", ProtocolID: "0", MessageClass: "2",
		Submission: bulksms.Submission{ID: "1-00000000000522347562", Date: "2024-05-01T10:00:00Z"},
		Status:     bulksms.Status{ID: "ACCEPTED.null", Type: "ACCEPTED"}, UserSuppliedID: "pin-000123",
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	id, secret, _ := last.BasicAuth()
	got := []string{last.Method, last.URL.Path, last.URL.RawQuery, last.Header.Get("Content-Type"), id, secret, *sent}
	wantRequest := []string{"POST", "/v1/messages", "auto-unicode=false&deduplication-id=77", "application/json", tokenID, tokenSecret,
		`{"to":"+27821234567","body":"Your PIN","encoding":"TEXT","userSuppliedId":"pin-000123"}`}
	if diff := cmp.Diff(wantRequest, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestSendChecksItsRequest(t *testing.T) {
	t.Parallel()
	c, last, _ := serve(t, 201, testdata(t, "sent.json"))
	for name, change := range map[string]func(*bulksms.SendRequest){
		"no deduplication id": func(r *bulksms.SendRequest) { r.DeduplicationID = 0 },
		"negative":            func(r *bulksms.SendRequest) { r.DeduplicationID = -1 },
		"no number":           func(r *bulksms.SendRequest) { r.To = "+" },
		"no body":             func(r *bulksms.SendRequest) { r.Body = "" },
		"long id":             func(r *bulksms.SendRequest) { r.UserSuppliedID = strings.Repeat("x", 21) },
	} {
		r := request
		change(&r)
		_, err := c.Send(t.Context(), r)
		var e *bulksms.Error
		if !errors.As(err, &e) || !errors.Is(err, bulksms.ErrRequest) || e.Retryable() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if last.Method != "" {
		t.Error("a call was made")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		status    int
		body      string
		fragment  string
		retryable bool
		cause     error
	}{
		{"credits", 403, string(testdata(t, "insufficient_credits.json")), bulksms.InsufficientCredits, false, nil},
		{"other spelling", 401, `{"type":"https://developer.bulksms.com/json/v1/errors/#authentication-failed","title":"Authentication Failed"}`, bulksms.AuthenticationFailed, false, nil},
		{"bad request", 400, `{"type":"x#bad-request","detail":"body Your PIN"}`, bulksms.BadRequest, false, nil},
		{"html 502", 502, `<html>`, "", true, nil},
		{"429", 429, ``, "", true, nil},
		{"200 is not 201", 200, `[]`, "", false, nil},
		{"redirect", 301, ``, "", false, nil},
		{"empty", 201, ``, "", true, bulksms.ErrUnreadable},
		{"no message", 201, `[]`, "", true, bulksms.ErrUnreadable},
		{"two messages", 201, `[{"id":"1","to":"27821234567"},{"id":"2","to":"27821234567"}]`, "", true, bulksms.ErrUnreadable},
		{"another number", 201, `[{"id":"1","to":"27820000000"}]`, "", true, bulksms.ErrUnreadable},
		{"truncated", 201, `[{"id":"1","to":"2782`, "", true, bulksms.ErrUnreadable},
		{"failed at once", 201, `[{"id":"1","to":"27821234567","status":{"id":"FAILED.BLOCKED","type":"FAILED","subtype":"BLOCKED"}}]`, "", false, bulksms.ErrNotDelivered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := serve(t, tt.status, []byte(tt.body))
			_, err := c.Send(t.Context(), request)
			var e *bulksms.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Fragment != tt.fragment || e.Retryable() != tt.retryable || e.HTTPStatus != tt.status || tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("got %+v, retryable %v", e, e.Retryable())
			}
			for _, secret := range []string{"Your PIN", tokenID, tokenSecret, "821234567"} {
				if strings.Contains(fmt.Sprintf("%v %+v", err, e), secret) {
					t.Errorf("error shows %q: %v", secret, err)
				}
			}
		})
	}
}

func TestFindAndMessage(t *testing.T) {
	t.Parallel()
	c, last, _ := serve(t, 200, testdata(t, "sent.json"))
	list, err := c.FindByUserSuppliedID(t.Context(), "pin-000123")
	if err != nil || len(list) != 1 || list[0].Status.Type != bulksms.StatusAccepted {
		t.Errorf("found %v, %v", list, err)
	}
	if last.URL.RawQuery != "filter=type%3DSENT%26userSuppliedId%3Dpin-000123" {
		t.Errorf("query %s", last.URL.RawQuery)
	}
	if _, err := c.FindByUserSuppliedID(t.Context(), "a&type=RECEIVED"); !errors.Is(err, bulksms.ErrRequest) {
		t.Errorf("a clause in the id: %v", err)
	}
	one, path, _ := serve(t, 404, []byte(`{"type":"x#not-found"}`))
	var e *bulksms.Error
	if _, err := one.Message(t.Context(), "a/b"); !errors.As(err, &e) || e.Fragment != bulksms.NotFound || path.URL.EscapedPath() != "/v1/messages/a%2Fb" {
		t.Errorf("message: %v at %s", err, path.URL.EscapedPath())
	}
}

func TestCredits(t *testing.T) {
	t.Parallel()
	c, _, _ := serve(t, 200, testdata(t, "profile.json"))
	if left, err := c.Credits(t.Context()); err != nil || left.String() != "1042.5" {
		t.Errorf("credits %v, %v", left, err)
	}
	if p, err := c.Profile(t.Context()); err != nil || p.Quota.Remaining != "4999" {
		t.Errorf("profile %+v, %v", p, err)
	}
	none, _, _ := serve(t, 200, []byte(`{"id":"1"}`))
	if _, err := none.Credits(t.Context()); !errors.Is(err, bulksms.ErrUnreadable) {
		t.Errorf("without credits: %v", err)
	}
}

func TestParseWebhook(t *testing.T) {
	t.Parallel()
	list, err := bulksms.ParseWebhook(testdata(t, "webhook.json"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if s := list[0].Status; !s.Final() || s.Subtype != "BLOCKED" || list[0].CreditCost != "1.5" || !list[1].Status.Final() {
		t.Errorf("messages %+v", list)
	}
	if list, err := bulksms.ParseWebhook([]byte(`[]`)); err != nil || len(list) != 0 {
		t.Errorf("set-up call: %v, %v", list, err)
	}
	mixed := `[1,{"id":"1"},{"id":"2","creditCost":"x","status":{"type":"SENT"}},{"id":"3","status":{"type":"SENT"},"new":{}}]`
	if list, err := bulksms.ParseWebhook([]byte(mixed)); err != nil || len(list) != 1 || list[0].ID != "3" {
		t.Errorf("one that can be read among others: %v, %v", list, err)
	}
	for _, body := range []string{``, `null`, `{}`, `[{}]`, `[{"id":"1"}]`, `[1]`, `[`} {
		if _, err := bulksms.ParseWebhook([]byte(body)); !errors.Is(err, bulksms.ErrWebhook) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzParseWebhook(f *testing.F) {
	for _, name := range []string{"webhook.json", "sent.json", "profile.json"} {
		f.Add(testdata(f, name))
	}
	f.Add([]byte(`[{"id":"1","status":{"type":"SENT"},"creditCost":"x"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := bulksms.ParseWebhook(body)
		if err != nil && (list != nil || !errors.Is(err, bulksms.ErrWebhook)) {
			t.Fatalf("%v with %v", list, err)
		}
		for _, m := range list {
			if m.ID == "" {
				t.Fatal("a message without id")
			}
		}
	})
}

func TestCheckText(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"Your PIN is 1234 5678. Dial *101*1234#": true, strings.Repeat("x", 160): true, strings.Repeat("x", 161): false,
		"": false, "{F01}": false, "it’s": false, "`": false, "é à ü ß @ £": true, "你好": false, "a\x00b": false,
	} {
		if err := bulksms.CheckText(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	if text := fmt.Sprintf("%v %+v %#v", request, request, request); strings.Contains(text, "Your PIN") {
		t.Errorf("request prints %s", text)
	}
	for name, cfg := range map[string]bulksms.Config{
		"no secret": {TokenID: tokenID}, "no id": {TokenSecret: tokenSecret}, "url": {TokenID: tokenID, TokenSecret: tokenSecret, BaseURL: "x"},
	} {
		_, err := bulksms.New(cfg)
		if err == nil || strings.Contains(err.Error(), tokenID) || strings.Contains(err.Error(), tokenSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withSim starts a simulator that takes the client's token.
func withSim(t *testing.T, timeout time.Duration) (*bulksms.Client, *bulksmssim.Sim) {
	t.Helper()
	sim := bulksmssim.New(bulksmssim.Options{TokenID: tokenID, TokenSecret: tokenSecret, SentAfter: time.Nanosecond, SettleAfter: time.Nanosecond})
	srv := httptest.NewServer(sim)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); sim.Close() })
	return newClient(t, srv.URL+"/v1", timeout), sim
}

func TestLostAnswerAndResend(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"cut_after", "http_500_after", "http_502_html_after", "truncated", "empty", "html", "huge", "wrong_types", "timeout_after", "drip", "other_number"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			c, sim := withSim(t, 300*time.Millisecond)
			sim.Script(bulksmssim.Rule{Fault: fault, Times: 1})
			_, err := c.SendText(t.Context(), 5, "ref-1", "+27821234567", "Your PIN")
			var e *bulksms.Error
			if !errors.As(err, &e) || !e.Retryable() {
				t.Fatalf("first send: %v", err)
			}
			if _, err := c.SendText(t.Context(), 5, "ref-1", "+27821234567", "Your PIN"); err != nil {
				t.Fatalf("resend: %v", err)
			}
			if n := len(sim.Messages()); n != 1 {
				t.Errorf("%d texts went out", n)
			}
			found, err := c.FindByUserSuppliedID(t.Context(), "ref-1")
			if err != nil || len(found) != 1 || found[0].Status.Type != bulksms.StatusDelivered {
				t.Errorf("read back %v, %v", found, err)
			}
		})
	}
}

func TestFaultsThatSendNothing(t *testing.T) {
	t.Parallel()
	for fault, retryable := range map[string]bool{
		"cut_before": true, "timeout_before": true, "http_500_before": true, "rate_limited": true,
		"unauthorized": false, "insufficient": false, "error": false, "redirect": false,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			c, sim := withSim(t, 300*time.Millisecond)
			sim.Script(bulksmssim.Rule{Fault: fault})
			_, err := c.SendText(t.Context(), 5, "ref-1", "+27821234567", "Your PIN")
			var e *bulksms.Error
			if !errors.As(err, &e) || e.Retryable() != retryable {
				t.Errorf("got %v", err)
			}
			if n := len(sim.Messages()); n != 0 && fault != "redirect" {
				t.Errorf("%d texts went out", n)
			}
		})
	}
}

func TestServerDown(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(nil)
	srv.Close()
	_, err := newClient(t, srv.URL, 0).Profile(t.Context())
	var e *bulksms.Error
	if !errors.As(err, &e) || !e.Retryable() || strings.Contains(err.Error(), srv.URL) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _ := withSim(t, 0)
	if _, err := c.Profile(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
