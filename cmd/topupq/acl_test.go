package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/operator"
	"topupq/redisproc"
	"topupq/topup"
)

// aclRole is a role with the Redis user of deploy/redis/users.acl.
func aclRole(t *testing.T, addr, user string, env map[string]string, r roles) (*node, addresses) {
	t.Helper()
	own := map[string]string{"TOPUPQ_REDIS_URL": "redis://" + user + ":change-me-" + user + "@" + addr}
	for k, v := range env {
		own[k] = v
	}
	cfg, err := config.Load("", func(n string) string { return own[n] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	demand := cfg.RedisDurability
	if r.ops {
		demand = ""
	}
	n, err := newNode(t.Context(), cfg, zap.NewNop(), demand)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	t.Cleanup(n.stop)
	at, err := n.startRoles(r)
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	return n, at
}

// TestEveryRoleRunsWithItsOwnRights runs the roles as the users of the ACL file, on a real Redis: everything works,
// nothing is refused on the way, and what a role must not do it cannot.
func TestEveryRoleRunsWithItsOwnRights(t *testing.T) {
	t.Parallel()
	acl, err := os.ReadFile("../../deploy/redis/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, []byte(strings.Replace(string(acl), "user default off", "user default on nopass ~* &* +@all", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	server := redisproc.StartForTest(t, redisproc.Options{AppendFsync: "always", Args: []string{"--maxmemory-policy", "noeviction", "--aclfile", file}})
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	sims, err := startSimulators(simOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sims.stop)
	env := sims.env()
	env["TOPUPQ_INTAKE_ADDR"], env["TOPUPQ_OPS_ADDR"], env["TOPUPQ_OPS_USERS"] = "127.0.0.1:0", "127.0.0.1:0", "ann:ann-password:admin"
	env["TOPUPQ_ENCRYPTION_KEY"], env["TOPUPQ_SPOOL_DIR"] = sandboxKey, t.TempDir()
	if err := admin.Do(t.Context(), "ACL", "LOG", "RESET").Err(); err != nil {
		t.Fatal(err)
	}
	aclRole(t, server.Addr(), "schedule", env, roles{schedule: true})
	aclRole(t, server.Addr(), "work", env, roles{work: true, tune: gentle})
	in, inAt := aclRole(t, server.Addr(), "intake", env, roles{intake: true})
	board, boardAt := aclRole(t, server.Addr(), "ops", env, roles{ops: true})
	keys, err := addMerchant(t.Context(), in, "shop", topup.DefaultScopes)
	if err != nil {
		t.Fatal(err)
	}
	exercise(t, inAt, boardAt, keys.APIKey)
	pauseAndResume(t, board)
	log, err := admin.Do(t.Context(), "ACL", "LOG").Slice()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range log {
		t.Errorf("refused on the way: %v", entry)
	}
	mustNot(t, server.Addr())
}

// exercise submits a batch, waits for its end, and reads the operator's pages.
func exercise(t *testing.T, in, board addresses, key string) {
	t.Helper()
	merchant := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"text/csv"}}
	rows := "reference,recipient,amount,currency,provider\n"
	for i := range 20 {
		rows += fmt.Sprintf("acl-%d,+2783123%04d,2.00,ZAR,aat\n", i, 4000+i)
	}
	if answer := call(t, http.MethodPost, "http://"+in.intake+"/v1/batches", rows, merchant); !strings.HasPrefix(answer, "202") {
		t.Fatalf("batch: %s", answer)
	}
	single := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}, "Prefer": {"wait=20"}}
	body := `{"reference":"acl-last","recipient":"+27831239999","amount":"2.00","currency":"ZAR","provider":"aat"}`
	if answer := call(t, http.MethodPost, "http://"+in.intake+"/v1/topups", body, single); !strings.Contains(answer, `"state":"succeeded"`) {
		t.Fatalf("top-up: %s", answer)
	}
	lookup := `{"provider":"aat","action":"GetNetwork","params":{"msisdn":"27831239999"}}`
	if answer := call(t, http.MethodPost, "http://"+in.intake+"/v1/lookups", lookup, single); !strings.Contains(answer, `"state":"done"`) {
		t.Errorf("lookup: %s", answer)
	}
	operator := http.Header{"Authorization": {"Basic YW5uOmFubi1wYXNzd29yZA=="}}
	for _, p := range []string{"/", "/search?state=held", "/search?recipient=%2B27831239999", "/pauses", "/audit?verify=1", "/metrics", "/dashboard/api/queues", "/dashboard/api/redis_info", "/dashboard/api/servers"} {
		if answer := call(t, http.MethodGet, "http://"+board.ops+p, "", operator); !strings.HasPrefix(answer, "200") {
			t.Errorf("%s: %.200s", p, answer)
		}
	}
}

func pauseAndResume(t *testing.T, n *node) {
	t.Helper()
	desk, err := n.desk()
	if err != nil {
		t.Fatal(err)
	}
	by, scope := operator.Person{Name: "ann"}, topup.PauseScope{Kind: topup.PauseByProvider, Name: "aat"}
	if err := desk.Apply().Pause(t.Context(), by, "test", scope); err != nil {
		t.Error(err)
	}
	if err := desk.Apply().Resume(t.Context(), by, "test", scope); err != nil {
		t.Error(err)
	}
	if err := n.store.PutProposal(t.Context(), topup.Proposal{Topup: "x", At: time.Now()}); err != nil {
		t.Error(err)
	}
	if err := n.store.DropProposal(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// mustNot tries what each role must not do.
func mustNot(t *testing.T, addr string) {
	t.Helper()
	everybody := [][]any{{"FLUSHALL"}, {"CONFIG", "SET", "appendonly", "no"}, {"KEYS", "*"}, {"SHUTDOWN"}, {"ACL", "LIST"}, {"SCRIPT", "FLUSH"}, {"SET", "other", "1"}}
	refused := map[string][][]any{
		"intake":   {{"RPUSH", "tq{audit}log", "x"}, {"LRANGE", "tq{audit}log", 0, -1}},
		"work":     {{"RPUSH", "tq{audit}log", "x"}, {"HSET", "tq{audit}proposals", "x", "y"}},
		"schedule": {{"DEL", "tq{audit}log"}},
		"ops":      {{"DEL", "tq{audit}log"}, {"LSET", "tq{audit}log", 0, "x"}, {"LTRIM", "tq{audit}log", 1, -1}, {"LPOP", "tq{audit}log"}, {"SET", "tq{audit}log", "x"}},
	}
	for user, own := range refused {
		rdb := redis.NewClient(&redis.Options{Addr: addr, Username: user, Password: "change-me-" + user})
		for _, cmd := range append(own, everybody...) {
			if err := rdb.Do(context.WithoutCancel(t.Context()), cmd...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") {
				t.Errorf("%s may %v: %v", user, cmd, err)
			}
		}
		_ = rdb.Close()
	}
}
