package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// cancelled hands top-ups in and cancels them: one event each.
func (s *shop) cancelled(t *testing.T, references ...string) {
	t.Helper()
	if _, _, code := s.run(t, "submit", s.write(t, strings.Join(references, "-")+".csv", "reference,recipient,amount,currency\n"+strings.Join(references, ",+27831234567,2,ZAR\n")+",+27831234567,2,ZAR\n")); code != 0 {
		t.Fatal("not handed in")
	}
	for _, r := range references {
		_, err := s.store.Update(t.Context(), topup.NewID(s.keys.ID, r), func(x *topup.Topup) error {
			return x.Cancel(topup.ActorMerchant, "", time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.store.PublishEvents(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
}

func TestCallbacksListen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.cancelled(t, "ord-1", "ord-2")
	secret := topup.NewWebhookSecret()
	var mu sync.Mutex
	var got []string
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil || webhook.Verify(secret.Reveal(), r.Header, body, time.Now()) != nil {
			t.Errorf("not verified: %v %s", err, body)
		}
		var event struct {
			Type string `json:"type"`
			Data struct {
				Reference string `json:"reference"`
			} `json:"data"`
		}
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		got = append(got, event.Type+" "+event.Data.Reference)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(program.Close)
	out, _, code := s.run(t, "callbacks", "listen", "--after", "0", "--once", "--forward", program.URL+"/cb", "--secret", secret.Reveal())
	if code != 0 || len(got) != 2 || !strings.HasPrefix(got[0], "topup.failed ord-") {
		t.Errorf("exit %d, got %v", code, got)
	}
	holds(t, out, "ord-1", "ord-2", "202 in", "topup.failed")

	out, _, code = s.run(t, "callbacks", "listen", "--after", "1", "--once", "--json")
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, `"sequence":2`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, _, code = s.run(t, "callbacks", "listen", "--once"); code != 0 || out != "" {
		t.Errorf("from now on: exit %d: %s", code, out)
	}
	if _, _, code = s.run(t, "callbacks", "listen", "--forward", "ftp://x", "--once"); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	if _, errs, code := s.run(t, "callbacks", "listen", "--after", "99", "--once"); code != exitFailed || !strings.Contains(errs, "sequence_ahead") {
		t.Errorf("exit %d: %s", code, errs)
	}
	program.Close()
	out, _, _ = s.run(t, "callbacks", "listen", "--after", "1", "--once", "--forward", program.URL+"/cb")
	holds(t, out, "not answered")
}

func TestCallbacksListAndRedeliver(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.cancelled(t, "ord-1")
	id := topup.CallbackID(string(topup.NewID(s.keys.ID, "ord-1")), 2)
	out, _, code := s.run(t, "callbacks", "list")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	holds(t, out, id, "topup.failed", "waiting")
	out, _, code = s.run(t, "callbacks", "redeliver", id)
	if code != 0 || !strings.Contains(out, "sent again") {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, args := range [][]string{{}, {id, "--since", "1h"}, {"--since", "yesterday"}, {"--since", "1h", "--until", "soon"}} {
		if _, _, code := s.run(t, append([]string{"callbacks", "redeliver"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d", args, code)
		}
	}
	if _, errs, code := s.run(t, "callbacks", "redeliver", "--since", "1h", "--state", "lost"); code != exitFailed || !strings.Contains(errs, "states[0]") {
		t.Errorf("exit %d: %s", code, errs)
	}
	s.redeliverAll(t)
}

// redeliverAll gives an order and carries it out as the scheduler would.
func (s *shop) redeliverAll(t *testing.T) {
	t.Helper()
	looked := make(chan struct{}, 100)
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/redeliveries/") {
			looked <- struct{}{}
		}
		return false
	}
	ctx := t.Context()
	var scheduler sync.WaitGroup
	scheduler.Go(func() {
		for range looked {
			open, err := s.store.OpenRedeliveries(ctx)
			for _, r := range open {
				r.Seen, r.Redelivered, r.DoneAt = 7, 5, time.Now()
				err = s.store.PutRedelivery(ctx, r)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	out, _, code := s.run(t, "callbacks", "redeliver", "--since", "36h", "--state", "failed, parked")
	if code != 0 || !strings.Contains(out, "7 events in the range, 5 of them") {
		t.Errorf("exit %d: %s", code, out)
	}
	close(looked)
	scheduler.Wait()
}
