package telemetry

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

var ourMetric = regexp.MustCompile(`topupq_[a-z_]+`)

// TestRulesAndDashboardNameRealMetrics: an alert on a metric that does not exist never fires, and nobody notices.
func TestRulesAndDashboardNameRealMetrics(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics(NewPulse(nil, zap.NewNop()))
	if err != nil {
		t.Fatal(err)
	}
	known := ""
	descs := make(chan *prometheus.Desc, 100)
	m.registry.Describe(descs)
	NewLedger(nil, nil).Describe(descs)
	close(descs)
	for d := range descs {
		known += d.String() + "\n"
	}
	for _, file := range []string{"../deploy/prometheus/alerts.yaml", "../deploy/grafana/topupq.json"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range ourMetric.FindAllString(string(b), -1) {
			for _, suffix := range []string{"_count", "_sum", "_bucket"} {
				name = strings.TrimSuffix(name, suffix)
			}
			if !strings.Contains(known, `"`+name+`"`) {
				t.Errorf("%s names %s, which nobody counts", file, name)
			}
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(b) {
			t.Errorf("%s is not JSON", file)
		}
	}
}

// TestAlertRules runs promtool's own tests of the rules where promtool is installed (Debian: prometheus).
func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("TOPUPQ_REQUIRE_PROMTOOL") == "1" {
			t.Fatal("TOPUPQ_REQUIRE_PROMTOOL=1, but there is no promtool: apt-get install prometheus")
		}
		t.Log("not run: there is no promtool (apt-get install prometheus)")
		return
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "../deploy/prometheus"
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out.String())
		}
	}
}
