package ops

import (
	"strings"
	"testing"
	"time"

	"topupq/topup"
)

func TestHashedPassword(t *testing.T) {
	t.Parallel()
	hashed, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	again, err := HashPassword("correct horse")
	if err != nil || again == hashed || !strings.HasPrefix(hashed, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatalf("hashes: %q %q %v", hashed, again, err)
	}
	p, err := newPasswords([]User{{Name: "a", Password: topup.Secret(hashed), Role: RoleAdmin}, {Name: "b", Password: "plain", Role: RoleViewer}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		password topup.Secret
		want     bool
	}{
		{"a", "correct horse", true}, {"a", "correct horse", true}, {"a", "wrong", false}, {"a", "", false},
		{"a", topup.Secret(hashed), false}, {"b", "plain", true}, {"b", "plaim", false}, {"c", "correct horse", false},
		{"c", "", false}, {"a", topup.Secret(strings.Repeat("x", maxPassword+1)), false},
	}
	for _, tt := range tests {
		u, ok := p.check(tt.name, tt.password)
		if ok != tt.want || (ok && u.Name != tt.name) {
			t.Errorf("%s with a password of %d bytes: %v %v", tt.name, len(tt.password), u.Name, ok)
		}
	}
	if len(p.verified) != 1 {
		t.Errorf("%d passwords are remembered, want the right one only", len(p.verified))
	}
}

func TestHashPasswordRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []topup.Secret{"", topup.Secret(strings.Repeat("x", maxPassword+1))} {
		if _, err := HashPassword(s); err == nil {
			t.Errorf("took a password of %d bytes", len(s))
		}
	}
}

// TestParseHash refuses what would not protect, or would take all memory.
func TestParseHash(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"$argon2id$", "$argon2id$v=16$m=65536,t=3,p=4$c2FsdHNhbHQ$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=1,t=3,p=4$c2FsdHNhbHQ$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$YWJjZGVmZ2hpamtsbW5vcA", "$argon2id$v=19$m=65536,t=3,p=4$c2E$YWJjZGVmZ2hpamtsbW5vcA",
		"$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$YWI", "$argon2id$v=19$m=65536,t=3,p=4$!!$!!",
	} {
		if _, err := parseHash(s); err == nil {
			t.Errorf("took %q", s)
		}
	}
}

func TestThrottleForgets(t *testing.T) {
	t.Parallel()
	now := time.Now()
	th := newThrottle(func() time.Time { return now })
	for range failsPerAddress {
		th.failed("a", "1")
	}
	if th.wait("b", "1") == 0 || th.wait("a", "2") != 0 {
		t.Error("an address that guesses many names must wait, others not")
	}
	now = now.Add(failWindow)
	th.forget(now)
	if len(th.fails) != 0 || th.wait("b", "1") != 0 {
		t.Errorf("%d counts left", len(th.fails))
	}
	for i := range maxTracked + 2 {
		th.failed("a", strings.Repeat("x", i%50)+string(rune('a'+i%26))+time.Duration(i).String())
	}
	if len(th.fails) > maxTracked+2 {
		t.Errorf("%d counts are kept", len(th.fails))
	}
}
