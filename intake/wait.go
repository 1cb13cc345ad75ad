package intake

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// preferWait is how long the client is ready to wait for an outcome ("Prefer: wait=10", RFC 7240), at most the
// limit. What cannot be read counts as no wish; it is never refused.
func (s *Server) preferWait(r *http.Request) time.Duration {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		part, _, _ = strings.Cut(part, ";")
		name, text, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		text = strings.Trim(strings.TrimSpace(text), `"`)
		if text == "" || strings.Trim(text, "0123456789") != "" {
			return 0
		}
		n, err := strconv.Atoi(text)
		if err != nil || n > int(s.cfg.Limits.Wait/time.Second) {
			return s.cfg.Limits.Wait
		}
		return time.Duration(n) * time.Second
	}
	return 0
}

// await asks look again and again until it reports true, the wait is over, the client hangs up, or too many wait
// already. An error of look ends it too: what was recorded is answered all the same.
func (s *Server) await(ctx context.Context, wait time.Duration, look func(context.Context) (bool, error)) {
	if wait <= 0 {
		return
	}
	select {
	case s.waiters <- struct{}{}:
		defer func() { <-s.waiters }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	poll := time.NewTicker(s.cfg.Limits.Poll)
	defer poll.Stop()
	for {
		if done, err := look(ctx); done || err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}
