package reloadly_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"topupq/clients/reloadly"
)

func TestTokenIsFetchedOnceForAllWhoWait(t *testing.T) {
	t.Parallel()
	s := &script{life: `"86400"`, next: func(_ int64, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-1" || r.Header.Get("Accept") != "application/com.reloadly.topups-v1+json" {
			t.Errorf("headers %v", r.Header)
		}
		io.WriteString(w, `{"balance":1,"currencyCode":"USD"}`)
	}}
	c := newClient(t, s)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := c.AccountBalance(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.tokens.Load(); n != 1 {
		t.Errorf("%d tokens fetched", n)
	}
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(1_700_000_000+now.Load(), 0) }
	s := &script{life: "3600", next: func(_ int64, w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"balance":1,"currencyCode":"USD"}`)
	}}
	c := newClient(t, s, func(cfg *reloadly.Config) { cfg.Now = clock })
	for _, step := range []struct{ at, want int64 }{{0, 1}, {3299, 1}, {3300, 2}, {3301, 2}, {6600, 3}} {
		now.Store(step.at)
		if _, err := c.AccountBalance(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.tokens.Load(); n != step.want {
			t.Errorf("at %d s: %d tokens, want %d", step.at, n, step.want)
		}
	}
}

func TestOldTokenServesWhileTheTokenHostIsDown(t *testing.T) {
	t.Parallel()
	var now, down atomic.Int64
	s := &script{next: func(_ int64, w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"balance":1,"currencyCode":"USD"}`)
	}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/token" && down.Load() == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.ServeHTTP(w, r)
	})
	c := newClient(t, handler, func(cfg *reloadly.Config) {
		cfg.Now = func() time.Time { return time.Unix(1_700_000_000+now.Load(), 0) }
	})
	for _, step := range []struct {
		at, down int64
		ok       bool
	}{{0, 0, true}, {3400, 1, true}, {3601, 1, false}, {3602, 0, true}} {
		now.Store(step.at)
		down.Store(step.down)
		if _, err := c.AccountBalance(t.Context()); (err == nil) != step.ok {
			t.Errorf("at %d s, token host down %d: %v", step.at, step.down, err)
		}
	}
}

func TestStaleTokenIsReplacedAndThePurchaseRepeatedOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"TOKEN_EXPIRED", "INVALID_TOKEN"} {
		s := &script{next: func(_ int64, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer token-1" {
				fail(w, http.StatusUnauthorized, code)
				return
			}
			io.WriteString(w, `{"transactionId":7}`)
		}}
		id, err := newClient(t, s).TopupAsync(t.Context(), topupRequest("ref"))
		if err != nil || id != 7 || s.calls.Load() != 2 || s.tokens.Load() != 2 {
			t.Errorf("%s: id %d, %v, %d calls, %d tokens", code, id, err, s.calls.Load(), s.tokens.Load())
		}
	}
}

func TestRefusedTokenEndsAfterOneRepeat(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int64{"INVALID_TOKEN": 2, "MISSING_TOKEN": 1, "INACTIVE_ACCOUNT": 1} {
		s := &script{next: func(_ int64, w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusUnauthorized, code) }}
		_, err := newClient(t, s).TopupAsync(t.Context(), topupRequest("ref"))
		e, ok := reloadly.AsError(err)
		if !ok || e.Status != http.StatusUnauthorized || e.Code != code || s.calls.Load() != want {
			t.Errorf("%s: %v, %d calls", code, err, s.calls.Load())
		}
	}
}

func TestFailedTokenCallProvesThatNothingWasSent(t *testing.T) {
	t.Parallel()
	answers := map[string]func(http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { fail(w, http.StatusUnauthorized, "INVALID_CREDENTIALS") },
		"oauth": func(w http.ResponseWriter) {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"invalid_client","error_description":"no"}`)
		},
		"down":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"html":  func(w http.ResponseWriter) { io.WriteString(w, "<html>") },
		"empty": func(w http.ResponseWriter) { io.WriteString(w, "{}") },
		"cut":   func(w http.ResponseWriter) { hijack(w) },
	}
	for name, answer := range answers {
		paid := false
		c := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth/token" {
				answer(w)
				return
			}
			paid = true
		}))
		_, err := c.Topup(t.Context(), topupRequest("ref"))
		var te *reloadly.TokenError
		if !errors.As(err, &te) || reloadly.Reached(err) || paid {
			t.Errorf("%s: %v, reached %v, paid %v", name, err, reloadly.Reached(err), paid)
		}
	}
}
