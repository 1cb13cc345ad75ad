package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load runs Load with a file (none when it is "") and an environment.
func load(t *testing.T, yaml string, env map[string]string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "topupq.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for k, v := range env {
		environ = append(environ, k+"="+v)
	}
	return Load(path, func(k string) string { return env[k] }, environ)
}

// mistakes runs load and returns what it complains of, "where: what" each, without the file's folder.
func mistakes(t *testing.T, yaml string, env map[string]string) []string {
	t.Helper()
	_, err := load(t, yaml, env)
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	var out []string
	for _, p := range e.Problems {
		where := p.Where
		if i := strings.Index(where, "topupq.yaml"); i > 0 {
			where = where[i:]
		}
		out = append(out, where+": "+p.What)
	}
	return out
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	type facts struct {
		Redis, Intake, Ops, Durability string
		Zones                          [3]string
		Timeouts, Holds, Spacings      [3]time.Duration
		Confirms                       [3]string
		Concurrency, Rate              int
		Check                          Check
		Rescue, Margin, TTL            time.Duration
		Callback                       Callback
		Routes                         []Route
		Failover                       time.Duration
		Lookups                        Lookups
		Method, AATBase                string
		Enabled                        [4]bool
	}
	p := [3]Provider{c.Reloadly.Provider, c.AAT.Provider, c.RechargeKit.Provider}
	got := facts{
		Redis: c.QueueRedisURL.Reveal(), Intake: c.IntakeAddr, Ops: c.OpsAddr, Durability: c.RedisDurability,
		Concurrency: p[1].Concurrency, Rate: p[1].Rate, Check: c.Check, Rescue: c.RescueAfter, Margin: c.SubmitMargin, TTL: c.LeaderTTL,
		Callback: c.Callback, Routes: c.Routes, Failover: c.FailoverAfter, Lookups: c.Lookups, Method: c.AAT.Method, AATBase: c.AAT.BaseURL,
		Enabled: [4]bool{c.Reloadly.Enabled(), c.AAT.Enabled(), c.RechargeKit.Enabled(), c.BulkSMS.Enabled()},
	}
	for i := range p {
		got.Zones[i], got.Timeouts[i], got.Holds[i] = p[i].Timezone.String(), p[i].Timeout, p[i].Hold
		got.Spacings[i], got.Confirms[i] = p[i].Spacing, p[i].Confirm
	}
	want := facts{
		Redis: "redis://127.0.0.1:6379/0", Intake: "127.0.0.1:8080", Ops: "127.0.0.1:8081", Durability: "always",
		Zones:    [3]string{"UTC", "Africa/Johannesburg", "Asia/Kolkata"},
		Timeouts: [3]time.Duration{90 * time.Second, 60 * time.Second, 90 * time.Second},
		Holds:    [3]time.Duration{60 * time.Second, 120 * time.Second, 300 * time.Second},
		Spacings: [3]time.Duration{2 * time.Minute, 0, 0}, Confirms: [3]string{"end_of_day", "hourly", "end_of_day"},
		Concurrency: 64,
		Check: Check{
			Early: []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}, Interval: time.Hour, Count: 3,
			EndOfDay: 23*time.Hour + 30*time.Minute,
		},
		Rescue: 30 * time.Second, Margin: 5 * time.Second, TTL: 10 * time.Second,
		Callback: Callback{Timeout: 15 * time.Second, EventsKept: 30 * 24 * time.Hour, Retries: []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
			10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}},
		Routes:   []Route{{Country: "ZA", Providers: []string{"aat"}}, {Country: "IN", Providers: []string{"rechargekit"}}, {Providers: []string{"reloadly"}}},
		Failover: 30 * time.Second, Lookups: Lookups{CatalogueAge: time.Hour, CatalogueHardAge: 24 * time.Hour},
		Method: "GET", AATBase: "https://mobilerechargeapi.gsm.co.za/MobileRecharge.asmx",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestContract sets every variable that the contract names, and finds all of it.
func TestContract(t *testing.T) {
	t.Parallel()
	c, err := load(t, "", map[string]string{
		"TOPUPQ_REDIS_URL":        "redis://:pw@127.0.0.1:7000/2",
		"TOPUPQ_QUEUE_REDIS_URL":  "redis://127.0.0.1:7001",
		"TOPUPQ_REDIS_DURABILITY": "everysec",
		"TOPUPQ_INTAKE_ADDR":      ":0", "TOPUPQ_OPS_ADDR": "[::1]:9",
		"TOPUPQ_OPS_USERS":               "ann:a:b:c:admin,bob:x:viewer",
		"TOPUPQ_ENCRYPTION_KEY":          "k2:" + strings.Repeat("B", 43) + "=,k1:" + strings.Repeat("A", 43) + "=",
		"TOPUPQ_ALLOW_PRIVATE_CALLBACKS": "true",
		"TOPUPQ_RELOADLY_AUTH_URL":       "http://127.0.0.1:1/", "TOPUPQ_RELOADLY_BASE_URL": "http://localhost:2",
		"TOPUPQ_RELOADLY_CLIENT_ID": "id", "TOPUPQ_RELOADLY_CLIENT_SECRET": "cs", "TOPUPQ_RELOADLY_WEBHOOK_SECRET": "ws",
		"TOPUPQ_AAT_BASE_URL": "http://127.0.0.1:3/MobileRecharge.asmx", "TOPUPQ_AAT_METHOD": "post",
		"TOPUPQ_AAT_USERNAME": "u", "TOPUPQ_AAT_PASSWORD": "p", "TOPUPQ_AAT_CALLBACK_TOKEN": "t",
		"TOPUPQ_AAT_STATUS_FAILED":    "Bad, Worse",
		"TOPUPQ_RECHARGEKIT_BASE_URL": "http://simulator:4", "TOPUPQ_RECHARGEKIT_TOKEN": "tok", "TOPUPQ_RECHARGEKIT_CALLBACK_TOKEN": "ct",
		"TOPUPQ_BULKSMS_BASE_URL": "http://127.0.0.1:5/v1", "TOPUPQ_BULKSMS_TOKEN_ID": "ti", "TOPUPQ_BULKSMS_TOKEN_SECRET": "ts",
		"TOPUPQ_CHECK_EARLY": "20ms, 50ms", "TOPUPQ_CHECK_INTERVAL": "1s", "TOPUPQ_CHECK_COUNT": "5", "TOPUPQ_END_OF_DAY": "01:02:03",
		"TOPUPQ_RELOADLY_TIMEZONE": "America/New_York", "TOPUPQ_AAT_TIMEOUT": "1500ms", "TOPUPQ_AAT_HOLD": "2s",
		"TOPUPQ_RECHARGEKIT_CONCURRENCY": "7", "TOPUPQ_RECHARGEKIT_RATE": "8", "TOPUPQ_AAT_STATUS_BUDGET": "9",
		"TOPUPQ_RELOADLY_SPACING": "0s", "TOPUPQ_RELOADLY_CONFIRM": "none",
		"TOPUPQ_RESCUE_AFTER": "1s", "TOPUPQ_SUBMIT_MARGIN": "100ms", "TOPUPQ_LEADER_TTL": "500ms",
		"TOPUPQ_CALLBACK_RETRIES": "10ms,10ms", "TOPUPQ_CALLBACK_TIMEOUT": "3s",
	})
	if err != nil {
		t.Fatal(err)
	}
	users := []User{{"ann", "a:b:c", "admin"}, {"bob", "x", "viewer"}}
	checks := []struct {
		name      string
		got, want any
	}{
		{"redis", c.RedisURL.Reveal(), "redis://:pw@127.0.0.1:7000/2"},
		{"queue redis", c.QueueRedisURL.Reveal(), "redis://127.0.0.1:7001"},
		{"durability", c.RedisDurability, "everysec"},
		{"listeners", c.IntakeAddr + " " + c.OpsAddr, ":0 [::1]:9"},
		{"users", c.OpsUsers, users},
		{"key", len(c.EncryptionKey), 2*44 + 2*3 + 1},
		{"private callbacks", c.Callback.AllowPrivate, true},
		{"auth url", c.Reloadly.AuthURL, "http://127.0.0.1:1"},
		{"audience", c.Reloadly.Audience, "http://localhost:2"},
		{"webhook secret", c.Reloadly.WebhookSecret.Reveal(), "ws"},
		{"enabled", []bool{c.Reloadly.Enabled(), c.AAT.Enabled(), c.RechargeKit.Enabled(), c.BulkSMS.Enabled()}, []bool{true, true, true, true}},
		{"method", c.AAT.Method, "POST"},
		{"status words", c.AAT.StatusFailed, []string{"Bad", "Worse"}},
		{"tokens", c.AAT.CallbackToken.Reveal() + c.RechargeKit.CallbackToken.Reveal(), "tct"},
		{"check", c.Check, Check{[]time.Duration{20 * time.Millisecond, 50 * time.Millisecond}, time.Second, 5, time.Hour + 2*time.Minute + 3*time.Second}},
		{"zone", c.Reloadly.Timezone.String(), "America/New_York"},
		{"timeout, hold", []time.Duration{c.AAT.Timeout, c.AAT.Hold}, []time.Duration{1500 * time.Millisecond, 2 * time.Second}},
		{"limits", []int{c.RechargeKit.Concurrency, c.RechargeKit.Rate, c.AAT.StatusBudget}, []int{7, 8, 9}},
		{"spacing, confirm", c.Reloadly.Spacing.String() + c.Reloadly.Confirm, "0snone"},
		{"bounds", []time.Duration{c.RescueAfter, c.SubmitMargin, c.LeaderTTL}, []time.Duration{time.Second, 100 * time.Millisecond, 500 * time.Millisecond}},
		{"retries", c.Callback.Retries, []time.Duration{10 * time.Millisecond, 10 * time.Millisecond}},
	}
	for _, k := range checks {
		if diff := cmp.Diff(k.want, k.got); diff != "" {
			t.Errorf("%s: %s", k.name, diff)
		}
	}
}

func TestYAMLAndEnvironment(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, `
redis: {url: "redis://127.0.0.1:7000", durability: none}
ops:
  users:
    - {name: ann, password: "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", role: admin}
    - bob:pw:viewer
check: {early: [1s, 2s], count: 7}
end_of_day: 22:15
aat_timeout: 30s          # flat
aat:
  username: "0123"
  password: 0042
  hold: 31s
rechargekit: {token_file: `+secret+`}
routes: {ZA: reloadly, KE: aat}
`, map[string]string{"TOPUPQ_AAT_HOLD": "32s", "TOPUPQ_CHECK_COUNT": ""})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.RedisURL.Reveal(), c.OpsUsers, c.Check.Early, c.Check.Count, c.Check.EndOfDay, c.AAT.Timeout, c.AAT.Username,
		c.AAT.Password.Reveal(), c.AAT.Hold, c.RechargeKit.Token.Reveal(), c.Routes,
	}
	want := []any{
		"redis://127.0.0.1:7000",
		[]User{{"ann", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", "admin"}, {"bob", "pw", "viewer"}},
		[]time.Duration{time.Second, 2 * time.Second}, 7, 22*time.Hour + 15*time.Minute, 30 * time.Second, "0123",
		"0042", 32 * time.Second, "from-file",
		[]Route{
			{Country: "IN", Providers: []string{"rechargekit"}}, {Providers: []string{"reloadly"}},
			{Country: "ZA", Providers: []string{"reloadly"}}, {Country: "KE", Providers: []string{"aat"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"CONNECTOR_ENV_MOBILETOPUP_BASE_URL":      "https://auth.example.com",
		"CONNECTOR_ENV_Reloadly_Airtime_BASE_URL": "https://airtime.example.com/",
	}
	c, err := load(t, "", env)
	if err != nil || c.Reloadly.AuthURL != "https://auth.example.com" || c.Reloadly.BaseURL != "https://airtime.example.com" {
		t.Errorf("aliases: %q %q %v", c.Reloadly.AuthURL, c.Reloadly.BaseURL, err)
	}
	env["TOPUPQ_RELOADLY_BASE_URL"] = "https://own.example.com"
	c, err = load(t, "", env)
	if err != nil || c.Reloadly.BaseURL != "https://own.example.com" {
		t.Errorf("the own name must win: %q %v", c.Reloadly.BaseURL, err)
	}
}

func TestFileThatWasAskedForMustExist(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone.yaml")
	_, err := Load(gone, func(string) string { return "" }, nil)
	if err == nil || !strings.Contains(err.Error(), "cannot be read: no such file") {
		t.Errorf("got %v", err)
	}
	_, err = Load("", func(k string) string { return map[string]string{fileEnv: gone}[k] }, nil)
	if err == nil {
		t.Error("TOPUPQ_CONFIG names a missing file, and nobody says so")
	}
}

// TestNamesOfOthers knows the variables that are not ours to complain of.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	for _, name := range []string{
		"TOPUPQ_SERVICE_HOST", "TOPUPQ_SERVICE_PORT", "TOPUPQ_SERVICE_PORT_HTTP", "TOPUPQ_PORT", "TOPUPQ_PORT_8080_TCP",
		"TOPUPQ_PORT_8080_TCP_ADDR", "TOPUPQ_INTAKE_SERVICE_HOST", "TOPUPQ_INTAKE_PORT_80_TCP_PROTO", "TOPUPQ_TEST_REDIS", "TOPUPQ_REQUIRE_NODE", "PATH",
	} {
		env[name] = "1"
	}
	if got := mistakes(t, "", env); got != nil {
		t.Error(got)
	}
}

// TestSecretsStayOut plants a canary in every secret and breaks what can be broken about it.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	for _, s := range Describe() {
		if !s.Secret {
			continue
		}
		for _, form := range []string{canary, "redis://:" + canary + "@h ost", "redis://u/" + canary + "@h:1/x", "redis://h?" + canary + "=1", "redis-sentinel://u:" + canary + "@h:1", "a:" + canary + ":boss", "1:" + canary} {
			c, err := load(t, "", map[string]string{s.Env: form, "TOPUPQ_CHECK_COUNT": "x"})
			quoted := "aat: {timeout: x}\n" + s.Key() + ": \"" + form + "\"\n"
			c2, err2 := load(t, quoted, nil)
			_, err3 := load(t, s.Key()+": \""+form+"\n", nil)
			_, err4 := load(t, s.Key()+": {"+form+"\n", nil)
			for _, e := range []error{err, err2, err3, err4} {
				if e != nil && strings.Contains(e.Error(), canary) {
					t.Errorf("%s: the error shows it: %v", s.Env, e)
				}
			}
			_, _ = c, c2
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"TOPUPQ_REDIS_URL", "TOPUPQ_CHECK_COUNT"}
	for name, want := range map[string]string{"TOPUPQ_REDIS_ULR": "TOPUPQ_REDIS_URL", "TOPUPQ_CHECKS_COUNT": "TOPUPQ_CHECK_COUNT", "TOPUPQ_SOMETHING_ELSE": ""} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%s) = %q, want %q", name, got, want)
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "aat: {timeout: 3s}", "a: &x 1\nb: *x", "? - a\n: b", "- 1", "a: |\n  x\n", "<<: {a: b}", "\"", "%YAML 1.1\n---\na: 1"} {
		f.Add(s)
	}
	known := []string{"aat_timeout", "routes"}
	f.Fuzz(func(t *testing.T, data string) {
		var bad problems
		for k := range readYAML("f", []byte(data), known, &bad) {
			if k != known[0] && k != known[1] {
				t.Errorf("unknown key %q got through", k)
			}
		}
	})
}

func TestForeignVariablesAreIgnoredAloud(t *testing.T) {
	t.Parallel()
	cfg, err := Load("", func(string) string { return "" }, []string{"TOPUPQ_BUILD_AGENT_HOME=/x", "PATH=/bin"})
	if err != nil || len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0], "TOPUPQ_BUILD_AGENT_HOME") {
		t.Errorf("warnings %v, error %v", cfg.Warnings, err)
	}
}
