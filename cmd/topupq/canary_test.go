package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"topupq/config"
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

func (t *trail) log() *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(t), zapcore.DebugLevel), zap.AddStacktrace(zapcore.ErrorLevel))
}

const (
	opsCanary   = "canary-7f3e9b-ops-password"
	redisCanary = "canary-7f3e9b-redis-password"
	oidcCanary  = "canary-7f3e9b-oidc-secret"
)

var simCanaries = simCredentials{
	reloadlySecret: "canary-7f3e9b-reloadly-secret", reloadlyHMACKey: "canary-7f3e9b-reloadly-hmac", aatPassword: "canary+7f3e9b/aat&password",
	rechargekitToken: "canary-7f3e9b-rechargekit-token", bulksmsSecret: "canary-7f3e9b-bulksms-secret",
	aatCallback: "canary-7f3e9b-aat-callback", rechargekitCallback: "canary-7f3e9b-rechargekit-callback",
}

// wrongCanaries are what somebody may send or set by mistake: also secrets, perhaps of another system.
var wrongCanaries = map[string]string{
	"wrong API key": "tq_live_canary7f3e9bcanary7f3e9bcanary7f3e9b", "wrong password": "canary-7f3e9b-mistyped",
	"wrong call-back token": "canary-7f3e9b-wrong-token", "wrong credentials": "canary-7f3e9b-outdated",
}

// TestCanarySecrets runs the whole product with a canary for every secret, through every ending that the simulators
// know, through panics, refused credentials and providers that are away, and looks for the canaries in the logs, in
// Redis, in everything that the listeners answer (pages, dashboard, metrics and problems) and in the traces.
func TestCanarySecrets(t *testing.T) {
	t.Parallel()
	said, spans := &trail{}, tracetest.NewInMemoryExporter()
	key := base64.StdEncoding.EncodeToString([]byte("canary-7f3e9b-canary-7f3e9b-key!"))
	s, err := startSandbox(t.Context(), sandboxOptions{
		log: said.log(), sims: simOptions{magic: true, with: simCanaries}, redisPassword: redisCanary, spans: spans,
		around: func(p topup.Provider) topup.Provider {
			if q, ok := p.(topup.Quoter); ok && p.Traits().Name == topup.AAT {
				return &clumsy{Provider: p, Quoter: q, says: fmt.Sprint(revealed(key)), asked: map[topup.ID]bool{}}
			}
			return p
		},
		env: map[string]string{
			"TOPUPQ_ENCRYPTION_KEY": key, "TOPUPQ_OPS_USERS": "ann:" + opsCanary + ":admin", "TOPUPQ_CHECK_EARLY": "100ms,300ms", "TOPUPQ_CHECK_INTERVAL": "1s",
			"TOPUPQ_OPS_OIDC_ISSUER": "http://127.0.0.1:1", "TOPUPQ_OPS_OIDC_CLIENT_ID": "c", "TOPUPQ_OPS_OIDC_CLIENT_SECRET": oidcCanary,
			"TOPUPQ_OPS_OIDC_REDIRECT_URL": "http://127.0.0.1/login/oidc/callback", "TOPUPQ_OPS_OIDC_ROLES": "a:admin",
			"TOPUPQ_AAT_TIMEOUT": "1s", "TOPUPQ_RELOADLY_TIMEOUT": "1s", "TOPUPQ_RECHARGEKIT_TIMEOUT": "1s", "TOPUPQ_SUBMIT_MARGIN": "100ms",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	secrets := revealed(key)
	secrets["API key"] = s.apiKey
	d := newDriver(t, s, opsCanary)
	all := canaryOrders("c")
	d.submit(all)
	d.ask(wrongCanaries)
	d.visit(wrongCanaries)
	secrets["rotated webhook secret"] = rotated(t, d)
	spoil(d)
	d.visit(wrongCanaries)
	for name, secret := range webhookSecrets(t, s) {
		secrets[name] = secret
	}
	for _, pin := range pins(t, s, all) {
		secrets["PIN "+pin[:2]+"…"] = pin
	}
	places := map[string]string{"logs": said.String(), "answers": d.said.String(), "Redis": dump(t, s.node.ledger), "traces": spansSaid(t, spans)}
	for _, leak := range hits(secrets, places) {
		t.Error(leak)
	}
	for _, want := range []string{"panicked", "refused", "callback"} {
		if !strings.Contains(places["logs"], want) {
			t.Errorf("no %q in the logs: the run did not go where secrets leak", want)
		}
	}
	if !strings.Contains(places["answers"], "<code>GET Perform") {
		t.Error("no exchange with a provider is on the pages that were read")
	}
	for place, text := range places {
		t.Logf("%d secrets looked for in %d bytes of %s", len(secrets), len(text), place)
		if len(text) < 2000 {
			t.Errorf("only %d bytes of %s: there was little to search", len(text), place)
		}
	}
}

// revealed are the secrets that are known beforehand.
func revealed(key string) map[string]string {
	out := map[string]string{
		"encryption key": key, "raw encryption key": "canary-7f3e9b-canary-7f3e9b-key!", "ops password": opsCanary, "OIDC secret": oidcCanary, "Redis password": redisCanary,
		"Reloadly secret": simCanaries.reloadlySecret, "Reloadly HMAC key": simCanaries.reloadlyHMACKey, "AAT password": simCanaries.aatPassword,
		"RechargeKit token": simCanaries.rechargekitToken, "BulkSMS secret": simCanaries.bulksmsSecret, "AAT call-back token": simCanaries.aatCallback,
		"RechargeKit call-back token": simCanaries.rechargekitCallback,
	}
	for name, secret := range wrongCanaries {
		out[name] = secret
	}
	return out
}

// rotated rotates the webhook's secret and returns the new one, which that one answer must hold.
func rotated(t *testing.T, d *driver) string {
	t.Helper()
	answer := call(t, http.MethodPost, "http://"+d.s.at.intake+"/v1/webhook/rotate", "", d.merchant)
	_, body, _ := strings.Cut(answer, "\n")
	var told struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || !strings.HasPrefix(told.Secret, "whsec_") {
		t.Fatalf("no new secret in the answer: %v", err)
	}
	return strings.TrimPrefix(told.Secret, "whsec_")
}

// spoil has every provider refuse its credentials, and then has them all away.
func spoil(d *driver) {
	bad := d.s.node.cfg
	wrong := config.Secret(wrongCanaries["wrong credentials"])
	bad.AAT.Password, bad.Reloadly.ClientSecret, bad.RechargeKit.Token, bad.BulkSMS.TokenSecret = wrong, wrong, wrong, wrong
	for _, r := range d.s.node.rotations {
		if err := r(bad); err != nil {
			d.Error(err)
		}
	}
	d.submit(canaryOrders("refused")[:8])
	d.ask(wrongCanaries)
	d.s.sims.stop()
	d.submit(canaryOrders("away")[:8])
	d.ask(wrongCanaries)
}

// webhookSecrets are the merchant's, opened.
func webhookSecrets(t *testing.T, s *sandbox) map[string]string {
	t.Helper()
	out := map[string]string{}
	m, err := s.node.store.GetMerchant(t.Context(), s.merchant.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range m.Webhook.Secrets {
		plain, err := topup.OpenWebhookSecret(s.node.keyring, s.merchant.ID, w)
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprintf("webhook secret %d", i)] = strings.TrimPrefix(plain.Reveal(), "whsec_")
	}
	return out
}

// pins are the vouchers' PINs that the ledger keeps sealed.
func pins(t *testing.T, s *sandbox, all []canaryOrder) []string {
	t.Helper()
	var out []string
	for _, o := range all {
		id := topup.NewID(s.merchant.ID, o.ref)
		x, err := s.node.store.Get(t.Context(), id)
		if errors.Is(err, topup.ErrNotFound) {
			t.Errorf("%s was refused: the run is smaller than it seems", o.body)
		}
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

// spansSaid is everything that the spans say.
func spansSaid(t *testing.T, spans *tracetest.InMemoryExporter) string {
	t.Helper()
	b, err := json.Marshal(spans.GetSpans())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestListenersKeepPanicsToThemselves: net/http would print what was raised.
func TestListenersKeepPanicsToThemselves(t *testing.T) {
	t.Parallel()
	said := &trail{}
	cfg, err := config.Load("", func(string) string { return "" }, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cfg: cfg, log: said.log()}
	t.Cleanup(n.stop)
	at, err := n.serve("any", "127.0.0.1:0", &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("password " + opsCanary) }),
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := call(t, http.MethodGet, "http://"+at+"/", "", nil)
	if !strings.HasPrefix(answer, "500 ") || !strings.Contains(said.String(), `"type":"string"`) {
		t.Errorf("answered %q and logged %q", answer, said.String())
	}
	for _, leak := range hits(map[string]string{"password": opsCanary}, map[string]string{"answer": answer, "logs": said.String()}) {
		t.Error(leak)
	}
	cut := httptest.NewRecorder()
	defer func() {
		if cause := recover(); !errors.Is(asError(cause), http.ErrAbortHandler) {
			t.Errorf("a handler that cuts its connection got %v", cause)
		}
	}()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	quiet(n.log, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).ServeHTTP(cut, r)
}

func asError(cause any) error {
	err, _ := cause.(error)
	return err
}
