package reloadly_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/reloadly"
	"topupq/clients/reloadly/reloadlysim"
)

// newClient returns a client of the server behind handler, for both hosts.
func newClient(t testing.TB, handler http.Handler, change ...func(*reloadly.Config)) *reloadly.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg := reloadly.Config{
		AuthURL: server.URL, BaseURL: server.URL, ClientID: "sim-client", ClientSecret: "sim-secret", RetryWait: time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := reloadly.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

func topupRequest(ref string) reloadly.TopupRequest {
	return reloadly.TopupRequest{
		OperatorID: 341, Amount: decimal.RequireFromString("2.50"), CustomIdentifier: ref,
		RecipientPhone: &reloadly.Phone{CountryCode: "NG", Number: "2348031234567"},
	}
}

// script answers the token call and hands everything else to next, counting both.
type script struct {
	tokens atomic.Int64
	calls  atomic.Int64
	life   string
	next   func(n int64, w http.ResponseWriter, r *http.Request)
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		n := s.tokens.Add(1)
		life := s.life
		if life == "" {
			life = "3600"
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":%s,"token_type":"Bearer","scope":"developer"}`, n, life)
		return
	}
	s.next(s.calls.Add(1), w, r)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"timeStamp":1641493030000,"message":"no","path":"/x","errorCode":%q,"details":null}`, code)
}

func TestNewRefusesSettingsThatCannotWork(t *testing.T) {
	t.Parallel()
	good := reloadly.Config{BaseURL: reloadly.SandboxURL, ClientID: "id", ClientSecret: "secret"}
	if _, err := reloadly.New(good); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	bad := map[string]func(*reloadly.Config){
		"no base":       func(c *reloadly.Config) { c.BaseURL = "" },
		"no host":       func(c *reloadly.Config) { c.BaseURL = "topups.reloadly.com" },
		"other scheme":  func(c *reloadly.Config) { c.BaseURL = "ftp://topups.reloadly.com" },
		"query":         func(c *reloadly.Config) { c.AuthURL = "https://auth.reloadly.com/?a=b" },
		"user":          func(c *reloadly.Config) { c.BaseURL = "https://me:pass@topups.reloadly.com" },
		"no id":         func(c *reloadly.Config) { c.ClientID = "" },
		"no secret":     func(c *reloadly.Config) { c.ClientSecret = "" },
		"strange field": func(c *reloadly.Config) { c.MNPField = "msisdn" },
	}
	for name, change := range bad {
		cfg := good
		change(&cfg)
		_, err := reloadly.New(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func hijack(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestPurchasesAreSentOnceWhateverHappens(t *testing.T) {
	t.Parallel()
	answers := map[string]func(w http.ResponseWriter){
		"500":      func(w http.ResponseWriter) { w.WriteHeader(500) },
		"503":      func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(503) },
		"429":      func(w http.ResponseWriter) { w.WriteHeader(429) },
		"408":      func(w http.ResponseWriter) { w.WriteHeader(408) },
		"cut":      hijack,
		"garbled":  func(w http.ResponseWriter) { io.WriteString(w, `{"transactionId":`) },
		"redirect": func(w http.ResponseWriter) { w.Header().Set("Location", "/topups"); w.WriteHeader(307) },
	}
	for name, answer := range answers {
		s := &script{next: func(_ int64, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != "" {
				t.Errorf("%s: net/http repeats requests with such a header", name)
			}
			answer(w)
		}}
		c := newClient(t, s)
		for _, pay := range []func() error{
			func() error { _, err := c.Topup(t.Context(), topupRequest("a")); return err },
			func() error { _, err := c.TopupAsync(t.Context(), topupRequest("b")); return err },
		} {
			before := s.calls.Load()
			err := pay()
			if err == nil || !reloadly.Reached(err) || s.calls.Load() != before+1 {
				t.Errorf("%s: %v, %d calls", name, err, s.calls.Load()-before)
			}
		}
	}
}

func TestReadsAreRepeatedALittle(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(w http.ResponseWriter)
		calls  int64
	}{
		"500":            {func(w http.ResponseWriter) { w.WriteHeader(500) }, 3},
		"429":            {func(w http.ResponseWriter) { w.WriteHeader(429) }, 3},
		"429 for an age": {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "3600"); w.WriteHeader(429) }, 1},
		"cut":            {hijack, 3},
		"404":            {func(w http.ResponseWriter) { w.WriteHeader(404) }, 1},
		"400":            {func(w http.ResponseWriter) { fail(w, 400, "INVALID_INPUT_PROVIDED") }, 1},
	}
	for name, test := range tests {
		s := &script{next: func(_ int64, w http.ResponseWriter, _ *http.Request) { test.answer(w) }}
		c := newClient(t, s)
		// net/http may add a repeat of its own on a reused connection, which is harmless for a read.
		if _, err := c.TopupStatus(t.Context(), 1); err == nil || s.calls.Load() < test.calls || s.calls.Load() > test.calls+1 {
			t.Errorf("%s: %v, %d calls, want %d", name, err, s.calls.Load(), test.calls)
		}
		s.calls.Store(0)
		if _, err := c.MNPLookup(t.Context(), "+2348031234567", "NG"); err == nil || s.calls.Load() != 1 {
			t.Errorf("%s: a billed lookup was sent %d times", name, s.calls.Load())
		}
	}
	s := &script{next: func(n int64, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		io.WriteString(w, `{"status":"PROCESSING"}`)
	}}
	if got, err := newClient(t, s).TopupStatus(t.Context(), 1); err != nil || got.Status != "PROCESSING" {
		t.Errorf("third time lucky: %v, %v", got, err)
	}
}

func TestReachedTellsWhatCanHaveArrived(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	c := newClient(t, sim)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Topup(ended, topupRequest("cancelled")); err == nil || reloadly.Reached(err) {
		t.Errorf("cancelled before: %v", err)
	}
	bad := topupRequest("")
	if _, err := c.Topup(t.Context(), bad); err == nil || reloadly.Reached(err) {
		t.Errorf("no identifier: %v", err)
	}
	closed := httptest.NewServer(sim)
	gone := closed.URL
	closed.Close()
	live := newClient(t, sim, func(cfg *reloadly.Config) { cfg.BaseURL = gone })
	if _, err := live.Topup(t.Context(), topupRequest("gone")); err == nil || reloadly.Reached(err) {
		t.Errorf("nobody listens: %v", err)
	}
	sim.Script(reloadlysim.Rule{Fault: "cut_after"})
	if _, err := c.Topup(t.Context(), topupRequest("cut")); err == nil || !reloadly.Reached(err) {
		t.Errorf("cut: %v", err)
	}
	if got := sim.Bookings(); len(got) != 1 || got[0].Reference != "cut" {
		t.Errorf("bookings %v", got)
	}
}

func TestRequestIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	c := newClient(t, sim)
	changes := map[string]func(*reloadly.TopupRequest){
		"operatorId":       func(r *reloadly.TopupRequest) { r.OperatorID = 0 },
		"amount":           func(r *reloadly.TopupRequest) { r.Amount = decimal.Zero },
		"customIdentifier": func(r *reloadly.TopupRequest) { r.CustomIdentifier = strings.Repeat("é", 151) },
		"recipientPhone":   func(r *reloadly.TopupRequest) { r.RecipientEmail = "a@nauta.com.cu" },
	}
	for field, change := range changes {
		r := topupRequest("ref")
		change(&r)
		_, err := c.TopupAsync(t.Context(), r)
		var re *reloadly.RequestError
		if !errors.As(err, &re) || re.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	r := topupRequest("ref")
	r.Amount = decimal.RequireFromString("1.000001")
	if _, err := c.Topup(t.Context(), r); err == nil {
		t.Error("six decimal places were sent")
	}
	if got := sim.Requests(); len(got) != 0 {
		t.Errorf("sent: %v", got)
	}
}

func TestAmountGoesOutExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"2.50": "2.5", "0.1": "0.1", "9999999.99999": "9999999.99999", "5e0": "5", "1e3": "1000"} {
		var got struct {
			Amount json.RawMessage `json:"amount"`
			Local  json.RawMessage `json:"useLocalAmount"`
		}
		r := topupRequest("ref")
		r.Amount = decimal.RequireFromString(text)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil || string(got.Amount) != want || string(got.Local) != "false" {
			t.Errorf("%s went out as %s (%v)", text, b, err)
		}
	}
}

func TestErrorsShowNoSecretAndNoNumber(t *testing.T) {
	t.Parallel()
	sim := reloadlysim.New(reloadlysim.Options{})
	sim.Script(reloadlysim.Rule{Match: reloadlysim.Match{Path: "/operators/*"}, Fault: "http_500_before"})
	c := newClient(t, sim, func(cfg *reloadly.Config) { cfg.ClientSecret = "canary-secret" })
	_, err := c.AutoDetect(t.Context(), "+2348031234567", "NG")
	right := newClient(t, sim)
	_, err2 := right.AutoDetect(t.Context(), "+2348031234567", "NG")
	for _, err := range []error{err, err2} {
		if err == nil || strings.Contains(err.Error(), "canary-secret") || strings.Contains(err.Error(), "8031234567") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("error %v", err)
		}
	}
	if text := fmt.Sprintf("%v %+v", reloadly.Config{ClientSecret: "canary-secret"}, c); strings.Contains(text, "canary-secret") {
		t.Error("the configuration prints its secret")
	}
}
