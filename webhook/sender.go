package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"topupq/topup"
)

// Config says how callbacks are posted. The zero value is for production.
type Config struct {
	// Timeout bounds the whole exchange: name, connect, write, wait. Default 15 s.
	Timeout time.Duration
	// AllowPrivate lets callbacks go to plain http and to private addresses. For development.
	AllowPrivate bool
	// Now is the clock; default time.Now.
	Now func() time.Time
	// TLS adds to the TLS settings, such as other roots in tests; TLS below 1.2 is never spoken.
	TLS *tls.Config
	// Resolver and RoundTripper replace the system's resolver and the whole transport in tests.
	Resolver     *net.Resolver
	RoundTripper http.RoundTripper
}

const (
	defaultTimeout = 15 * time.Second
	// bodyGrace is how long the rest of an answer is read once its status is known.
	bodyGrace      = time.Second
	maxAnswer      = 4 << 10
	maxHeaders     = 16 << 10
	maxIdlePerHost = 64
	idleTimeout    = 60 * time.Second
	userAgent      = "topupq-webhook/1"
)

// Sender posts callbacks. It is safe for concurrent use and reuses connections.
type Sender struct {
	guard     Guard
	timeout   time.Duration
	now       func() time.Time
	transport http.RoundTripper
	hosts     *hosts
}

// NewSender returns a Sender. It follows no redirect, uses no proxy, and connects only where its Guard allows.
func NewSender(cfg Config) *Sender {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sender{
		guard: Guard{AllowPrivate: cfg.AllowPrivate}, timeout: cfg.Timeout, now: cfg.Now,
		transport: cfg.RoundTripper, hosts: newHosts(cfg.Now),
	}
	if s.transport == nil {
		s.transport = newTransport(cfg, s.guard)
	}
	return s
}

// Timeout is the longest that Send takes.
func (s *Sender) Timeout() time.Duration { return s.timeout }

// CloseIdle closes the connections that wait to be used again.
func (s *Sender) CloseIdle() {
	if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Message is one callback to be posted. ID is the webhook-id, the same on every attempt. Keys sign; Headers are the
// merchant's own and cannot replace ours. Merchant keeps the breakers of a host that serves several merchants apart:
// one dead endpoint must not hold up another's.
type Message struct {
	Merchant topup.MerchantID
	URL      string
	ID       string
	Body     []byte
	Keys     []Key
	Headers  map[string]string
}

// Result is what became of one attempt.
type Result struct {
	At      time.Time
	Latency time.Duration
	// Status is the answer's, 0 where none came.
	Status int
	// OK means a 2xx in time. Everything else is a failure, redirects included.
	OK bool
	// Gone means 410: the endpoint wants no more callbacks.
	Gone bool
	// Excerpt tells what went wrong: the start of the answer as printable text, or a word for why there is none.
	Excerpt string
	// RetryAfter is the wait the endpoint asked for, at most 24 h; 0 for none.
	RetryAfter time.Duration
	// Postponed, when set, means that nothing was sent, because the host has been failing: try again then. It
	// counts as no attempt.
	Postponed time.Time
}

// errAborted is told to the breaker when the caller gave up: it says nothing about the host.
var errAborted = errors.New("aborted by the caller")

// Send posts m once and says what came of it. It returns within Timeout. When ctx ends earlier the result is a
// failure that says nothing: the endpoint may have received it.
func (s *Sender) Send(ctx context.Context, m Message) Result {
	start := s.now()
	u, err := s.guard.CheckURL(m.URL)
	if err != nil {
		return Result{At: start, Excerpt: wordAddress}
	}
	var r Result
	postponed := s.hosts.get(hostKey{m.Merchant, u.Host}).try(func() error {
		r = s.post(ctx, m, start)
		if ctx.Err() != nil && !r.OK {
			return errAborted
		}
		return r.hostFailure()
	})
	if !postponed.IsZero() {
		return Result{At: start, Postponed: postponed}
	}
	return r
}

// post makes the exchange. One timer bounds it: first by the timeout, then, once the status is known, by bodyGrace.
func (s *Sender) post(ctx context.Context, m Message, start time.Time) Result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(s.timeout, func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	req, err := s.request(ctx, m, start)
	if err != nil {
		return Result{At: start, Excerpt: wordAddress}
	}
	resp, err := s.transport.RoundTrip(req)
	latency := s.now().Sub(start)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Result{At: start, Latency: latency, Excerpt: word(err)}
	}
	defer resp.Body.Close()
	timer.Reset(min(bodyGrace, max(s.timeout-latency, time.Millisecond)))
	// A body that is slow, broken or endless changes nothing: the status has said it.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return s.judge(resp, answer, Result{At: start, Latency: latency, Status: resp.StatusCode})
}

func (s *Sender) judge(resp *http.Response, answer []byte, r Result) Result {
	switch {
	case r.Status >= 200 && r.Status <= 299:
		r.OK = true
		return r
	case r.Status >= 300 && r.Status <= 399:
		r.Excerpt = wordRedirect
	default:
		r.Excerpt = excerpt(answer)
	}
	r.Gone = r.Status == http.StatusGone
	r.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), s.now())
	return r
}

func (s *Sender) request(ctx context.Context, m Message, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range m.Headers {
		if merchantMaySet(name) {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(HeaderID, m.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(HeaderSignature, Sign(m.Keys, m.ID, at, m.Body))
	// An empty key is not sent. It tells net/http that repeating this POST is safe, so that a kept connection that
	// the endpoint has closed meanwhile costs a reconnect and not an attempt.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// merchantMaySet keeps a merchant's headers from changing the framing, the target or the signature.
func merchantMaySet(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Expect", "Idempotency-Key", "X-Idempotency-Key":
		return false
	default:
		return true
	}
}

// newTransport speaks HTTP/1.1 only: a callback is one small POST, and a hanging one then blocks one connection, not
// the one that all of the endpoint's callbacks share.
func newTransport(cfg Config, guard Guard) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second, Resolver: cfg.Resolver, Control: guard.Control}
	settings := cfg.TLS.Clone()
	if settings == nil {
		settings = &tls.Config{}
	}
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	settings.NextProtos = []string{"http/1.1"}
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		DialTLSContext:         dialTLS(dialer, settings),
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaders,
	}
}

// dialTLS makes the handshake itself, so that every way in which it fails is known to be a TLS failure.
func dialTLS(dialer *net.Dialer, settings *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		own := settings.Clone()
		own.ServerName, _, _ = net.SplitHostPort(address)
		ctx, cancel := context.WithTimeout(ctx, dialer.Timeout)
		defer cancel()
		conn := tls.Client(raw, own)
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, &tlsError{err}
		}
		return conn, nil
	}
}
