package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"topupq/topup"
)

const (
	// callTimeout bounds a call that is not a stream; the longest "Prefer: wait" is 30 s.
	callTimeout = 60 * time.Second
	// maxAnswer bounds an answer that is kept in memory, in bytes.
	maxAnswer = 64 << 20
)

// apiClient talks to an intake with a merchant's key.
type apiClient struct {
	base string
	key  topup.Secret
	http *http.Client
}

// oneArg is for commands that take exactly one argument.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("write %s", cmd.UseLine())
	}
	return nil
}

// apiFlags adds the flags that say where the intake is and who is asking.
func apiFlags(cmd *cobra.Command) {
	cmd.Flags().String("url", "", "the intake's address (default TOPUPQ_URL, or http://127.0.0.1:8080)")
	cmd.Flags().String("key", "", "the merchant's API key; TOPUPQ_API_KEY or TOPUPQ_API_KEY_FILE keep it out of the process list")
}

// newAPIClient reads the flags, the environment and topupq.yaml, in this order.
func newAPIClient(cmd *cobra.Command, d deps) (*apiClient, error) {
	cfg, err := loadConfig(cmd, d)
	if err != nil {
		return nil, err
	}
	base, _ := cmd.Flags().GetString("url") // the flag is always there: apiFlags
	key, _ := cmd.Flags().GetString("key")
	base = strings.TrimRight(cmp.Or(base, cfg.Client.URL), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usageError("--url: write http://host:port or https://host")
	}
	key = cmp.Or(key, cfg.Client.APIKey.Reveal())
	if key == "" {
		return nil, usageError("no API key: set TOPUPQ_API_KEY (topupq merchant add NAME makes one)")
	}
	return &apiClient{base: base, key: topup.Secret(key), http: &http.Client{
		// The key must not follow a redirect to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// apiProblem is an answer that is not a success.
type apiProblem struct {
	Status int    `json:"-"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Errors []struct {
		Field   string `json:"field"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	// RetryAfter is the wait that was asked for, 0 for none.
	RetryAfter time.Duration `json:"-"`
}

// Error is the status, the code, the mistakes field by field, and what to do.
func (p *apiProblem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d)", cmp.Or(p.Code, http.StatusText(p.Status)), p.Status)
	if p.Detail != "" {
		b.WriteString(": " + clean(p.Detail))
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", clean(cmp.Or(e.Field, "body")), clean(e.Message))
	}
	switch p.Status {
	case http.StatusUnauthorized:
		b.WriteString("\n  check TOPUPQ_API_KEY: it is missing, wrong, or its merchant is disabled")
	case http.StatusForbidden:
		b.WriteString("\n  the key lacks a scope: topupq merchant rotate-key --scope gives it")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		b.WriteString("\n  run the same command again in a moment: nothing is done twice")
	}
	return b.String()
}

// passing reports whether the same request may succeed later.
func (p *apiProblem) passing() bool {
	return p.Status == http.StatusTooManyRequests || p.Status >= http.StatusInternalServerError
}

// get reads path into out.
func (c *apiClient) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, nil, out)
}

// call makes one exchange and decodes the answer. A failure is an *apiProblem when there was an answer.
func (c *apiClient) call(ctx context.Context, method, path string, header http.Header, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var payload io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		payload = bytes.NewReader(encoded)
	}
	req, err := c.request(ctx, method, path, payload)
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

func (c *apiClient) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, usageError("--url: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	return req, nil
}

// send returns a successful answer, whose body the caller closes.
func (c *apiClient) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("cannot reach the intake at %s: %w", c.base, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	p := &apiProblem{}
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(p) != nil {
		p.Detail = "the answer is not topupq's: is --url the intake?"
	}
	p.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return nil, p
}

// stream opens an answer of any length; the caller closes it.
func (c *apiClient) stream(ctx context.Context, path, accept string) (io.ReadCloser, error) {
	req, err := c.request(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// download copies the answer to w as it comes.
func (c *apiClient) download(ctx context.Context, path, accept string, w io.Writer) error {
	body, err := c.stream(ctx, path, accept)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// isStatus reports whether err is an answer with this status.
func isStatus(err error, status int) bool {
	var p *apiProblem
	return errors.As(err, &p) && p.Status == status
}
