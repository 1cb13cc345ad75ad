package main

import (
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

	"topupq/client"
	"topupq/topup"
)

const (
	// callTimeout bounds a call that is not a stream; the longest "Prefer: wait" is 30 s.
	callTimeout = 60 * time.Second
	// maxAnswer bounds an answer that is kept in memory, in bytes.
	maxAnswer = 64 << 20
)

// apiClient talks to an intake with a merchant's key, through the client that is made from the API's description.
type apiClient struct {
	base  string
	http  *http.Client
	calls *client.Client
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
	return openAPI(base, topup.Secret(key))
}

// openAPI returns a client for the intake at base.
func openAPI(base string, key topup.Secret) (*apiClient, error) {
	c := &apiClient{base: base, http: &http.Client{
		// The key must not follow a redirect to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var err error
	if c.calls, err = client.NewClient(base, client.WithHTTPClient(c), client.WithRequestEditorFn(client.Key(key.Reveal()))); err != nil {
		return nil, usageError("--url: %w", err)
	}
	return c, nil
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

// readAnswer makes one exchange that is not a stream and decodes its answer into out. A failure is an *apiProblem when there
// was an answer.
func readAnswer(ctx context.Context, out any, ask func(ctx context.Context) (*http.Response, error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := ask(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// batch reads a batch.
func (c *apiClient) batch(ctx context.Context, id string) (topup.BatchView, error) {
	var b topup.BatchView
	err := readAnswer(ctx, &b, func(ctx context.Context) (*http.Response, error) { return c.calls.GetBatch(ctx, id) })
	return b, err
}

// Do implements the client's exchange: an answer that is not a success is an *apiProblem.
func (c *apiClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req) //nolint:gosec // the address is the one that whoever calls has set
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

// accept asks for a kind of answer.
func accept(mediaType string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", mediaType)
		return nil
	}
}

// isStatus reports whether err is an answer with this status.
func isStatus(err error, status int) bool {
	var p *apiProblem
	return errors.As(err, &p) && p.Status == status
}
