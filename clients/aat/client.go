package aat

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"topupq/clients/internal/httpcall"
)

// DefaultBaseURL is the live service. There is no other: whether an account is for testing is told by GetUserStatus.
const DefaultBaseURL = "https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx"

// DefaultTimeout bounds one call where Config names no timeout.
const DefaultTimeout = 60 * time.Second

// Secret is text that never prints; Reveal is the only way to it.
type Secret = httpcall.Secret

// Config says how to reach AAT. Username and Password are needed.
type Config struct {
	// BaseURL is the service, up to and including ".asmx". Default DefaultBaseURL.
	BaseURL string
	// Method is GET (default, the documented one) or POST (a form with the same names).
	Method   string
	Username string
	Password Secret
	// Timeout bounds every single call. Default DefaultTimeout.
	Timeout time.Duration
	// TLS is for tests against TLS servers; nil for the system's.
	TLS *tls.Config
}

// Client makes AAT's calls. It is safe for concurrent use.
type Client struct {
	base     string
	method   string
	username string
	password *httpcall.Hidden
	paying   *httpcall.Client
	reading  *httpcall.Client
}

// Rotate makes password the one of every call from now on.
func (c *Client) Rotate(password Secret) { c.password.Replace(password) }

// New checks cfg and returns a client. The error names the setting that is wrong, never its value.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("aat: base URL must be http(s)://host/….asmx without query and user")
	}
	if cfg.Username == "" || cfg.Password == "" {
		return nil, errors.New("aat: username or password is missing")
	}
	if cfg.Method == "" {
		cfg.Method = http.MethodGet
	}
	if cfg.Method != http.MethodGet && cfg.Method != http.MethodPost {
		return nil, errors.New("aat: method must be GET or POST")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Client{
		base: strings.TrimRight(cfg.BaseURL, "/"), method: cfg.Method,
		username: cfg.Username, password: httpcall.Hide(cfg.Password),
		// A reused connection makes net/http repeat a GET by itself; see httpcall.Config.KeepAlive.
		paying:  httpcall.New(httpcall.Config{Timeout: cfg.Timeout, KeepAlive: cfg.Method == http.MethodPost, TLS: cfg.TLS}),
		reading: httpcall.New(httpcall.Config{Timeout: cfg.Timeout, KeepAlive: true, TLS: cfg.TLS}),
	}, nil
}

// Close closes connections that wait to be used again.
func (c *Client) Close() {
	c.paying.CloseIdle()
	c.reading.CloseIdle()
}

// call is one operation with its parameters and the root element that its answer must have.
type call struct {
	op     string
	root   string
	params url.Values
	pays   bool
}

// do makes one exchange and returns the answer's root. It fails with an *httpcall.Error when there is no answer, a
// *StatusError for every HTTP status but 200, and an *UndecodableError when the body is not XML with that root.
func (c *Client) do(ctx context.Context, cl call) (node, error) {
	req, err := c.newRequest(ctx, cl)
	if err != nil {
		return node{}, &httpcall.Error{Op: cl.op, Err: err}
	}
	via := c.reading
	if cl.pays {
		via = c.paying
	}
	resp, err := via.Do(ctx, cl.op, req)
	if err != nil {
		return node{}, c.clean(cl.op, err)
	}
	if resp.Status != http.StatusOK {
		return node{}, c.statusError(cl.op, resp)
	}
	root, err := parse(resp.Body, cl.root)
	if err != nil {
		return node{}, &UndecodableError{Op: cl.op, Err: err}
	}
	root.op, root.redact = cl.op, c.redact
	return root, nil
}

func (c *Client) newRequest(ctx context.Context, cl call) (*http.Request, error) {
	values := url.Values{"username": {c.username}, "password": {c.password.Reveal()}}
	for name, v := range cl.params {
		values[name] = v
	}
	address, body := c.base+"/"+cl.op, ""
	if c.method == http.MethodGet {
		address += "?" + values.Encode()
	} else {
		body = values.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("build request") // the cause would print the address
	}
	if c.method == http.MethodGet {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	} else {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/xml")
	return req, nil
}

// clean keeps the text of a transport error from carrying our password: net/http quotes a malformed status or
// header line, and a provider may have echoed the request in it.
func (c *Client) clean(op string, err error) error {
	if c.redact(err.Error()) == err.Error() {
		return err
	}
	return &httpcall.Error{Op: op, Reached: httpcall.Reached(err), Err: errors.New("malformed answer")}
}

// redact replaces our password in s, plain and as written in a URL.
func (c *Client) redact(s string) string {
	secret := c.password.Reveal()
	return strings.NewReplacer(secret, "[redacted]", url.QueryEscape(secret), "[redacted]", url.PathEscape(secret), "[redacted]").Replace(s)
}

// amountText writes an amount as the service reads it: digits, a dot, two digits. Finer amounts are never rounded.
func amountText(d decimal.Decimal) string {
	if !d.Equal(d.Truncate(2)) {
		return d.String()
	}
	return d.StringFixed(2)
}
