package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"topupq/topup"
)

// trail collects what the process says.
type trail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *trail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(b)
}

func (t *trail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// wrongKey is an API key that nobody has.
const wrongKey = "tq_live_canary7f3e9bcanary7f3e9bcanary7f3e9b"

// TestCanarySecrets runs the whole product with secrets that can be told from everything else, drives every path that
// may leak them, and looks for them in the logs, in Redis, in what the listeners answer and in the metrics.
func TestCanarySecrets(t *testing.T) {
	t.Parallel()
	said := &trail{}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(said), zapcore.DebugLevel))
	key := base64.StdEncoding.EncodeToString([]byte("canary-7f3e9b-canary-7f3e9b-key!"))
	s, err := startSandbox(t.Context(), sandboxOptions{
		log: log, sims: simOptions{magic: true},
		env: map[string]string{
			"TOPUPQ_ENCRYPTION_KEY": key, "TOPUPQ_OPS_USERS": "ann:canary-7f3e9b-password:admin",
			"TOPUPQ_CHECK_EARLY": "100ms,300ms", "TOPUPQ_AAT_TIMEOUT": "1s", "TOPUPQ_RELOADLY_TIMEOUT": "1s", "TOPUPQ_RECHARGEKIT_TIMEOUT": "1s",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	secrets := map[string]string{
		"API key": s.apiKey, "encryption key": key, "ops password": "canary-7f3e9b-password", "provider secret": simSecret,
		"provider HMAC key": simHMACKey, "call-back token": simToken, "wrong API key": wrongKey,
	}
	for _, w := range s.merchant.Webhook.Secrets {
		plain, err := topup.OpenWebhookSecret(s.node.keyring, s.merchant.ID, w)
		if err != nil {
			t.Fatal(err)
		}
		secrets["webhook secret"] = strings.TrimPrefix(plain.Reveal(), "whsec_")
	}
	answers := drive(t, s)
	for _, pin := range pins(t, s) {
		secrets["PIN "+pin[:2]+"…"] = pin
	}
	places := map[string]string{"logs": said.String(), "answers": answers, "Redis": dump(t, s.node.ledger)}
	for name, secret := range secrets {
		for place, text := range places {
			for _, form := range []string{secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))} {
				if i := strings.Index(text, form); i >= 0 {
					t.Errorf("the %s is in the %s: …%s…", name, place, text[max(i-80, 0):i])
				}
			}
		}
	}
	t.Logf("%d secrets looked for in %d bytes of logs, %d of answers, %d of Redis: no hit", len(secrets), len(places["logs"]), len(answers), len(places["Redis"]))
}

// drive submits top-ups that end in every way, with faults among them, and reads every page.
func drive(t *testing.T, s *sandbox) string {
	t.Helper()
	var said strings.Builder
	intake, opsURL := "http://"+s.at.intake, "http://"+s.at.ops
	merchant := http.Header{"Authorization": {"Bearer " + s.apiKey}, "Content-Type": {"application/json"}, "Prefer": {"wait=2"}}
	var wg sync.WaitGroup
	answers := make([]string, 40)
	for i := range answers {
		wg.Go(func() {
			recharge := []string{"pinless", "pinned"}[i%2]
			body := fmt.Sprintf(`{"reference":"c-%d","recipient":"+2783123%04d","amount":"2.00","currency":"ZAR","provider":"aat","product":{"recharge":%q}}`, i, i%20, recharge)
			answers[i] = call(t, http.MethodPost, intake+"/v1/topups", body, merchant)
		})
	}
	wg.Wait()
	said.WriteString(strings.Join(answers, "\n"))
	bad := http.Header{"Authorization": {"Bearer " + wrongKey}}
	for _, path := range []string{"/v1/topups", "/v1/webhook", "/v1/callbacks", "/metrics", "/nowhere"} {
		said.WriteString(call(t, http.MethodGet, intake+path, "", bad))
		said.WriteString(call(t, http.MethodGet, intake+path, "", merchant))
	}
	said.WriteString(call(t, http.MethodPost, intake+"/v1/topups", `{"password":"x"`, merchant))
	said.WriteString(call(t, http.MethodPost, intake+"/v1/lookups", `{"provider":"reloadly","action":"getAccessToken","params":{}}`, merchant))
	said.WriteString(call(t, http.MethodPost, intake+"/v1/providers/aat/callback/wrong", "{}", nil))
	operator := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("ann:canary-7f3e9b-password"))}, "Accept": {"text/html"}}
	pages := []string{
		"/", "/search?merchant=" + string(s.merchant.ID), "/search?state=held", "/act?act=replay&merchant=" + string(s.merchant.ID),
		"/topups/" + string(topup.NewID(s.merchant.ID, "c-1")), "/pauses", "/audit", "/metrics", "/dashboard/api/queues",
		"/dashboard/api/queues/submit:aat/completed_tasks", "/dashboard/api/queues/submit:aat/archived_tasks", "/dashboard/api/queues/submit:aat/retry_tasks",
		"/dashboard/api/servers", "/dashboard/api/redis_info",
	}
	for _, p := range pages {
		said.WriteString(call(t, http.MethodGet, opsURL+p, "", operator))
	}
	return said.String()
}

func call(t *testing.T, method, address, body string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	if header != nil {
		req.Header = header.Clone()
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d %v\n%s\n", resp.StatusCode, resp.Header, b)
}

// pins are the vouchers' PINs that the ledger keeps sealed.
func pins(t *testing.T, s *sandbox) []string {
	t.Helper()
	var out []string
	for i := range 40 {
		id := topup.NewID(s.merchant.ID, fmt.Sprintf("c-%d", i))
		x, err := s.node.store.Get(t.Context(), id)
		if err != nil || len(x.PIN) == 0 {
			continue
		}
		pin, err := s.node.keyring.Open(x.PIN, string(id))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pin.Reveal())
	}
	if len(out) == 0 {
		t.Error("no voucher was delivered: the test would find no PIN")
	}
	return out
}

// dump is everything that Redis holds, asynq's part included.
func dump(t *testing.T, rdb redis.UniversalClient) string {
	t.Helper()
	ctx := t.Context()
	var out strings.Builder
	keys, err := rdb.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		out.WriteString(k + "\n" + value(ctx, rdb, k) + "\n")
	}
	return out.String()
}

func value(ctx context.Context, rdb redis.UniversalClient, key string) string {
	switch rdb.Type(ctx, key).Val() {
	case "string":
		return rdb.Get(ctx, key).Val()
	case "hash":
		return fmt.Sprint(rdb.HGetAll(ctx, key).Val())
	case "list":
		return fmt.Sprint(rdb.LRange(ctx, key, 0, -1).Val())
	case "set":
		return fmt.Sprint(rdb.SMembers(ctx, key).Val())
	case "zset":
		return fmt.Sprint(rdb.ZRange(ctx, key, 0, -1).Val())
	default:
		return ""
	}
}
