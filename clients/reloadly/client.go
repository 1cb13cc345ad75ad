package reloadly

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"topupq/clients/internal/httpcall"
)

const (
	// DefaultAuthURL is the token host of both environments.
	DefaultAuthURL = "https://auth.reloadly.com"
	// SandboxURL is the airtime host for test keys.
	SandboxURL = "https://topups-sandbox.reloadly.com"
	// LiveURL is the airtime host for live keys.
	LiveURL = "https://topups.reloadly.com"
)

// Names of the field that carries the number in the body of mnpLookupPost; the documents disagree.
const (
	MNPNumber = "number"
	MNPPhone  = "phone"
)

const (
	accept         = "application/com.reloadly.topups-v1+json"
	defaultTimeout = 90 * time.Second
	readTimeout    = 30 * time.Second
	readRepeats    = 2
	defaultWait    = 250 * time.Millisecond
	longestWait    = 5 * time.Second
	readMaxBody    = 16 << 20 // the operators of one country with their plans are several megabytes
)

// Config says where Reloadly is and who we are.
type Config struct {
	// AuthURL is the token host; /oauth/token is added. Default DefaultAuthURL.
	AuthURL string
	// BaseURL is the airtime host, SandboxURL or LiveURL. Required: there is no safe default.
	BaseURL string
	// Audience is what the token is asked for. Default BaseURL without its trailing slash.
	Audience string
	// ClientID and ClientSecret are the keys of one environment; test keys do not work with the live host.
	ClientID     string
	ClientSecret Secret
	// Timeout bounds a purchase, connect to last byte. Default 90 s: a failing operator was seen to hold a
	// synchronous call for 52 s. Reads and the token call take at most 30 s of it.
	Timeout time.Duration
	// MNPField is the field of mnpLookupPost that carries the number: MNPNumber (default) or MNPPhone.
	MNPField string
	// RetryWait is the wait before a read is repeated the first time; it doubles. Default 250 ms.
	RetryWait time.Duration
	// TLS is for tests against a TLS server; nil for the system's roots.
	TLS *tls.Config
	// Now is the clock that tokens expire by. Default time.Now.
	Now func() time.Time
}

// Client speaks to Reloadly's airtime service. It is safe for concurrent use. Purchases are sent once; reads are
// repeated a little after network errors, 408, 429 and 5xx.
type Client struct {
	cfg    Config
	secret *httpcall.Hidden
	paying *httpcall.Client
	read   *httpcall.Client
	tokens *tokenSource
}

// Rotate makes secret the one that the next token is asked for with.
func (c *Client) Rotate(secret Secret) { c.secret.Replace(secret) }

// New returns a client. The error names the first setting that cannot work.
func New(cfg Config) (*Client, error) {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return nil, err
	}
	secret := cfg.ClientSecret
	cfg.ClientSecret = ""
	c := &Client{
		cfg:    cfg,
		secret: httpcall.Hide(secret),
		// Reuse is safe for purchases because they are POSTs without Idempotency-Key: net/http repeats such a
		// request only when not a byte of it was written.
		paying: httpcall.New(httpcall.Config{Timeout: cfg.Timeout, KeepAlive: true, TLS: cfg.TLS}),
		read: httpcall.New(httpcall.Config{
			Timeout: min(cfg.Timeout, readTimeout), MaxBody: readMaxBody, KeepAlive: true, TLS: cfg.TLS,
		}),
	}
	c.tokens = newTokenSource(c.fetchToken, cfg.Now)
	return c, nil
}

func withDefaults(cfg Config) (Config, error) {
	if cfg.AuthURL == "" {
		cfg.AuthURL = DefaultAuthURL
	}
	var err error
	if cfg.AuthURL, err = cleanURL(cfg.AuthURL); err != nil {
		return cfg, fmt.Errorf("AuthURL: %w", err)
	}
	if cfg.BaseURL, err = cleanURL(cfg.BaseURL); err != nil {
		return cfg, fmt.Errorf("BaseURL: %w", err)
	}
	if cfg.Audience == "" {
		cfg.Audience = cfg.BaseURL
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return cfg, errors.New("ClientID and ClientSecret are required")
	}
	if cfg.MNPField == "" {
		cfg.MNPField = MNPNumber
	}
	if cfg.MNPField != MNPNumber && cfg.MNPField != MNPPhone {
		return cfg, fmt.Errorf("MNPField: %q is neither %q nor %q", cfg.MNPField, MNPNumber, MNPPhone)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.RetryWait <= 0 {
		cfg.RetryWait = defaultWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg, nil
}

// cleanURL refuses everything but an absolute http or https URL without user, query or fragment.
func cleanURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("an absolute http or https URL is needed")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("no user, query or fragment may be in the URL")
	}
	return strings.TrimRight(raw, "/"), nil
}

// call is one request, not yet sent.
type call struct {
	// op names it in errors: the path with placeholders, since the real one may hold a number.
	op     string
	method string
	// path is escaped already.
	path  string
	query url.Values
	body  any
	// paying calls move money; once marks them and other billed calls, which are never repeated.
	paying bool
	once   bool
}

func get(template, path string, query url.Values) call {
	return call{op: "GET " + template, method: http.MethodGet, path: path, query: query}
}

func post(path string, body any) call {
	return call{op: "POST " + path, method: http.MethodPost, path: path, body: body}
}

// do sends k with a token and returns the body of a 2xx answer. Every other status is an *Error; see Reached for
// what the errors prove.
func (c *Client) do(ctx context.Context, k call) ([]byte, error) {
	for repeat := 0; ; repeat++ {
		body, err := c.authorized(ctx, k)
		if err == nil || k.paying || k.once || repeat == readRepeats || !passing(err) {
			return body, err
		}
		if !c.pause(ctx, repeat, err) {
			return nil, err
		}
	}
}

// authorized sends k, and once more with a new token if the old one is refused: that 401 proves that nothing ran.
func (c *Client) authorized(ctx context.Context, k call) ([]byte, error) {
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, &TokenError{Err: err}
	}
	body, err := c.send(ctx, k, token)
	if !tokenRefused(err) {
		return body, err
	}
	c.tokens.drop(token)
	if token, err = c.tokens.get(ctx); err != nil {
		return nil, &TokenError{Err: err}
	}
	return c.send(ctx, k, token)
}

// send makes one exchange.
func (c *Client) send(ctx context.Context, k call, token Token) ([]byte, error) {
	address := c.cfg.BaseURL + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	req, err := newRequest(ctx, k.method, address, k.body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
	via := c.read
	if k.paying {
		via = c.paying
	}
	return c.exchange(ctx, via, k.op, req)
}

func (c *Client) exchange(ctx context.Context, via *httpcall.Client, op string, req *http.Request) ([]byte, error) {
	resp, err := via.Do(ctx, op, req)
	if err != nil {
		return nil, err
	}
	if resp.Status < 200 || resp.Status > 299 {
		return nil, newError(op, resp, c.cfg.Now())
	}
	return resp.Body, nil
}

func newRequest(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, &RequestError{Field: "body", Problem: "cannot be written as JSON"}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(payload))
	if err != nil {
		return nil, &RequestError{Field: "path", Problem: "cannot be written as a URL"}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// passing reports whether a read that ended in err may succeed when repeated.
func passing(err error) bool {
	var te *TokenError
	var ae *AnswerError
	if errors.As(err, &te) || errors.As(err, &ae) || errors.Is(err, context.Canceled) {
		return false // the token call has repeats of its own
	}
	var e *Error
	if !errors.As(err, &e) {
		var he *httpcall.Error // one that timed out has taken long enough
		return errors.As(err, &he) && !he.Timeout && !errors.Is(err, httpcall.ErrTooLarge)
	}
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// pause waits before a repeat, as long as asked for up to 5 s. It reports false when there is no time left or the
// wait asked for is longer: then the caller's own schedule is the better one.
func (c *Client) pause(ctx context.Context, repeat int, err error) bool {
	wait := c.cfg.RetryWait << repeat
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > wait {
		wait = e.RetryAfter
	}
	if wait > longestWait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// CloseIdle closes connections that wait to be used again.
func (c *Client) CloseIdle() {
	c.paying.CloseIdle()
	c.read.CloseIdle()
}
