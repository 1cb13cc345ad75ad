package ops

import (
	"net/http"
	"strings"
	"testing"
)

func TestOnlyIDsAreShown(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		topupID:                      topupID,
		`"` + topupID + `"`:          topupID,
		"check:" + topupID + ":3":    "check:" + topupID + ":3",
		"batabcdefghij234":           "batabcdefghij234",
		"msg_" + topupID + "_4":      "msg_" + topupID + "_4",
		"":                           "",
		"+27831234567":               "[12 bytes, not shown]",
		`{"pin":"1234567890123456"}`: "[26 bytes, not shown]",
		"1234567890123456":           "[16 bytes, not shown]",
		"whsec_c2VjcmV0":             "[14 bytes, not shown]",
	} {
		if got := onlyIDs([]byte(payload)); got != want {
			t.Errorf("onlyIDs(%q) = %q, want %q", payload, got, want)
		}
	}
}

// TestPayloadsStayHidden looks for a canary in everything that the dashboard tells about a task.
func TestPayloadsStayHidden(t *testing.T) {
	t.Parallel()
	const canary = "C4N4RY"
	l := start(t, nil)
	l.enqueue(t, "submit:aat", "a", []byte(`{"pin":"`+canary+`"}`), false)
	l.enqueue(t, "submit:aat", "b", []byte(`{"pin":"`+canary+`"}`), true)
	for _, path := range []string{"/pending_tasks", "/archived_tasks", "/tasks/a", "/tasks/b"} {
		resp, body := l.ask(t, "GET", "/dashboard/api/queues/submit:aat"+path, "anna:a-pass", "")
		if resp.StatusCode != http.StatusOK || strings.Contains(body, canary) || !strings.Contains(body, "not shown") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func TestPagePolicy(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	for _, basic := range []string{"vera:v-pass", "otto:o:pass"} {
		resp, body := l.ask(t, "GET", "/dashboard/queues/submit:aat", basic, "")
		policy := resp.Header.Get("Content-Security-Policy")
		scripts := strings.Count(policy, "'sha256-")
		if scripts == 0 || scripts != strings.Count(body, "<script>") {
			t.Errorf("%s: %d inline scripts, policy %s", basic, strings.Count(body, "<script>"), policy)
		}
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "script-src 'self' 'unsafe") {
			t.Errorf("%s: policy %s", basic, policy)
		}
		if readOnly := strings.Contains(body, `FLAG_READ_ONLY="true"`); readOnly != (basic == "vera:v-pass") {
			t.Errorf("%s: read only is %v", basic, readOnly)
		}
		for _, h := range []string{"X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cache-Control"} {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s is missing", h)
			}
		}
	}
}
