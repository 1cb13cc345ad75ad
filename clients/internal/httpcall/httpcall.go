package httpcall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// Config says how exchanges are made. The zero value is safe: 30 s, 4 MiB, no connection reuse.
type Config struct {
	// Timeout bounds the whole exchange: connect, write, wait, read. Default 30 s.
	Timeout time.Duration
	// MaxBody is the largest body that is read, in bytes. Default 4 MiB.
	MaxBody int64
	// KeepAlive allows connections to be used again. Never set it on a client that pays by GET: net/http repeats
	// a GET by itself when a reused connection breaks, and the provider books twice.
	KeepAlive bool
	// RootCAs etc. for tests against TLS servers; nil for the system's.
	TLS *tls.Config
}

const (
	defaultTimeout = 30 * time.Second
	defaultMaxBody = 4 << 20
	maxIdlePerHost = 64
)

// Client makes exchanges. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	timeout time.Duration
	maxBody int64
}

// New returns a client. It never follows redirects, uses no environment proxy, speaks HTTP/1.1 only (HTTP/2
// repeats requests on its own) and TLS 1.2 or later.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultMaxBody
	}
	tlsConfig := cfg.TLS.Clone()
	if tlsConfig == nil {
		tlsConfig = &tls.Config{}
	}
	if tlsConfig.MinVersion < tls.VersionTLS12 {
		tlsConfig.MinVersion = tls.VersionTLS12
	}
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        tlsConfig,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableKeepAlives:      !cfg.KeepAlive,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &Client{
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		timeout: cfg.Timeout,
		maxBody: cfg.MaxBody,
	}
}

// Response is a complete answer: the status line and the whole body.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Error is a failed exchange. Its text holds no URL, no header and no body.
type Error struct {
	// Op names the call, such as "POST /topups"; the caller gives it, without query.
	Op string
	// Reached means that the request can have reached the other side, so its effect is unknown. False is proof
	// that nothing was written: no name, no route, refused, TLS failed.
	Reached bool
	// Timeout means that the deadline passed.
	Timeout bool
	Err     error
}

// Error is the operation and the cause.
func (e *Error) Error() string {
	if e.Reached {
		return e.Op + ": no usable answer: " + e.Err.Error()
	}
	return e.Op + ": not sent: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Reached reports whether the request behind err can have reached the other side. Errors that are not of this
// package count as reached: unsure is never a no.
func Reached(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Reached
}

// ErrTooLarge is the cause when a body is larger than Config.MaxBody.
var ErrTooLarge = errors.New("answer too large")

// Do makes the exchange once and reads the whole body. op names the call in errors and logs. Any answer with a
// status line, redirects included, is a Response; everything else is an *Error.
func (c *Client) Do(ctx context.Context, op string, req *http.Request) (*Response, error) {
	began := time.Now()
	resp, err := c.do(ctx, op, req)
	observed(ctx, op, req, began, resp, err)
	return resp, err
}

func (c *Client) do(ctx context.Context, op string, req *http.Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return nil, newError(op, connected.Load(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return nil, newError(op, true, fmt.Errorf("read body: %w", err))
	}
	if int64(len(body)) > c.maxBody {
		return nil, newError(op, true, ErrTooLarge)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// CloseIdle closes the connections that wait to be used again.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// newError rebuilds a transport error without the URL that net/http puts into it.
func newError(op string, reached bool, err error) *Error {
	var ue *url.Error
	for errors.As(err, &ue) {
		err = ue.Err
	}
	timeout := errors.Is(err, context.DeadlineExceeded)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		timeout = true
	}
	return &Error{Op: op, Reached: reached, Timeout: timeout, Err: err}
}
