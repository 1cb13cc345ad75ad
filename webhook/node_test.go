package webhook_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// nodeCase is one line for testdata/node/verify.mjs.
type nodeCase struct {
	Name    string            `json:"name"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Accept  bool              `json:"accept"`
}

// TestNodeLibrariesVerify hands real bodies to the libraries that merchants use under Node. Where it cannot run it
// says why; TOPUPQ_REQUIRE_NODE=1 makes that a failure.
func TestNodeLibrariesVerify(t *testing.T) {
	t.Parallel()
	if missing := nodeMissing(); missing != "" {
		if os.Getenv("TOPUPQ_REQUIRE_NODE") == "1" {
			t.Fatal(missing)
		}
		t.Logf("not run: %s", missing)
		return
	}
	var input bytes.Buffer
	for _, c := range nodeCases(t) {
		must(t, json.NewEncoder(&input).Encode(c))
	}
	cmd := exec.CommandContext(t.Context(), "node", "verify.mjs")
	cmd.Dir, cmd.Stdin = filepath.Join("testdata", "node"), &input
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// nodeMissing says what keeps the test from running.
func nodeMissing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "there is no node on the PATH"
	}
	for _, name := range []string{"standardwebhooks", "svix"} {
		if _, err := os.Stat(filepath.Join("testdata", "node", "node_modules", name)); err != nil {
			return name + " is not installed: npm ci --prefix webhook/testdata/node"
		}
	}
	return ""
}

func nodeCases(t *testing.T) []nodeCase {
	t.Helper()
	secret, old, now := topup.NewWebhookSecret(), topup.NewWebhookSecret(), time.Now()
	record := settled(t, delivered())
	record.Metadata = map[string]string{"name": "Zoë – 日本 😀 <&>", "quote": `"\`}
	body, err := webhook.TopupBody(topup.FormatStandard, record, record.Version(), topup.EventSucceeded)
	must(t, err)
	aat, err := webhook.TopupBody(topup.FormatAAT, record, record.Version(), topup.EventSucceeded)
	must(t, err)
	one := func(name string, m signed, accept bool) nodeCase {
		headers := map[string]string{}
		for _, h := range []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature} {
			headers[h] = m.header.Get(h)
		}
		return nodeCase{name, secret.Reveal(), headers, string(m.body), accept}
	}
	changed := sign(t, now, string(body), secret)
	changed.body = bytes.Replace(changed.body, []byte("succeeded"), []byte("failed"), 1)
	return []nodeCase{
		one("standard", sign(t, now, string(body), secret), true),
		one("aat", sign(t, now, string(aat), secret), true),
		one("rotation, new first", sign(t, now, string(body), secret, old), true),
		one("rotation, old first", sign(t, now, string(body), old, secret), true),
		one("another secret", sign(t, now, string(body), old), false),
		one("changed body", changed, false),
		one("an hour old", sign(t, now.Add(-time.Hour), string(body), secret), false),
	}
}
