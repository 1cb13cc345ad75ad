package bulksms

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"topupq/clients/internal/httpcall"
)

// DefaultBaseURL is the only published address.
const DefaultBaseURL = "https://api.bulksms.com/v1"

// DefaultTimeout bounds a call where Config names no other time.
const DefaultTimeout = 30 * time.Second

// Secret is text that never prints.
type Secret = httpcall.Secret

// Config says how to reach BulkSMS. TokenID and TokenSecret are needed.
type Config struct {
	// BaseURL goes up to and including /v1. Default DefaultBaseURL.
	BaseURL string
	// TokenID and TokenSecret are an API token (Settings, Developer Settings), sent as Basic before being asked for.
	TokenID     Secret
	TokenSecret Secret
	// From is the sender, empty for the account's default.
	From string
	// Timeout bounds a call. Default DefaultTimeout.
	Timeout time.Duration
	// TLS is for tests against TLS servers; nil for the system's.
	TLS *tls.Config
}

// Client makes BulkSMS' calls. It is safe for concurrent use.
type Client struct {
	base       string
	id, secret *httpcall.Hidden
	from       string
	http       *httpcall.Client
}

// Rotate makes id and secret those of every call from now on.
func (c *Client) Rotate(id, secret Secret) {
	c.id.Replace(id)
	c.secret.Replace(secret)
}

// New checks cfg and returns a client. The error names the setting that is wrong and never its secret.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("bulksms: base URL must be http(s)://host/v1 without query and user")
	}
	if cfg.TokenID == "" || cfg.TokenSecret == "" {
		return nil, errors.New("bulksms: token id or token secret is missing")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Client{
		base: strings.TrimRight(cfg.BaseURL, "/"), id: httpcall.Hide(cfg.TokenID), secret: httpcall.Hide(cfg.TokenSecret), from: cfg.From,
		// The send is a POST without Idempotency-Key, which net/http never repeats once anything was written.
		http: httpcall.New(httpcall.Config{Timeout: cfg.Timeout, KeepAlive: true, TLS: cfg.TLS}),
	}, nil
}

// Close closes connections that wait to be used again.
func (c *Client) Close() { c.http.CloseIdle() }

// do makes one exchange and decodes the answer into v. Every failure is an *Error; want is the HTTP status of success.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any, want int, v any) error {
	op := method + " " + path
	req, err := c.newRequest(ctx, method, path, query, body)
	if err != nil {
		return &Error{Op: op, Err: ErrRequest}
	}
	resp, err := c.http.Do(ctx, op, req)
	if err != nil {
		return &Error{Op: op, Err: err}
	}
	if resp.Status != want {
		return newError(op, resp)
	}
	if err := json.Unmarshal(resp.Body, v); err != nil {
		return &Error{Op: op, HTTPStatus: resp.Status, Err: ErrUnreadable}
	}
	return nil
}

func (c *Client) newRequest(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.id.Reveal(), c.secret.Reveal())
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}
