package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// TestMadeFiles compares the files that are made from the table with what it makes today.
func TestMadeFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path, command string
		write         func(io.Writer) error
	}{
		{"../docs/configuration.md", "go run ./cmd/topupq config --markdown > docs/configuration.md", WriteMarkdown},
		{"../deploy/topupq.example.yaml", "go run ./cmd/topupq config --yaml > deploy/topupq.example.yaml", WriteExample},
	}
	for _, tt := range tests {
		var want bytes.Buffer
		if err := tt.write(&want); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Errorf("%s is not what the table makes; run: %s\n%s", tt.path, tt.command, diff)
		}
	}
}

// TestExampleLoads takes the marks off the example and loads it: it must mean the defaults.
func TestExampleLoads(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteExample(&b); err != nil {
		t.Fatal(err)
	}
	off := regexp.MustCompile(`(?m)^#([a-z_]+:.*)$`)
	yaml := off.ReplaceAllString(b.String(), "$1")
	yaml = regexp.MustCompile(`(?m)^.*_file:.*$`).ReplaceAllString(yaml, "")
	got, err := load(t, yaml, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, yaml)
	}
	want, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	locations := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	patterns := cmp.Comparer(func(a, b *regexp.Regexp) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
	if diff := cmp.Diff(want, got, locations, patterns); diff != "" {
		t.Error(diff)
	}
}

// TestTable holds what every row of the table must have.
func TestTable(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^TOPUPQ_[A-Z][A-Z_]*[A-Z]$`)
	seen := map[string]bool{}
	for _, s := range Describe() {
		if !name.MatchString(s.Env) || seen[s.Env] {
			t.Errorf("%s: malformed or twice", s.Env)
		}
		seen[s.Env] = true
		if !strings.HasSuffix(s.Meaning, ".") {
			t.Errorf("%s: its meaning is no sentence: %q", s.Env, s.Meaning)
		}
		if strings.Contains(strings.ToLower(s.Env), "secret") && !s.Secret {
			t.Errorf("%s is not kept secret", s.Env)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	c := Config{EncryptionKey: canary, OpsUsers: []User{{Password: canary}}}
	encoded, err := json.Marshal(c.OpsUsers)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %x", c, c, c.EncryptionKey, c.EncryptionKey), c.EncryptionKey.String(), string(encoded)} {
		if strings.Contains(s, canary) || strings.Contains(s, fmt.Sprintf("%x", canary)) {
			t.Errorf("it prints: %s", s)
		}
	}
}

// TestDeployedSettings loads what the compose file and its simulators set, with a misspelt one among them as control.
func TestDeployedSettings(t *testing.T) {
	t.Parallel()
	set := regexp.MustCompile(`(?m)^\s*(TOPUPQ_[A-Z_]+)(?:=|: *)"?([^"\n]*)"?$`)
	for _, path := range []string{"../deploy/simulator.env", "../docker-compose.yml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{}
		for _, m := range set.FindAllStringSubmatch(string(text), -1) {
			env[m[1]] = m[2]
		}
		if len(env) < 3 {
			t.Errorf("%s: only %d settings found", path, len(env))
		}
		if got := mistakes(t, "", env); got != nil {
			t.Errorf("%s: %v", path, got)
		}
		env["TOPUPQ_REDIS_ULR"] = "1"
		if got := mistakes(t, "", env); len(got) != 1 {
			t.Errorf("%s: the misspelt one is not noticed: %v", path, got)
		}
	}
	var compose any
	text, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Error(err)
	}
}
