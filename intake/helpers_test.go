package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"topupq/intake"
	"topupq/topup"
)

// start is the time of every test, unless it moves the clock.
var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// fakeRing notes what was rung.
type fakeRing struct {
	mu        sync.Mutex
	sends     map[topup.ProviderName][]topup.Due
	checks    []topup.Due
	lookups   []string
	callbacks []string
	err       error
}

func (r *fakeRing) Sends(_ context.Context, p topup.ProviderName, due []topup.Due) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sends[p] = append(r.sends[p], due...)
	return r.err
}

func (r *fakeRing) Check(_ context.Context, _ topup.ProviderName, d topup.Due) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, d)
	return r.err
}

func (r *fakeRing) Lookup(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookups = append(r.lookups, id)
	return r.err
}

func (r *fakeRing) Lookups(_ context.Context, ids []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookups = append(r.lookups, ids...)
	return r.err
}

func (r *fakeRing) Callback(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callbacks = append(r.callbacks, id)
	return r.err
}

func (r *fakeRing) rung() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, due := range r.sends {
		n += len(due)
	}
	return n
}

// api is an intake with a fake store and ring, and one merchant.
type api struct {
	t        testing.TB
	store    *fakeStore
	ring     *fakeRing
	server   *intake.Server
	merchant *topup.Merchant
	key      string
	clock    *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testKeyring is a keyring with one key.
func testKeyring(t testing.TB) topup.Keyring {
	t.Helper()
	ring, err := topup.ParseKeyring("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newAPI(t testing.TB, change ...func(*intake.Config)) *api {
	t.Helper()
	a := &api{t: t, store: newFakeStore(), ring: &fakeRing{sends: map[topup.ProviderName][]topup.Due{}}, clock: &clock{now: start}}
	cfg := intake.Config{
		Store: a.store, Ring: a.ring, Keyring: testKeyring(t), Now: a.clock.Now,
		Providers: map[topup.ProviderName]intake.ProviderSettings{
			topup.AAT:         {Currency: "ZAR", Countries: []string{"ZA"}, Actions: []string{"GetNetwork", "GetUserCredit"}},
			topup.RechargeKit: {Currency: "INR", Countries: []string{"IN"}, Actions: []string{"balanceCheck"}},
			topup.Reloadly:    {Actions: []string{"getBalance"}},
		},
		Limits: intake.Limits{Poll: time.Millisecond},
	}
	for _, c := range change {
		c(&cfg)
	}
	server, err := intake.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.server = server
	a.merchant, a.key = a.addMerchant("one")
	return a
}

// addMerchant makes another merchant and its key.
func (a *api) addMerchant(name string, scopes ...topup.Scope) (*topup.Merchant, string) {
	a.t.Helper()
	key, stored := intake.NewAPIKey(start, scopes...)
	m := &topup.Merchant{ID: topup.NewMerchantID(), Name: name, CreatedAt: start, Keys: []topup.APIKey{stored}}
	if err := a.store.PutMerchant(context.Background(), m); err != nil {
		a.t.Fatal(err)
	}
	return m, key.Reveal()
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (a *api) do(method, path, body string, headers ...string) answer {
	a.t.Helper()
	return a.send(method, path, strings.NewReader(body), headers...)
}

func (a *api) send(method, path string, body io.Reader, headers ...string) answer {
	a.t.Helper()
	var sent bytes.Buffer
	r := httptest.NewRequest(method, path, io.TeeReader(body, &sent))
	r.Header.Set("Authorization", "Bearer "+a.key)
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.server.Handler().ServeHTTP(w, r)
	c, err := published()
	if err != nil {
		a.t.Fatal(err)
	}
	c.check(a.t, r, w.Code, w.Header(), w.Body.Bytes())
	checkDescribed(a.t, r, sent.Bytes(), w.Code, w.Header(), w.Body.Bytes())
	return answer{t: a.t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

// as runs calls with another key.
func (a *api) as(key string) *api {
	b := *a
	b.key = key
	return &b
}

// want fails the test unless the status is the one wanted.
func (r answer) want(status int) answer {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d\n%s", r.status, status, r.body)
	}
	return r
}

// json decodes the body into a map.
func (r answer) json() map[string]any {
	r.t.Helper()
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		r.t.Fatalf("%v in %s", err, r.body)
	}
	return m
}

func (r answer) text(name string) string {
	r.t.Helper()
	s, _ := r.json()[name].(string)
	return s
}

// problem fails the test unless the answer is this problem, and returns the fields that are wrong.
func (r answer) problem(status int, code string) []string {
	r.t.Helper()
	r.want(status)
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		r.t.Errorf("content type %q", got)
	}
	var p intake.Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		r.t.Fatal(err)
	}
	if p.Code != code || p.Status != status || p.Type == "" || p.Title == "" {
		r.t.Fatalf("problem %+v, want code %s", p, code)
	}
	var fields []string
	for _, e := range p.Errors {
		if e.Message == "" || e.Code == "" {
			r.t.Errorf("a field error says nothing: %+v", e)
		}
		fields = append(fields, e.Field)
	}
	slices.Sort(fields)
	return fields
}

// receipt is the answer to a batch.
type receipt struct {
	BatchID    *string          `json:"batch_id"`
	Name       string           `json:"name"`
	Rows       int64            `json:"rows"`
	Accepted   int64            `json:"accepted"`
	Duplicates int64            `json:"duplicates"`
	Rejected   int64            `json:"rejected"`
	States     map[string]int64 `json:"states"`
	Progress   json.Number      `json:"progress"`
	Totals     map[string]struct{ Requested, Succeeded string }
	Errors     []intake.RowError `json:"errors"`
}

func (r answer) receipt(status int) receipt {
	r.t.Helper()
	r.want(status)
	var rec receipt
	if err := json.Unmarshal(r.body, &rec); err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// good is a valid top-up as JSON, with the given reference.
func good(reference string) string {
	return `{"reference":"` + reference + `","recipient":"+27831234567","amount":"5.00","currency":"ZAR"}`
}

func num(s string) json.Number { return json.Number(s) }

func windowOf(n int) func(context.Context, topup.ProviderName, topup.Priority) int {
	return func(context.Context, topup.ProviderName, topup.Priority) int { return n }
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
