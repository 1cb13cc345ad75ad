package webhook_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// message is a callback for a URL.
func message(t testing.TB, url string) webhook.Message {
	t.Helper()
	key, err := webhook.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Message{
		Merchant: "mertest000000", URL: url, ID: "msg_abcdefghijklmnopqrst_3",
		Body: []byte(`{"type":"topup.succeeded"}`), Keys: []webhook.Key{key},
	}
}

// receive starts an endpoint and returns its URL.
func receive(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// local is a sender that may reach the endpoints of these tests.
func local(t testing.TB, cfg webhook.Config) *webhook.Sender {
	t.Helper()
	cfg.AllowPrivate = true
	s := webhook.NewSender(cfg)
	t.Cleanup(s.CloseIdle)
	return s
}

func TestSendDelivers(t *testing.T) {
	t.Parallel()
	type arrival struct {
		header http.Header
		body   []byte
		host   string
	}
	arrived := make(chan arrival, 1)
	url := receive(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- arrival{r.Header, body, r.Host}
		w.WriteHeader(http.StatusAccepted)
	})
	m := message(t, url+"/cb")
	m.Headers = map[string]string{
		"X-Shop": "7", "Authorization": "Bearer abc",
		"Webhook-Signature": "v1,forged", "content-type": "text/plain", "Host": "elsewhere", "Content-Length": "3", "Idempotency-Key": "k",
	}
	r := local(t, webhook.Config{}).Send(t.Context(), m)
	if !r.OK || r.Status != http.StatusAccepted || r.Excerpt != "" || r.Gone || !r.Postponed.IsZero() || r.At.IsZero() {
		t.Fatalf("result %+v", r)
	}
	a := <-arrived
	must(t, webhook.Verify("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", a.header, a.body, time.Now()))
	for name, want := range map[string]string{
		"X-Shop": "7", "Authorization": "Bearer abc", "Content-Type": "application/json", "webhook-id": m.ID,
		"Idempotency-Key": "", "User-Agent": "topupq-webhook/1", "Referer": "", "Accept-Encoding": "",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a.host == "elsewhere" || len(a.header.Values("webhook-signature")) != 1 {
		t.Errorf("host %q, signatures %v", a.host, a.header.Values("webhook-signature"))
	}
}

func TestSendAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		status  int
		header  string
		body    string
		want    webhook.Result
		comment string
	}{
		{204, "", "", webhook.Result{Status: 204, OK: true}, "no content"},
		{200, "3600", "fine", webhook.Result{Status: 200, OK: true}, "a success asks for nothing"},
		{410, "", "gone", webhook.Result{Status: 410, Gone: true, Excerpt: "gone"}, "gone"},
		{404, "", "no such page", webhook.Result{Status: 404, Excerpt: "no such page"}, "not found"},
		{429, "120", "slow down", webhook.Result{Status: 429, Excerpt: "slow down", RetryAfter: 2 * time.Minute}, "asked to wait"},
		{503, "soon", "a\r\n\tb\x00c", webhook.Result{Status: 503, Excerpt: "a b c"}, "control characters"},
		{500, "", strings.Repeat("x", 300), webhook.Result{Status: 500, Excerpt: strings.Repeat("x", 200)}, "long answer"},
	}
	for _, c := range cases {
		t.Run(c.comment, func(t *testing.T) {
			t.Parallel()
			url := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			r := local(t, webhook.Config{}).Send(t.Context(), message(t, url))
			r.At, r.Latency = time.Time{}, 0
			if r != c.want {
				t.Errorf("got %+v, want %+v", r, c.want)
			}
		})
	}
}

func TestSendFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	target := receive(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target)
			w.WriteHeader(status)
		})
		if r := local(t, webhook.Config{}).Send(t.Context(), message(t, url)); r.OK || r.Status != status || r.Excerpt != "redirected" {
			t.Errorf("%d: %+v", status, r)
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestSendReusesConnections(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "thanks") }))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	s := local(t, webhook.Config{})
	for range 50 {
		if r := s.Send(t.Context(), message(t, srv.URL)); !r.OK {
			t.Fatalf("got %+v", r)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("50 callbacks took %d connections", n)
	}
}

func TestSendStopsWithItsCaller(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	url := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if r := local(t, webhook.Config{Timeout: time.Hour}).Send(ctx, message(t, url)); r.OK {
		t.Errorf("got %+v", r)
	}
}

func BenchmarkSend(b *testing.B) {
	url := receive(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	s := local(b, webhook.Config{})
	record := settled(b, delivered())
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		m := message(b, url)
		for pb.Next() {
			m.Body, _ = webhook.TopupBody(topup.FormatStandard, record, record.Version(), topup.EventSucceeded)
			if r := s.Send(b.Context(), m); !r.OK {
				b.Errorf("got %+v", r)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "callbacks/s")
}
