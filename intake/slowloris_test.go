package intake_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"topupq/intake"
)

// listen serves the API as the program does, with its limits, on a loopback address.
func (a *api) listen() string {
	a.t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		a.t.Fatal(err)
	}
	srv := a.server.HTTPServer("")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	a.t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			a.t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			a.t.Error(err)
		}
	})
	return l.Addr().String()
}

// begin opens a connection and sends the beginning of a request.
func begin(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // closed by the server already
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// wantHungUp fails unless the server ends the connection by itself. It may say why first.
func wantHungUp(t *testing.T, what string, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: the connection is still open", what)
	}
}

// TestSlowSenders holds many connections open with requests that never end, at every point at which one can stop. Others
// are served meanwhile, and in the end the server hangs up on all of them.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *intake.Config) {
		c.Limits.Header, c.Limits.Read, c.Limits.Stall, c.Limits.Idle = 2*time.Second, 2*time.Second, 2*time.Second, 2*time.Second
	})
	addr := a.listen()
	key := "Authorization: Bearer " + a.key + "\r\nHost: intake\r\n"
	stops := map[string]string{
		"nothing": "", "in the method": "PO", "in a header": "GET /v1/topups HTTP/1.1\r\nHost: intake\r\nX-Slow: a",
		"before the end of the header": "GET /healthz HTTP/1.1\r\nHost: intake\r\n",
		"in a body":                    "POST /v1/topups HTTP/1.1\r\n" + key + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
		"in a chunk":                   "POST /v1/topups HTTP/1.1\r\n" + key + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
		"in a batch":                   "POST /v1/batches HTTP/1.1\r\n" + key + "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{",
		"after a request":              "GET /healthz HTTP/1.1\r\nHost: intake\r\n\r\n",
	}
	conns := map[string][]net.Conn{}
	for what, text := range stops {
		for range 25 {
			conns[what] = append(conns[what], begin(t, addr, text))
		}
	}
	for range 20 {
		other := begin(t, addr, "GET /healthz HTTP/1.1\r\nHost: intake\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(other)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
			t.Fatalf("others are not served: %v %s", err, answer)
		}
	}
	for what, list := range conns {
		for _, conn := range list {
			wantHungUp(t, what, conn)
		}
	}
}
