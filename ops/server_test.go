package ops

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const topupID = "abcdefghijklmnop2345"

// listener is the handler under test with what stands around it.
type listener struct {
	*httptest.Server
	redis     redis.UniversalClient
	inspector *asynq.Inspector
	logs      *observer.ObservedLogs

	mu   sync.Mutex
	now  time.Time
	acts []Act
	fail error
}

func (l *listener) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *listener) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *listener) audit(_ context.Context, a Act) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acts = append(l.acts, a)
	return l.fail
}

func (l *listener) audited() []Act {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Act(nil), l.acts...)
}

func users() []User {
	return []User{
		{Name: "vera", Password: "v-pass", Role: RoleViewer},
		{Name: "otto", Password: "o:pass", Role: RoleOperator},
		{Name: "anna", Password: "a-pass", Role: RoleAdmin},
	}
}

func start(t *testing.T, change func(*Config)) *listener {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	core, logs := observer.New(zapcore.InfoLevel)
	l := &listener{redis: client, inspector: asynq.NewInspectorFromRedisClient(client), logs: logs, now: time.Now()}
	cfg := Config{Redis: client, Users: users(), Audit: l.audit, Logger: zap.New(core), Now: l.clock}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		l.Close()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// ask makes one request; basic is "name:password" or "", header lines are "Name: value". Redirects are not followed.
func (l *listener) ask(t *testing.T, method, path, basic, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, l.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if name, password, ok := strings.Cut(basic, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	for _, h := range header {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// enqueue puts a task into a queue, archived when asked.
func (l *listener) enqueue(t *testing.T, queue, id string, payload []byte, archived bool) {
	t.Helper()
	c := asynq.NewClientFromRedisClient(l.redis)
	if _, err := c.EnqueueContext(t.Context(), asynq.NewTask("submit", payload), asynq.Queue(queue), asynq.TaskID(id)); err != nil {
		t.Fatal(err)
	}
	if archived {
		if err := l.inspector.ArchiveTask(queue, id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWithoutUsersNothingIsServed(t *testing.T) {
	t.Parallel()
	l := start(t, func(c *Config) { c.Users = nil })
	for _, path := range []string{"/", "/dashboard", "/dashboard/api/queues", "/metrics", "/login"} {
		resp, body := l.ask(t, "GET", path, "otto:o:pass", "")
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "TOPUPQ_OPS_USERS") || strings.Contains(body, "Asynq") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if resp, body := l.ask(t, "GET", "/healthz", "", ""); resp.StatusCode != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", resp.StatusCode, body)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	l := start(t, func(c *Config) {
		reg := prometheus.NewRegistry()
		gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "topupq_test", Help: "x"})
		reg.MustRegister(gauge)
		c.Metrics = reg
	})
	l.enqueue(t, "submit:aat", "t1", []byte(topupID), false)
	const pause = "/dashboard/api/queues/submit:aat:pause"
	tests := []struct {
		method, path, basic string
		status              int
		holds               string
	}{
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/", "", 303, ""},
		{"GET", "/nowhere", "", 404, ""},
		{"GET", "/dashboard", "", 401, ""},
		{"GET", "/dashboard/api/queues", "", 401, ""},
		{"GET", "/metrics", "", 401, ""},
		{"GET", "/dashboard", "vera:wrong", 401, ""},
		{"GET", "/dashboard", "nobody:v-pass", 401, ""},
		{"GET", "/dashboard", "vera:v-pass", 200, "Asynq"},
		{"GET", "/dashboard/api/queues", "vera:v-pass", 200, "submit:aat"},
		{"GET", "/metrics", "vera:v-pass", 200, `asynq_queue_size{queue="submit:aat"} 1`},
		{"GET", "/metrics", "anna:a-pass", 200, "topupq_test 0"},
		{"POST", pause, "", 401, ""},
		{"POST", pause, "vera:v-pass", 403, "viewer"},
		{"DELETE", "/dashboard/api/queues/submit:aat", "vera:v-pass", 403, "viewer"},
		{"OPTIONS", pause, "vera:v-pass", 403, "viewer"},
		{"POST", pause, "otto:o:pass", 204, ""},
		{"POST", "/dashboard/api/queues/submit:aat:resume", "anna:a-pass", 204, ""},
		{"GET", "/dashboard/static/media/logo-color.c2b0c1f3.svg", "anna:a-pass", 200, "<svg"},
	}
	for _, tt := range tests {
		resp, body := l.ask(t, tt.method, tt.path, tt.basic, "")
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.holds) {
			t.Errorf("%s %s as %q: %d, want %d with %q in %.300s", tt.method, tt.path, tt.basic, resp.StatusCode, tt.status, tt.holds, body)
		}
		if strings.HasSuffix(tt.path, ".svg") && resp.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%s: %q", tt.path, resp.Header.Get("Content-Type"))
		}
	}
}

func TestForeignSitesMayNotAct(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	l.enqueue(t, "submit:aat", "t1", []byte(topupID), false)
	const run = "/dashboard/api/queues/submit:aat/archived_tasks:run_all"
	for header, status := range map[string]int{
		"Sec-Fetch-Site: cross-site":  403,
		"Sec-Fetch-Site: same-site":   403,
		"Sec-Fetch-Site: same-origin": 200,
		"Origin: https://evil.test":   403,
		"Origin: null":                403,
		"Origin: " + l.URL:            200,
		"X-Plain: curl":               200,
	} {
		if resp, body := l.ask(t, "POST", run, "otto:o:pass", "", header); resp.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", header, resp.StatusCode, body, status)
		}
	}
	if resp, _ := l.ask(t, "POST", "/login", "", "name=otto&password=o:pass", "Sec-Fetch-Site: cross-site"); resp.StatusCode != 403 {
		t.Errorf("a foreign site may log somebody in: %d", resp.StatusCode)
	}
}

func TestWrongPasswordsAreSlowedDown(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	for range failsPerName {
		if resp, _ := l.ask(t, "GET", "/dashboard", "otto:wrong", ""); resp.StatusCode != 401 {
			t.Fatalf("got %d", resp.StatusCode)
		}
	}
	resp, _ := l.ask(t, "GET", "/dashboard", "otto:o:pass", "")
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "300" {
		t.Errorf("the right password after %d wrong ones: %d, Retry-After %q", failsPerName, resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if resp, _ := l.ask(t, "POST", "/login", "", "name=otto&password=o:pass", "Content-Type: application/x-www-form-urlencoded"); resp.StatusCode != 429 {
		t.Errorf("the form lets it through: %d", resp.StatusCode)
	}
	if resp, _ := l.ask(t, "GET", "/dashboard", "vera:v-pass", ""); resp.StatusCode != 200 {
		t.Errorf("another user is locked out too: %d", resp.StatusCode)
	}
	l.advance(failWindow)
	if resp, _ := l.ask(t, "GET", "/dashboard", "otto:o:pass", ""); resp.StatusCode != 200 {
		t.Errorf("after the window: %d", resp.StatusCode)
	}
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { _ = client.Close() })
	for name, cfg := range map[string]Config{
		"no Redis":    {Users: users()},
		"same name":   {Redis: client, Users: append(users(), users()[0])},
		"no role":     {Redis: client, Users: []User{{Name: "a", Password: "canary"}}},
		"no password": {Redis: client, Users: []User{{Name: "a", Role: RoleAdmin}}},
		"broken hash": {Redis: client, Users: []User{{Name: "a", Role: RoleAdmin, Password: "$argon2id$canary"}}},
	} {
		_, err := New(cfg)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	if resp, _ := l.ask(t, "GET", "/metrics", "", ""); !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic") {
		t.Error("a program is not asked for Basic")
	}
	if resp, _ := l.ask(t, "GET", "/dashboard/api/queues", "", "", "Sec-Fetch-Mode: cors"); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "" {
		t.Error("a script of the page makes the browser ask for a password")
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/dashboard/x?y=1": "/dashboard/x?y=1", "": "/", "https://evil.test": "/", "//evil.test": "/",
		`/\evil.test`: "/", "/\tx": "/", "javascript:alert(1)": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("localPath(%q) = %q", next, got)
		}
	}
}

var errAudit = errors.New("audit store away")
