package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/intake"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// shop is an intake on a store of its own, with one merchant, and the commands that talk to both.
type shop struct {
	redis *miniredis.Miniredis
	store *redisstore.Store
	env   map[string]string
	dir   string
	keys  merchantKeys
	// before, when set, sees every request first; true means that it has answered.
	before func(w http.ResponseWriter, r *http.Request) bool
}

// silent is a ring that nobody hears: no worker runs.
type silent struct{}

func (silent) Sends(context.Context, topup.ProviderName, []topup.Due) error { return nil }
func (silent) Check(context.Context, topup.ProviderName, topup.Due) error   { return nil }
func (silent) Lookup(context.Context, string) error                         { return nil }
func (silent) Lookups(context.Context, []string) error                      { return nil }
func (silent) Callback(context.Context, string) error                       { return nil }

func newShop(t *testing.T) *shop {
	t.Helper()
	s, err := openShop(t.TempDir(), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	out, _, code := s.run(t, "merchant", "add", "Corner shop", "--json")
	if code != 0 {
		t.Fatalf("merchant add: exit %d", code)
	}
	if err := json.Unmarshal([]byte(out), &s.keys); err != nil {
		t.Fatal(err)
	}
	s.env["TOPUPQ_API_KEY"] = s.keys.APIKey
	return s
}

// openShop starts everything but the merchant.
func openShop(dir string, cleanup func(func())) (*shop, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, err
	}
	cleanup(server.Close)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	cleanup(func() { _ = rdb.Close() })
	store := redisstore.Open(rdb, redisstore.Options{})
	cleanup(store.Close)
	in, err := intake.New(intake.Config{Store: store, Ring: silent{}, Bodies: eventBodies{}, Providers: map[topup.ProviderName]intake.ProviderSettings{
		topup.AAT: {Currency: "ZAR", Countries: []string{"ZA"}, Actions: []string{"GetVoucher"}},
	}})
	if err != nil {
		return nil, err
	}
	s := &shop{redis: server, store: store, dir: dir, env: map[string]string{"TOPUPQ_REDIS_URL": "redis://" + server.Addr()}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.before == nil || !s.before(w, r) {
			in.Handler().ServeHTTP(w, r)
		}
	}))
	cleanup(web.Close)
	s.env["TOPUPQ_URL"] = web.URL
	return s, nil
}

// run executes a command line and returns what it printed and its exit code.
func (s *shop) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return s.runContext(t, t.Context(), "", args...)
}

func (s *shop) runContext(t *testing.T, ctx context.Context, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(ctx, args, deps{
		getenv: func(k string) string { return s.env[k] }, environ: s.environ,
		stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs,
	})
	return out.String(), errs.String(), code
}

func (s *shop) environ() []string {
	var out []string
	for k, v := range s.env {
		out = append(out, k+"="+v)
	}
	return out
}

// write puts a file into the shop's folder and returns its path.
func (s *shop) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// holds fails unless text has all the parts.
func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := []struct {
		name string
		env  map[string]string
		args []string
		code int
		want string
	}{
		{"no key", map[string]string{"TOPUPQ_API_KEY": ""}, []string{"status", "x"}, 2, "set TOPUPQ_API_KEY"},
		{"wrong key", map[string]string{"TOPUPQ_API_KEY": "tq_live_wrong"}, []string{"status", "x"}, 1, "unauthorized (401)"},
		{"no intake", map[string]string{"TOPUPQ_URL": "http://127.0.0.1:1"}, []string{"status", "x"}, 1, "cannot reach the intake at http://127.0.0.1:1"},
		{"not an address", nil, []string{"status", "x", "--url", "intake"}, 2, "--url: write http"},
		{"nothing there", nil, []string{"status", "ord-1"}, 1, `no top-up or batch "ord-1"`},
		{"no reference", nil, []string{"status", "a b"}, 2, "neither an ID nor a reference"},
		{"wrong settings", map[string]string{"TOPUPQ_CHECK_COUNT": "x"}, []string{"status", "x"}, 2, "TOPUPQ_CHECK_COUNT"},
		{"unknown flag", nil, []string{"status", "x", "--yaml"}, 2, "unknown flag: --yaml (see topupq status --help)"},
		{"lookup of nothing", nil, []string{"lookup", "aat", "Pay"}, 1, "action: must be one of GetVoucher"},
		{"bad parameter", nil, []string{"lookup", "aat", "GetVoucher", "x"}, 2, "write key=value"},
		{"bad JSON parameter", nil, []string{"lookup", "aat", "GetVoucher", "x:=y"}, 2, "must be JSON"},
		{"parameter twice", nil, []string{"lookup", "aat", "GetVoucher", "x=1", "x=2"}, 2, "given twice"},
		{"no day", nil, []string{"report", "yesterday"}, 2, "write it like 2026-11-23"},
		{"day to come", nil, []string{"report", "2999-01-01"}, 1, "malformed (400): That day has not begun."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			other := &shop{env: map[string]string{}}
			for k, v := range s.env {
				other.env[k] = v
			}
			for k, v := range tt.env {
				other.env[k] = v
			}
			_, stderr, code := other.run(t, tt.args...)
			if code != tt.code || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit %d, want %d with %q in:\n%s", code, tt.code, tt.want, stderr)
			}
			if strings.Contains(stderr, s.keys.APIKey) {
				t.Error("the key is shown")
			}
		})
	}
}

// TestKeyStaysHome: an intake that redirects must not send the key to another host.
func TestKeyStaysHome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
		return true
	}
	if _, stderr, code := s.run(t, "status", "x"); code != 1 || !strings.Contains(stderr, "307") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	if got := clean("a\x1b[31mb\nc\u202ed"); got != "a [31mb c d" {
		t.Errorf("got %q", got)
	}
}

func TestStatusHistoryReport(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := s.write(t, "rows.csv", "reference,recipient,amount,currency\nord-1,+27831234567,5.00,ZAR\n")
	out, stderr, code := s.run(t, "submit", file)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	batch := strings.Fields(out)[1]
	out, _, _ = s.run(t, "status", "ord-1")
	holds(t, out, "ord-1", "+27831234567", "5.00 ZAR", "accepted", "refund safe", "Recorded and waiting to be sent.")
	id := strings.Fields(out)[1]
	out, _, _ = s.run(t, "status", id, "--json")
	holds(t, out, `"reference": "ord-1"`, `"id": "`+id+`"`)
	out, _, _ = s.run(t, "status", batch)
	holds(t, out, batch, "1 accepted", "0.00 of 5.00 delivered")
	out, _, _ = s.run(t, "history", "ord-1")
	holds(t, out, "ACTOR", "accepted", "intake", "submitted")
	out, _, _ = s.run(t, "history", "ord-1", "--json")
	holds(t, out, `"to": "accepted"`)
	today := time.Now().UTC().Format(time.DateOnly)
	out, stderr, _ = s.run(t, "report", today)
	holds(t, out+stderr, "1 top-ups, 1 still open", "ZAR", "accepted", "5.00")
	out, _, _ = s.run(t, "report", today, "--csv")
	holds(t, out, "reference", "ord-1")
	out, _, _ = s.run(t, "report", today, "--json", "--timezone", "UTC")
	holds(t, out, `"totals"`, "ord-1")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	answer := `{"state":"done","id":"lkp1","result":{"Total":2,"Vouchers":[{"Name":"Airtime","VoucherId":7,"Tags":[1]},{"VoucherId":8,"Extra":true}]}}`
	var asked map[string]any
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(answer))
		return true
	}
	out, stderr, code := s.run(t, "lookup", "aat", "GetVoucher", "networkId=2", "fixed:=true")
	holds(t, out, "Total  2", "Vouchers:", "VoucherId  Name     Tags  Extra\n", "7          Airtime  1\n", "8                         true\n")
	if code != 0 || stderr != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if p, _ := asked["params"].(map[string]any); asked["provider"] != "aat" || p["networkId"] != "2" || p["fixed"] != true {
		t.Errorf("asked %v", asked)
	}
	if out, _, _ = s.run(t, "lookup", "aat", "GetVoucher", "--json"); !json.Valid([]byte(out)) {
		t.Errorf("not JSON: %s", out)
	}
	answer = `{"state":"done","id":"lkp1","result":[],"stale":true,"cached_at":"2026-11-23T08:00:00Z"}`
	if _, stderr, code = s.run(t, "lookup", "aat", "GetVoucher"); code != 0 || !strings.Contains(stderr, "stale: the provider does not answer; this is from 2026-11-23 08:00:00 UTC") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	answer = `{"state":"failed","id":"lkp1","error":{"code":"provider_refused","message":"no such network","provider_code":"E1"}}`
	if _, stderr, code = s.run(t, "lookup", "aat", "GetVoucher"); code != 1 || !strings.Contains(stderr, "provider_refused (E1): no such network") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestLookupThatTakesLong(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	looks := 0
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		state := "queued"
		if r.Method == http.MethodGet {
			looks++
		}
		if looks == 3 {
			state = "done"
		}
		_, _ = w.Write([]byte(`{"state":"` + state + `","id":"lkp1","result":[]}`))
		return true
	}
	api, err := openAPI(s.env["TOPUPQ_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := api.lookup(t.Context(), nil, time.Millisecond); err != nil || a.State != topup.LookupDone || looks != 3 {
		t.Errorf("%+v after %d looks: %v", a, looks, err)
	}
	looks = -1000
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := api.lookup(ctx, nil, time.Millisecond); err == nil {
		t.Error("waits for ever")
	}
}
