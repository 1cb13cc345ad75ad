package rechargekit

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

// DefaultBaseURL is the host that most integrators use (second hand).
const DefaultBaseURL = "https://v2bapi.rechargkit.biz"

// Timeouts that apply where Config names none. Other integrators wait between 20 s and 5 min for a recharge.
const (
	DefaultTimeout     = 90 * time.Second
	DefaultReadTimeout = 30 * time.Second
)

// Secret is text that never prints.
type Secret = httpcall.Secret

// Config says how to reach RechargeKit. Only Token is needed.
type Config struct {
	// BaseURL is scheme and host, with a path prefix where there is one. Default DefaultBaseURL.
	BaseURL string
	// Token is the account's static API token, sent as Bearer.
	Token Secret
	// Method of the prepaid call: POST (default) or GET, as on the provider's page.
	Method string
	// PlanMethod of PrepaidPlanFetch: POST (default) or GET; integrators are seen to use either.
	PlanMethod string
	// Timeout bounds a paying call, ReadTimeout every other. Defaults DefaultTimeout, DefaultReadTimeout.
	Timeout     time.Duration
	ReadTimeout time.Duration
	// NoStatusCheck switches StatusCheck off, for accounts that do not have it.
	NoStatusCheck bool
	// TLS is for tests against TLS servers; nil for the system's.
	TLS *tls.Config
}

// Client makes RechargeKit's calls. It is safe for concurrent use.
type Client struct {
	base          string
	token         *httpcall.Hidden
	method        string
	planMethod    string
	noStatusCheck bool
	pay           *httpcall.Client
	read          *httpcall.Client
}

// Rotate makes token the one of every call from now on.
func (c *Client) Rotate(token Secret) { c.token.Replace(token) }

// New checks cfg and returns a client. The error names the setting that is wrong and never its secret.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("rechargekit: base URL must be http(s)://host without query and user")
	}
	if cfg.Token == "" {
		return nil, errors.New("rechargekit: token is missing")
	}
	method, err := parseMethod("method", cfg.Method)
	if err != nil {
		return nil, err
	}
	planMethod, err := parseMethod("plan method", cfg.PlanMethod)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.ReadTimeout <= 0 {
		cfg.ReadTimeout = DefaultReadTimeout
	}
	return &Client{
		base: strings.TrimRight(cfg.BaseURL, "/"), token: httpcall.Hide(cfg.Token),
		method: method, planMethod: planMethod, noStatusCheck: cfg.NoStatusCheck,
		// Reusing connections is safe for POST only; see httpcall.Config.KeepAlive.
		pay:  httpcall.New(httpcall.Config{Timeout: cfg.Timeout, KeepAlive: method == http.MethodPost, TLS: cfg.TLS}),
		read: httpcall.New(httpcall.Config{Timeout: cfg.ReadTimeout, KeepAlive: true, TLS: cfg.TLS}),
	}, nil
}

func parseMethod(setting, method string) (string, error) {
	switch method {
	case "", http.MethodPost:
		return http.MethodPost, nil
	case http.MethodGet:
		return http.MethodGet, nil
	}
	return "", fmt.Errorf("rechargekit: %s must be GET or POST", setting)
}

// Close closes connections that wait to be used again.
func (c *Client) Close() {
	c.pay.CloseIdle()
	c.read.CloseIdle()
}

// call is one request: query for GET, body for POST.
type call struct {
	method string
	path   string
	query  url.Values
	body   any
}

// do makes one exchange and returns the members of the answer. It fails with an *httpcall.Error when there is no
// answer, an *Error when the answer is a refusal or has an HTTP status other than 200, and an *UnreadableError.
func (c *Client) do(ctx context.Context, via *httpcall.Client, cl call) (members, error) {
	op := cl.method + " " + cl.path
	req, err := c.newRequest(ctx, cl)
	if err != nil {
		return members{}, &httpcall.Error{Op: op, Err: err}
	}
	resp, err := via.Do(ctx, op, req)
	if err != nil {
		return members{}, err
	}
	m, err := parseMembers(c.redact(resp.Body))
	if resp.Status != http.StatusOK {
		return members{}, &Error{Op: op, HTTPStatus: resp.Status, Code: m.looseText("error"), Message: m.looseText("msg"), RetryAfter: retryAfter(resp.Header)}
	}
	if err != nil {
		return members{}, &UnreadableError{Op: op, Err: err}
	}
	return m, m.refusal(op)
}

// shortestToken is the length below which a token would turn up in an answer by chance.
const shortestToken = 8

// redact takes our token out of an answer: a provider that echoes its request must not carry it into records.
func (c *Client) redact(body []byte) []byte {
	token := []byte(c.token.Reveal())
	if len(token) < shortestToken {
		return body
	}
	return bytes.ReplaceAll(body, token, []byte("[redacted]"))
}

func (c *Client) newRequest(ctx context.Context, cl call) (*http.Request, error) {
	address := c.base + cl.path
	if len(cl.query) > 0 {
		address += "?" + cl.query.Encode()
	}
	var body []byte
	if cl.body != nil {
		var err error
		if body, err = json.Marshal(cl.body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("build request") // the cause would print the address
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	req.Header.Set("Accept", "application/json")
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}
