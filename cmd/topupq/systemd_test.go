package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"topupq/config"
)

const systemdUnit = "../../deploy/systemd/topupq@.service"

// TestSystemdUnit reads the unit as systemd does: the command it starts exists, the settings it names are settings, and
// a stopping worker is given longer than the longest call to a provider takes.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(systemdUnit)
	if err != nil {
		t.Fatal(err)
	}
	values := unitValues(t, string(raw))
	for _, key := range []string{"Unit/Description", "Service/ExecStart", "Service/Restart", "Service/TimeoutStopSec", "Install/WantedBy"} {
		if len(values[key]) != 1 {
			t.Errorf("%s is there %d times", key, len(values[key]))
		}
	}
	for _, key := range []string{"NoNewPrivileges", "PrivateTmp", "DynamicUser", "ProtectHome"} {
		if !slices.Equal(values["Service/"+key], []string{"yes"}) {
			t.Errorf("%s is %q", key, values["Service/"+key])
		}
	}
	for _, role := range []string{"run", "intake", "work", "schedule", "ops"} {
		line := strings.Fields(strings.ReplaceAll(values["Service/ExecStart"][0], "%i", role))
		cmd, _, err := newRoot(deps{getenv: func(string) string { return "" }}).Find(line[1:])
		if err != nil || cmd.Name() != role || cmd.ParseFlags(line[2:]) != nil {
			t.Errorf("topupq %s cannot be started like that: %v", role, err)
		}
	}
	known := map[string]bool{}
	for _, s := range config.Describe() {
		known[s.Env], known[s.Env+"_FILE"] = true, s.Secret
	}
	for _, line := range values["Service/Environment"] {
		if name, _, _ := strings.Cut(line, "="); !known[name] {
			t.Errorf("%s is no setting", name)
		}
	}
	verifyUnit(t, string(raw))
}

// unitValues are the values of a unit by section and key.
func unitValues(t *testing.T, unit string) map[string][]string {
	t.Helper()
	out, section := map[string][]string{}, ""
	for line := range strings.Lines(unit) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
		case !ok || section == "":
			t.Errorf("%q is no line of a unit", line)
		default:
			out[section+"/"+key] = append(out[section+"/"+key], value)
		}
	}
	return out
}

// verifyUnit has systemd itself look at the unit where it is installed; the program is stood in for.
func verifyUnit(t *testing.T, unit string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here: the unit was read without it")
		return
	}
	dir := t.TempDir()
	program, file := filepath.Join(dir, "topupq"), filepath.Join(dir, "topupq@work.service")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, "/usr/bin/topupq", program)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
