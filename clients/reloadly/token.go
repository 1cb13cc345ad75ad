package reloadly

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Token opens the airtime service until it expires.
type Token struct {
	// Value is the bearer token; opaque, and never to be shown.
	Value Secret
	// Type is "Bearer", Scope the space-separated rights; both are for information only.
	Type  string
	Scope string
	// ExpiresAt is when Reloadly stops to accept it, RenewAt when we fetch the next one.
	ExpiresAt time.Time
	RenewAt   time.Time
}

const (
	// tokenMargin is how long before its end a token is renewed; short-lived ones at three quarters of their life.
	tokenMargin = 300 * time.Second
	// tokenLife is assumed for a token that does not say how long it lives.
	tokenLife = time.Minute
	// tokenTimeout bounds fetching one, repeats included.
	tokenTimeout = 30 * time.Second
)

// AccessToken returns the cached token, fetching one if there is none or it is about to expire (getAccessToken).
// https://docs.reloadly.com/airtime (authentication): POST /oauth/token on the token host.
func (c *Client) AccessToken(ctx context.Context) (Token, error) {
	t, err := c.tokens.get(ctx)
	if err != nil {
		return Token{}, &TokenError{Err: err}
	}
	return t, nil
}

// fetchToken asks for a token, a few times if the failure may pass.
func (c *Client) fetchToken(ctx context.Context) (Token, error) {
	for repeat := 0; ; repeat++ {
		t, err := c.askToken(ctx)
		if err == nil || repeat == readRepeats || !passing(err) || !c.pause(ctx, repeat, err) {
			return t, err
		}
	}
}

func (c *Client) askToken(ctx context.Context) (Token, error) {
	const op = "POST /oauth/token"
	req, err := newRequest(ctx, http.MethodPost, c.cfg.AuthURL+"/oauth/token", map[string]string{
		"client_id": c.cfg.ClientID, "client_secret": c.secret.Reveal(),
		"grant_type": "client_credentials", "audience": c.cfg.Audience,
	})
	if err != nil {
		return Token{}, err
	}
	req.Header.Set("Accept", "application/json")
	asked := c.cfg.Now()
	body, err := c.exchange(ctx, c.read, op, req)
	if err != nil {
		return Token{}, err
	}
	t, err := readToken(body, asked)
	if err != nil {
		return Token{}, &AnswerError{Op: op, Status: http.StatusOK, Err: err}
	}
	return t, nil
}

func readToken(body []byte, asked time.Time) (Token, error) {
	var b struct {
		AccessToken SecretText `json:"access_token"`
		TokenType   Text       `json:"token_type"`
		Scope       Text       `json:"scope"`
		ExpiresIn   Int        `json:"expires_in"`
	}
	if err := decodeJSON(body, &b); err != nil {
		return Token{}, err
	}
	if b.AccessToken.Reveal() == "" {
		return Token{}, errIncomplete
	}
	life := tokenLife
	if s := int64(b.ExpiresIn); s > 0 {
		life = time.Duration(min(s, 10*365*86400)) * time.Second
	}
	return Token{
		Value: b.AccessToken.Secret, Type: string(b.TokenType), Scope: string(b.Scope),
		ExpiresAt: asked.Add(life), RenewAt: asked.Add(life - min(tokenMargin, life/4)),
	}, nil
}

// tokenRefused reports whether err is the 401 that a new token cures.
func tokenRefused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && (e.Code == CodeTokenExpired || e.Code == CodeInvalidToken)
}

// tokenSource caches one token. Whoever finds none fetches it for everybody who waits.
type tokenSource struct {
	fetch func(context.Context) (Token, error)
	now   func() time.Time

	mu      sync.Mutex
	current Token
	flight  *tokenFlight
}

// tokenFlight is one fetch under way; token and err are set before done is closed.
type tokenFlight struct {
	done  chan struct{}
	token Token
	err   error
}

func newTokenSource(fetch func(context.Context) (Token, error), now func() time.Time) *tokenSource {
	return &tokenSource{fetch: fetch, now: now}
}

func (s *tokenSource) get(ctx context.Context) (Token, error) {
	s.mu.Lock()
	if s.now().Before(s.current.RenewAt) {
		defer s.mu.Unlock()
		return s.current, nil
	}
	if f := s.flight; f != nil {
		s.mu.Unlock()
		return f.wait(ctx)
	}
	f := &tokenFlight{done: make(chan struct{})}
	s.flight = f
	s.mu.Unlock()
	s.run(ctx, f)
	return f.token, f.err
}

// run fetches without the caller's cancellation, since others wait for the same token. If it fails while the old
// token still lives, the old one goes on serving.
func (s *tokenSource) run(ctx context.Context, f *tokenFlight) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
	defer cancel()
	f.token, f.err = s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.err == nil {
		s.current = f.token
	} else if s.now().Before(s.current.ExpiresAt) {
		f.token, f.err = s.current, nil
	}
	s.flight = nil
	close(f.done)
}

func (f *tokenFlight) wait(ctx context.Context) (Token, error) {
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// drop forgets t if it is still the cached one; a newer one stays.
func (s *tokenSource) drop(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.Value == t.Value {
		s.current = Token{}
	}
}
