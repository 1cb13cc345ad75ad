package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	got := mistakes(t, `
aat:
  timeuot: 3s
  timeout: 0s
  hold: soon
colour: red
check_count: [1, 2]
check: {count: 3}
`, map[string]string{
		"TOPUPQ_AAT_TIMEZONE":        "Africa/Atlantis",
		"TOPUPQ_RELOADLY_CLIENT_ID":  "id",
		"TOPUPQ_RELODLY_CLIENT_ID":   "id",
		"TOPUPQ_END_OF_DAY":          "24:30",
		"TOPUPQ_CHECK_EARLY":         "1m,10s",
		"TOPUPQ_OPS_USERS":           "ann:pw:boss",
		"TOPUPQ_AAT_BASE_URL":        "http://provider.example.com/x.asmx",
		"TOPUPQ_RECHARGEKIT_CONFIRM": "often",
	})
	want := []string{
		"TOPUPQ_RELODLY_CLIENT_ID: unknown variable: did you mean TOPUPQ_RELOADLY_CLIENT_ID?",
		"topupq.yaml line 3, aat.timeuot: unknown key: did you mean aat_timeout",
		"topupq.yaml line 6, colour: unknown key",
		"topupq.yaml line 8, check.count: is set twice, first at topupq.yaml line 7, check_count: keep one",
		"TOPUPQ_OPS_USERS: user number 1: the role at its end must be viewer, operator or admin",
		"TOPUPQ_CHECK_EARLY: \"10s\" must be longer than the 1m before it",
		"topupq.yaml line 7, check_count: \"1,2\" must be a whole number from 0 to 1000",
		"TOPUPQ_END_OF_DAY: \"24:30\" is not a time of day: write HH:MM or HH:MM:SS, 00:00 to 23:59:59",
		"TOPUPQ_AAT_BASE_URL: plain http would send credentials in the clear: write https (http is for loopback and private addresses)",
		"TOPUPQ_AAT_TIMEZONE: \"Africa/Atlantis\" is not a time zone: write an IANA name such as Africa/Johannesburg or UTC",
		"topupq.yaml line 4, aat.timeout: \"0s\" must be from 1ms to 10m",
		"topupq.yaml line 5, aat.hold: \"soon\" is not a duration: write a number with a unit, such as 500ms, 90s, 5m or 1h",
		"TOPUPQ_RECHARGEKIT_CONFIRM: \"often\" is not one of hourly, end_of_day, none",
		"TOPUPQ_RELOADLY_CLIENT_SECRET: is missing although TOPUPQ_RELOADLY_CLIENT_ID is set: set both, or neither to leave reloadly off",
	}
	for i := range got {
		if j := strings.Index(got[i], "first at "); j > 0 {
			k := strings.Index(got[i], "topupq.yaml line 7")
			got[i] = got[i][:j+len("first at ")] + got[i][k:]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, yaml string
		env        map[string]string
		want       string
	}{
		{"reloadly without its host", "", map[string]string{"TOPUPQ_RELOADLY_CLIENT_ID": "i", "TOPUPQ_RELOADLY_CLIENT_SECRET": "s"}, "TOPUPQ_RELOADLY_BASE_URL: is missing"},
		{"half of AAT", "", map[string]string{"TOPUPQ_AAT_PASSWORD": "s"}, "TOPUPQ_AAT_USERNAME: is missing although TOPUPQ_AAT_PASSWORD is set"},
		{"secret twice", "", map[string]string{"TOPUPQ_AAT_PASSWORD": "s", "TOPUPQ_AAT_PASSWORD_FILE": empty, "TOPUPQ_AAT_USERNAME": "u"}, "TOPUPQ_AAT_PASSWORD: TOPUPQ_AAT_PASSWORD_FILE is set as well"},
		{"secret file away", "", map[string]string{"TOPUPQ_AAT_PASSWORD_FILE": missing, "TOPUPQ_AAT_USERNAME": "u"}, "TOPUPQ_AAT_PASSWORD_FILE: its file cannot be read: no such file"},
		{"secret file empty", "", map[string]string{"TOPUPQ_RECHARGEKIT_TOKEN_FILE": empty}, "TOPUPQ_RECHARGEKIT_TOKEN_FILE: its file is empty"},
		{"secret twice in the file", "aat: {password: a, password_file: b, username: u}", nil, "topupq.yaml line 1, aat.password_file"},
		{"file for a plain setting", "aat: {username_file: b}", nil, "aat.username_file: unknown key"},
		{"hashed password in the environment", "", map[string]string{"TOPUPQ_OPS_USERS": "a:$argon2id$v=19$m=1,t=1,p=1$x$y:admin"}, "write the users in topupq.yaml"},
		{"same user twice", "", map[string]string{"TOPUPQ_OPS_USERS": "a:x:admin,a:y:viewer"}, "user number 2: the name is taken"},
		{"user without password", "", map[string]string{"TOPUPQ_OPS_USERS": "a::admin"}, "write name:password:role"},
		{"user with a field too many", "ops: {users: [{name: a, password: b, role: admin, age: 3}]}", nil, "must be plain text"},
		{"short key", "", map[string]string{"TOPUPQ_ENCRYPTION_KEY": "QUJD"}, "key number 1 is not base64 of 32 bytes"},
		{"same key id", "", map[string]string{"TOPUPQ_ENCRYPTION_KEY": strings.Repeat("A", 43) + "=," + strings.Repeat("B", 43) + "="}, "the id of key number 2 must be unique"},
		{"route to nobody", "", map[string]string{"TOPUPQ_ROUTES": "ZA:vodacom"}, "names no provider"},
		{"route from nowhere", "", map[string]string{"TOPUPQ_ROUTES": "South Africa:aat"}, "is not a route"},
		{"address", "", map[string]string{"TOPUPQ_INTAKE_ADDR": "8080"}, "write host:port"},
		{"base url with user", "", map[string]string{"TOPUPQ_BULKSMS_BASE_URL": "https://u:p@host/v1"}, "must not hold a user"},
		{"not asmx", "", map[string]string{"TOPUPQ_AAT_BASE_URL": "https://host/x"}, "up to and including .asmx"},
		{"early after the interval", "", map[string]string{"TOPUPQ_CHECK_INTERVAL": "5m"}, "TOPUPQ_CHECK_EARLY: its last delay must be shorter than TOPUPQ_CHECK_INTERVAL (5m)"},
		{"leader too slow", "", map[string]string{"TOPUPQ_LEADER_TTL": "20s"}, "must be from 10ms to 15s"},
		{"number of words", "", map[string]string{"TOPUPQ_AAT_RATE": "ten"}, "whole number from 0"},
		{"neither true nor false", "", map[string]string{"TOPUPQ_ALLOW_PRIVATE_CALLBACKS": "perhaps"}, "neither true nor false"},
		{"pattern", "", map[string]string{"TOPUPQ_RECHARGEKIT_NOT_FOUND_PATTERN": "("}, "not a regular expression"},
		{"empty list", "callback: {retries: []}", nil, ""},
		{"list of lists", "check: {early: [[1s]]}", nil, "must be plain text, a list"},
		{"no mapping", "- a\n- b\n", nil, "topupq.yaml line 1: must be a mapping"},
		{"group that is a text", "aat: yes\n", nil, "topupq.yaml line 1, aat: must be a mapping"},
		{"two documents", "aat: {}\n---\naat: {}\n", nil, "holds 2 documents"},
		{"not YAML", "aat: {\n", nil, "topupq.yaml line 1: not YAML"},
		{"anchor", "aat: {username: &x u, password: *x}\n", nil, "no anchors"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := mistakes(t, tt.yaml, tt.env)
			all := strings.Join(got, "\n")
			if tt.want == "" && len(got) == 0 {
				return
			}
			if tt.want == "" || !strings.Contains(all, tt.want) {
				t.Errorf("got %q, want one with %q", got, tt.want)
			}
		})
	}
}
