package httpcall_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/clients/internal/httpcall"
)

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestAnswersAndErrors(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/huge", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 2000)) })
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { <-release })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(func() { close(release); srv.Close() })
	c := httpcall.New(httpcall.Config{Timeout: 300 * time.Millisecond, MaxBody: 1000})
	for path, want := range map[string]struct {
		status  int
		timeout bool
		large   bool
	}{
		"/ok": {status: 200}, "/away": {status: 302}, "/huge": {large: true}, "/hang": {timeout: true}, "/cut": {},
	} {
		resp, err := c.Do(t.Context(), "GET "+path, get(t, srv.URL+path+"?password=canary"))
		if want.status != 0 {
			if err != nil || resp.Status != want.status {
				t.Errorf("%s: %v, %v", path, resp, err)
			}
			continue
		}
		var he *httpcall.Error
		if !errors.As(err, &he) || !he.Reached || !httpcall.Reached(err) || he.Timeout != want.timeout || errors.Is(err, httpcall.ErrTooLarge) != want.large {
			t.Errorf("%s: %+v", path, err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error shows the query: %v", path, err)
		}
	}
}

// TestNothingWritten is the only kind of failure that proves that the request never arrived.
func TestNothingWritten(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	c := httpcall.New(httpcall.Config{Timeout: 5 * time.Second})
	for name, url := range map[string]string{
		"refused": "http://" + closed + "/?password=canary", "no TLS there": "https://" + strings.TrimPrefix(plain.URL, "http://") + "/?password=canary",
		"no such name": "http://nothing.invalid/?password=canary",
	} {
		_, err := c.Do(t.Context(), "GET /", get(t, url))
		if err == nil || httpcall.Reached(err) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, reached %v", name, err, httpcall.Reached(err))
		}
	}
	if !httpcall.Reached(errors.New("anything else")) {
		t.Error("an unknown error counts as not reached")
	}
}

// dropper is a server that answers the first request of a connection, and counts and drops every later one.
type dropper struct {
	addr string
	got  atomic.Int64
}

func newDropper(t *testing.T) *dropper {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	d := &dropper{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *dropper) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for n := 0; ; n++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		d.got.Add(1)
		if n > 0 {
			return // booked, and the answer is lost
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

// TestOneCallOneRequest loses the answer on a connection that was used before: net/http would repeat a GET there by
// itself. Our client of paying GETs has no such connections, and a POST is not repeated on one.
func TestOneCallOneRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method    string
		keepAlive bool
	}{"paying GET": {http.MethodGet, false}, "paying POST, connections reused": {http.MethodPost, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDropper(t)
			client := httpcall.New(httpcall.Config{Timeout: 5 * time.Second, KeepAlive: c.keepAlive})
			for range 20 {
				before := d.got.Load()
				req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+d.addr+"/pay", strings.NewReader("amount=1"))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = client.Do(t.Context(), "pay", req)
				if n := d.got.Load() - before; n != 1 {
					t.Fatalf("%d requests for one call", n)
				}
			}
		})
	}
}

// TestTheTrapIsReal shows that the client would double a GET if connections were reused: without this the test above
// could pass for another reason.
func TestTheTrapIsReal(t *testing.T) {
	t.Parallel()
	d := newDropper(t)
	client := httpcall.New(httpcall.Config{Timeout: 5 * time.Second, KeepAlive: true})
	doubled := false
	for range 20 {
		before := d.got.Load()
		if _, err := client.Do(t.Context(), "pay", get(t, "http://"+d.addr+"/pay")); err == nil && d.got.Load()-before > 1 {
			doubled = true
		}
	}
	if !doubled {
		t.Error("net/http no longer repeats a GET on a dropped connection: the rule may be relaxed")
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	s := httpcall.Secret("canary")
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%s %v %q %x %#v %d", s, s, s, s, s, s), string(text)} {
		if strings.Contains(out, "canary") || strings.Contains(out, fmt.Sprintf("%x", "canary")) {
			t.Errorf("it prints: %s", out)
		}
	}
	if s.Reveal() != "canary" {
		t.Error("it cannot be read either")
	}
}
