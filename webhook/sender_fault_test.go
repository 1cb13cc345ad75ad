package webhook_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"topupq/webhook"
)

// raw starts an endpoint that is given each connection after the request was read.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	return receive(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		serve(conn)
	})
}

func TestSendGivesUp(t *testing.T) {
	t.Parallel()
	// untilClosed blocks until the sender has let go of the connection.
	untilClosed := func(c net.Conn) { io.Copy(io.Discard, c) }
	cases := map[string]func(net.Conn){
		"hang": untilClosed,
		"hang inside the headers": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			untilClosed(c)
		},
		"drip": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			for {
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
				if err := c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
					return
				}
				c.Read(make([]byte, 1)) // the deadline paces the drops
			}
		},
	}
	for name, serve := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := local(t, webhook.Config{Timeout: 150 * time.Millisecond}).Send(t.Context(), message(t, raw(t, serve)))
			if r.OK || r.Status != 0 || r.Excerpt != "timeout" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// A status that has arrived counts, whatever becomes of the rest.
func TestSendDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	url := receive(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r := local(t, webhook.Config{Timeout: 300 * time.Millisecond}).Send(t.Context(), message(t, url))
	if !r.OK {
		t.Errorf("got %+v", r)
	}
}

func TestSendReadsLittleOfAHugeAnswer(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{200: true, 500: false} {
		written := make(chan int64, 1)
		url := receive(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			n, _ := io.Copy(w, io.LimitReader(endless{}, 1<<30))
			written <- n
		})
		r := local(t, webhook.Config{}).Send(t.Context(), message(t, url))
		if r.OK != ok || len(r.Excerpt) > 200 {
			t.Errorf("%d: %+v", status, r)
		}
		if n := <-written; n > 64<<20 {
			t.Errorf("%d: took %d bytes of the answer", status, n)
		}
	}
}

// endless is a reader of one letter without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestSendBadTLS(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	start := func(version uint16) *httptest.Server {
		srv := httptest.NewUnstartedServer(handler)
		srv.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv
	}
	modern, old := start(tls.VersionTLS13), start(tls.VersionTLS11)
	trusting := func(srv *httptest.Server) webhook.Config {
		return webhook.Config{TLS: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	}
	plain := strings.Replace(receive(t, handler), "http://", "https://", 1)
	cases := []struct {
		name, url string
		cfg       webhook.Config
		want      string
	}{
		{"trusted", modern.URL, trusting(modern), ""},
		{"unknown authority", modern.URL, webhook.Config{}, "tls failed"},
		{"wrong name", strings.Replace(modern.URL, "127.0.0.1", "localhost", 1), trusting(modern), "tls failed"},
		{"TLS 1.1", old.URL, trusting(old), "tls failed"},
		{"no TLS at all", plain, webhook.Config{}, "tls failed"},
	}
	for _, c := range cases {
		if r := local(t, c.cfg).Send(t.Context(), message(t, c.url)); r.Excerpt != c.want || r.OK != (c.want == "") {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestSendRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	url := "http://" + l.Addr().String()
	l.Close()
	if r := local(t, webhook.Config{}).Send(t.Context(), message(t, url)); r.Excerpt != "connection refused" || r.OK {
		t.Errorf("got %+v", r)
	}
}

// A name that is public when it is set up and answers 127.0.0.1 when it is used.
func TestSendGuardsTheAddressAtConnectTime(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(srv.Close)
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	must(t, err)
	cfg := webhook.Config{Resolver: resolver(net.IPv4(127, 0, 0, 1)), TLS: srv.Client().Transport.(*http.Transport).TLSClientConfig}
	m := message(t, "https://example.com:"+port+"/cb")

	if r := webhook.NewSender(cfg).Send(t.Context(), m); r.Excerpt != "address not allowed" || r.OK || r.Status != 0 {
		t.Errorf("guarded: %+v", r)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("reached %d times", n)
	}
	if r := local(t, cfg).Send(t.Context(), m); !r.OK {
		t.Errorf("with private addresses allowed, to prove that the name leads there: %+v", r)
	}
	for _, url := range []string{srv.URL, "http://example.com:" + port, "https://user@example.com:" + port} {
		if r := webhook.NewSender(cfg).Send(t.Context(), message(t, url)); r.Excerpt != "address not allowed" {
			t.Errorf("%s: %+v", url, r)
		}
	}
}

func TestSendNameNotFound(t *testing.T) {
	t.Parallel()
	cfg := webhook.Config{Resolver: resolver(nil)}
	if r := webhook.NewSender(cfg).Send(t.Context(), message(t, "https://nowhere.example.com/")); r.Excerpt != "name not found" {
		t.Errorf("got %+v", r)
	}
}

// resolver answers every question for an IPv4 address with ip; nil is "no such name".
func resolver(ip net.IP) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerDNS(server, ip.To4())
		return client, nil
	}}
}

// answerDNS answers questions as over TCP: two bytes of length, then the message (RFC 1035).
func answerDNS(conn net.Conn, ip net.IP) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		var size uint16
		if binary.Read(in, binary.BigEndian, &size) != nil {
			return
		}
		q := make([]byte, size)
		if _, err := io.ReadFull(in, q); err != nil {
			return
		}
		end := 12
		for q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5 // the root label, type and class
		a := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		isA := q[end-3] == 1
		switch {
		case ip == nil:
			a[3] |= 3
		case isA:
			a[7] = 1
			a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4)
			a = append(a, ip...)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
			return
		}
	}
}

// An endpoint that drops kept connections without saying so costs no attempt.
func TestSendSurvivesDroppedConnections(t *testing.T) {
	t.Parallel()
	url := raw(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
	s := local(t, webhook.Config{})
	for i := range 50 {
		if r := s.Send(t.Context(), message(t, url)); !r.OK {
			t.Fatalf("callback %d: %+v", i, r)
		}
	}
}
