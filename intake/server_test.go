package intake_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"topupq/intake"
	"topupq/topup"
)

func TestNewChecksItsConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]intake.Config{
		"nothing": {}, "no ring": {Store: newFakeStore()}, "no store": {Ring: &fakeRing{}},
		"bad route": {Store: newFakeStore(), Ring: &fakeRing{}, Routes: []intake.Route{{Country: "ZA", Providers: []topup.ProviderName{"acme"}}}},
	} {
		if _, err := intake.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNoRouteProblems(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/", "/v1", "/v1/topups/", "/v2/topups", "/v1//topups", "/v1/topups/../topups", "/v1/topups/x/y", "/favicon.ico"} {
		a.do("GET", path, "").problem(404, "not_found")
	}
	for call, allow := range map[string]string{
		"DELETE /v1/topups": "GET, HEAD, POST", "PUT /v1/topups/x": "GET, HEAD", "GET /v1/batches": "POST",
		"POST /v1/reports/2026-11-20": "GET, HEAD", "PATCH /v1/webhook": "GET, HEAD, PUT", "POST /healthz": "GET, HEAD",
	} {
		method, path, _ := strings.Cut(call, " ")
		r := a.do(method, path, "")
		r.problem(405, "method_not_allowed")
		if got := r.header.Get("Allow"); got != allow {
			t.Errorf("%s allows %q, want %q", call, got, allow)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/v1/topups", "/nothing", "/healthz", "/docs"} {
		h := a.do("GET", path, "").header
		for _, name := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy", "Cache-Control"} {
			if h.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
	if got := a.do("GET", "/healthz", "", "X-Request-Id", "my-request-1").header.Get("X-Request-Id"); got != "my-request-1" {
		t.Errorf("request ID %q", got)
	}
	if got := a.do("GET", "/healthz", "", "X-Request-Id", "a b").header.Get("X-Request-Id"); got == "a b" || got == "" {
		t.Errorf("request ID %q", got)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("GET", "/healthz", "", "Authorization", "").want(200)
	a.do("GET", "/readyz", "", "Authorization", "").want(200)
	a.store.down = func(string, int) error { return errors.New("READONLY") }
	a.do("GET", "/healthz", "", "Authorization", "").want(200)
	r := a.do("GET", "/readyz", "", "Authorization", "")
	r.problem(503, "unavailable")
	if r.header.Get("Retry-After") != "5" || strings.Contains(string(r.body), "READONLY") {
		t.Errorf("%v %s", r.header, r.body)
	}
}

// Away, full or read-only: never 202, always 503 with Retry-After, and the same request succeeds later.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("GET", "/v1/topups", "").want(200) // the key is known
	a.store.down = func(call string, _ int) error { return errAway }
	id := strings.Repeat("a", 20)
	for _, call := range []string{
		"POST /v1/topups", "GET /v1/topups", "GET /v1/topups/" + id, "POST /v1/topups/" + id + "/cancel", "GET /v1/batches/bat1",
		"GET /v1/batches/bat1/topups", "GET /v1/webhook", "PUT /v1/webhook", "POST /v1/webhook/rotate", "POST /v1/webhook/test",
		"GET /v1/callbacks", "POST /v1/callbacks/msg_" + id + "_1/redeliver", "GET /v1/lookups/lkp1", "GET /v1/reports/2026-11-19",
	} {
		method, path, _ := strings.Cut(call, " ")
		body := ""
		switch {
		case call == "POST /v1/topups":
			body = good("a")
		case method == "PUT":
			body = `{}`
		}
		r := a.do(method, path, body)
		r.problem(503, "unavailable")
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", call)
		}
	}
	a.store.down = nil
	a.do("POST", "/v1/topups", good("a")).want(202)
	a.store.down = func(call string, _ int) error { return context.DeadlineExceeded }
	a.do("GET", "/v1/topups", "").problem(503, "unavailable")
}

// A panic is a problem and a log line without anything that was sent.
func TestPanic(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	observed := map[string]int{}
	a := newAPI(t, func(c *intake.Config) {
		c.Logger = zap.New(core)
		c.Observe = func(route string, status int, _ time.Duration) { observed[route] = status }
		c.SendTest = func(context.Context, *topup.Merchant) (topup.CallbackAttempt, error) {
			panic("whsec_secret in a panic")
		}
	})
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/"}`).want(200)
	r := a.do("POST", "/v1/webhook/test", "")
	r.problem(500, "internal")
	if logs.FilterMessage("panic").Len() != 1 {
		t.Error("the panic was not logged")
	}
	for _, e := range logs.All() {
		if text := e.Message + string(mustJSON(t, e.ContextMap())); strings.Contains(text, "whsec_secret") || strings.Contains(text, a.key) {
			t.Errorf("a secret in the log: %s", text)
		}
	}
	if observed["PUT /v1/webhook"] != 200 {
		t.Errorf("observed %v", observed)
	}
}

// live serves the API on a real connection.
func (a *api) live() *httptest.Server {
	a.t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = a.server.HTTPServer("")
	srv.Start()
	a.t.Cleanup(srv.Close)
	return srv
}

func (a *api) request(url, method, path string, body io.Reader, typ string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	r.Header.Set("Content-Type", typ)
	return r
}

// A large body is refused while it is still being sent.
func TestHugeBody(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	srv := a.live()
	body := io.LimitReader(spaces{}, 100<<20)
	resp, err := srv.Client().Do(a.request(srv.URL, "POST", "/v1/topups", body, "application/json"))
	if err != nil {
		return // the server hung up on the rest: as good
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// An upload that stands still is cut by its own deadline and keeps what was read. One that flows may take longer
// than any single deadline.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		c.Limits.Stall, c.Limits.Read = time.Second, time.Second
	})
	srv := a.live()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows := good("a") + "\n" + good("b") + "\n" + good("c")
	fmt.Fprintf(conn, "POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		a.key, ndjson, len(rows)+1, rows)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var rec receipt
	if err := json.NewDecoder(resp.Body).Decode(&rec); err != nil || resp.StatusCode != 202 {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	if rec.Accepted != 2 || rec.Errors[0].Code != "stream_broken" || !strings.Contains(rec.Errors[0].Message, "too long") {
		t.Errorf("%+v", rec)
	}
}

// A client that hangs up in the middle of an upload leaves a sealed batch with what was read.
func TestClientHangsUp(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	sealed := make(chan struct{})
	a := newAPI(t, func(c *intake.Config) { c.Logger = zap.New(core) })
	a.store.down = func(call string, _ int) error {
		if call == "UpdateBatch" {
			close(sealed)
		}
		return nil
	}
	srv := a.live()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n%s",
		a.key, ndjson, good("a")+"\n"+good("b")+"\n{\"ref")
	conn.Close()
	<-sealed
	srv.Close()
	if a.store.count() != 2 || logs.FilterMessage("batch taken").Len() != 1 {
		t.Errorf("%d records, %v", a.store.count(), logs.All())
	}
}

// A streamed answer that fails after its first byte is cut, not ended, so that nobody takes a part for the whole.
func TestStreamIsCut(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	batch := *a.upload(ndjson, rowsOf(3000)).receipt(202).BatchID
	srv := a.live()
	a.store.down = func(call string, n int) error {
		if call == "List" && n == 2 {
			return errAway
		}
		return nil
	}
	r := a.request(srv.URL, "GET", "/v1/batches/"+batch+"/topups", nil, "")
	r.Header.Set("Accept", ndjson)
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a whole answer of %d lines", bytes.Count(body, []byte("\n")))
	}
	a.store.down = nil
	r = a.request(srv.URL, "GET", "/v1/batches/"+batch+"/topups", nil, "")
	r.Header.Set("Accept", ndjson)
	if resp, err = srv.Client().Do(r); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || bytes.Count(body, []byte("\n")) != 3000 {
		t.Errorf("%v, %d lines", err, bytes.Count(body, []byte("\n")))
	}
}

// A client that waits and hangs up frees its place.
func TestHangUpWhileWaiting(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) { c.Limits.Waiters = 1 })
	srv := a.live()
	ctx, cancel := context.WithCancel(context.Background())
	looked := make(chan struct{})
	a.store.down = func(call string, n int) error {
		if call == "Get" && n == 2 {
			close(looked)
		}
		return nil
	}
	done := make(chan error)
	go func() {
		r := a.request(srv.URL, "POST", "/v1/topups", strings.NewReader(good("w")), "application/json").WithContext(ctx)
		r.Header.Set("Prefer", "wait=30")
		resp, err := srv.Client().Do(r)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	<-looked
	// All places are taken: the next one is not kept waiting.
	a.do("POST", "/v1/topups", good("x"), "Prefer", "wait=30").want(202)
	cancel()
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
	srv.Close() // waits for the handler: it must not sit out its 30 s
}

var idPattern = regexp.MustCompile(`^[a-z2-7]{20}$`)

func TestIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if id := a.do("POST", "/v1/topups", good("i")).want(202).text("id"); !idPattern.MatchString(id) {
		t.Errorf("id %q", id)
	}
}
