package ops

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestActsAreAudited(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	l.enqueue(t, "submit:aat", "submit:a:1", []byte(topupID), true)
	l.enqueue(t, "submit:aat", "submit:b:1", []byte(topupID), true)
	run := "/dashboard/api/queues/submit:aat/archived_tasks/submit:a:1:run"
	if resp, body := l.ask(t, "POST", run, "otto:o:pass", ""); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("run: %d %s", resp.StatusCode, body)
	}
	batch := "/dashboard/api/queues/submit:aat/archived_tasks:batch_run"
	if resp, body := l.ask(t, "POST", batch, "anna:a-pass", `{"task_ids":["submit:b:1"]}`); resp.StatusCode != http.StatusOK {
		t.Fatalf("batch run: %d %s", resp.StatusCode, body)
	}
	info, err := l.inspector.GetQueueInfo("submit:aat")
	if err != nil || info.Pending != 2 || info.Archived != 0 {
		t.Fatalf("queue after the acts: %+v %v", info, err)
	}
	otto := Act{Actor: "otto", Role: RoleOperator, Remote: "127.0.0.1", Method: "POST", Path: run}
	anna := Act{Actor: "anna", Role: RoleAdmin, Remote: "127.0.0.1", Method: "POST", Path: batch, Tasks: []string{"submit:b:1"}}
	want := []Act{otto, otto, anna, anna}
	want[1].Status, want[3].Status = http.StatusNoContent, http.StatusOK
	if diff := cmp.Diff(want, l.audited(), cmpopts.IgnoreTypes(time.Time{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if n := l.logs.FilterMessage("operator acted").Len(); n != 2 {
		t.Errorf("%d log lines of acts, want 2", n)
	}
}

func TestNoActWithoutAudit(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	l.fail = errAudit
	l.enqueue(t, "submit:aat", "a", []byte(topupID), true)
	resp, body := l.ask(t, "POST", "/dashboard/api/queues/submit:aat/archived_tasks:run_all", "otto:o:pass", "")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || strings.Contains(body, errAudit.Error()) {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if info, err := l.inspector.GetQueueInfo("submit:aat"); err != nil || info.Archived != 1 {
		t.Errorf("the act was done all the same: %+v %v", info, err)
	}
}

func TestBatchActs(t *testing.T) {
	t.Parallel()
	l := start(t, nil)
	l.enqueue(t, "q", "a", []byte(topupID), true)
	many := make([]string, maxTasks+1)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint(i))
	}
	for name, body := range map[string]string{
		"not JSON": "task_ids=a",
		"too many": `{"task_ids":[` + strings.Join(many, ",") + `]}`,
		"too big":  `{"task_ids":["` + strings.Repeat("a", maxActBody) + `"]}`,
	} {
		if resp, answer := l.ask(t, "POST", "/dashboard/api/queues/q/archived_tasks:batch_run", "otto:o:pass", body); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
	if acts := l.audited(); len(acts) != 0 {
		t.Errorf("refused acts were audited as done: %+v", acts)
	}
}

// TestArchiveAll refuses to push more into an archive than it holds: asynq would leave the rest unreachable.
func TestArchiveAll(t *testing.T) {
	t.Parallel()
	l := start(t, func(c *Config) { c.archive = 3 })
	for _, id := range []string{"a", "b", "c"} {
		l.enqueue(t, "submit:full", "old "+id, []byte(topupID), true)
		l.enqueue(t, "submit:fits", id, []byte(topupID), false)
	}
	l.enqueue(t, "submit:full", "a", []byte(topupID), false)
	for path, status := range map[string]int{
		"/dashboard/api/queues/submit:full/pending_tasks:archive_all": http.StatusConflict,
		"/dashboard/api/queues/submit:gone/pending_tasks:archive_all": http.StatusConflict,
		"/dashboard/api/queues/submit:fits/pending_tasks:archive_all": http.StatusOK,
		"/dashboard/api/queues/submit:full/retry_tasks:archive_all":   http.StatusOK,
	} {
		if resp, body := l.ask(t, "POST", path, "otto:o:pass", ""); resp.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", path, resp.StatusCode, body, status)
		}
	}
	// A way around the check would be a path that only the dashboard cleans.
	for _, path := range []string{
		"/dashboard//api/queues/submit:full/pending_tasks:archive_all", "/dashboard/api/./queues/submit:full/pending_tasks:archive_all",
		"/dashboard/api/queues/submit%3Afull/pending_tasks%3Aarchive_all", "/dashboard/api/queues/submit:full/pending_tasks:archive_all/",
	} {
		l.ask(t, "POST", path, "otto:o:pass", "")
		if info, err := l.inspector.GetQueueInfo("submit:full"); err != nil || info.Pending != 1 {
			t.Errorf("%s got through: %+v %v", path, info, err)
		}
	}
}
