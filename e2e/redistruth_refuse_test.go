package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

// post sends a body to the intake and returns the status and the header of the answer.
func post(ctx context.Context, t *testing.T, s *harness.Stack, path, contentType string, body []byte) (int, http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, truthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Merchant.URL()+path, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, http.Header{}
	}
	req.Header.Set("Authorization", "Bearer "+s.Merchant.Key)
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("post %s: %v", path, err)
		return 0, http.Header{}
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	return resp.StatusCode, resp.Header
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// wantRefused demands 503 with a Retry-After that is at least a second.
func wantRefused(t *testing.T, what string, status int, header http.Header) {
	t.Helper()
	after, err := strconv.Atoi(header.Get("Retry-After"))
	if status != http.StatusServiceUnavailable || err != nil || after < 1 {
		t.Errorf("%s: status %d, Retry-After %q, want 503 and at least 1", what, status, header.Get("Retry-After"))
	}
}

// TestIntakeRefusesWhatRedisCannotKeep breaks Redis in several ways. Nothing is acknowledged meanwhile; the same
// requests succeed afterwards, and pay once.
func TestIntakeRefusesWhatRedisCannotKeep(t *testing.T) {
	t.Parallel()
	configure := func(name, value string) func(*testing.T, *harness.Stack) {
		return func(t *testing.T, s *harness.Stack) {
			t.Helper()
			redisDo(t, s, "CONFIG", "SET", name, value)
		}
	}
	for name, c := range map[string]struct {
		breaks, mends func(*testing.T, *harness.Stack)
	}{
		"full":             {configure("maxmemory", "1"), configure("maxmemory", "0")},
		"too few replicas": {configure("min-replicas-to-write", "1"), configure("min-replicas-to-write", "0")},
		"read-only": {
			func(t *testing.T, s *harness.Stack) { t.Helper(); redisDo(t, s, "REPLICAOF", "127.0.0.1", "1") },
			func(t *testing.T, s *harness.Stack) { t.Helper(); redisDo(t, s, "REPLICAOF", "NO", "ONE") },
		},
		"away": {
			func(_ *testing.T, s *harness.Stack) { s.Redis.Kill() },
			func(t *testing.T, s *harness.Stack) {
				t.Helper()
				if err := s.Redis.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
		},
		"frozen": {
			func(_ *testing.T, s *harness.Stack) { _ = s.Redis.Signal(syscall.SIGSTOP) },
			func(_ *testing.T, s *harness.Stack) { _ = s.Redis.Signal(syscall.SIGCONT) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "read-only" {
				harness.NotOnCluster(t, "a primary of a cluster refuses REPLICAOF, and one that has slots also CLUSTER REPLICATE")
			}
			s := harness.Start(t, harness.Options{Env: patientEnv()})
			ctx := t.Context()
			before, single, batch := pinlessOrder(1, "before"), pinlessOrder(2, "single"), pinlessOrder(3, "in-batch")
			submitAll(ctx, t, s, []harness.Order{before})
			inState(ctx, t, s, topup.NewID(s.Merchant.ID, before.Reference), topup.Succeeded)
			c.breaks(t, s)
			var requests sync.WaitGroup
			requests.Go(func() {
				status, header := post(ctx, t, s, "/v1/topups", "application/json", encode(t, single))
				wantRefused(t, "one top-up", status, header)
			})
			requests.Go(func() {
				status, header := post(ctx, t, s, "/v1/batches", "application/x-ndjson", encode(t, batch))
				wantRefused(t, "a batch", status, header)
			})
			requests.Wait()
			c.mends(t, s)
			submitAll(ctx, t, s, []harness.Order{single})
			within(ctx, t, "the batch again", func() bool {
				status, err := s.Merchant.SubmitMany(ctx, []harness.Order{batch})
				return err == nil && status/100 == 2
			})
			all := []harness.Order{before, single, batch}
			allInState(ctx, t, s, all, topup.Succeeded)
			y := count(s, all)
			if y.booked != len(all) || y.twice != 0 {
				t.Errorf("%s of %d", y, len(all))
			}
			t.Logf("%s: 503 with Retry-After, the same requests later: %s", name, y)
		})
	}
}

// redisDo runs one command on every node, as an operator would.
func redisDo(t *testing.T, s *harness.Stack, words ...any) {
	t.Helper()
	if err := s.Redis.Each(func(node *redis.Client) error { return node.Do(t.Context(), words...).Err() }); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
}

// TestUnsafeRedisIsRefusedAtStart starts every role that handles money on Redis servers that may forget. Each ends with
// exit code 2 and the command that mends it.
func TestUnsafeRedisIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opts redisproc.Options
		mend string
	}{
		"every second":  {redisproc.Options{AppendFsync: "everysec"}, "CONFIG SET appendfsync always"},
		"no file":       {redisproc.Options{}, "CONFIG SET appendonly yes"},
		"evicting":      {redisproc.Options{AppendFsync: "always", Args: []string{"--maxmemory-policy", "allkeys-lru"}}, "CONFIG SET maxmemory-policy noeviction"},
		"replica of it": {redisproc.Options{AppendFsync: "always", Args: []string{"--replicaof", "127.0.0.1 1"}}, "point TOPUPQ_REDIS_URL at the primary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "replica of it" {
				harness.NotOnCluster(t, "a server in cluster mode does not start with replicaof")
			}
			server := harness.StartRedis(t, c.opts)
			for _, role := range []string{"intake", "work", "schedule", "run"} {
				ctx, cancel := context.WithTimeout(t.Context(), truthTimeout)
				cmd := exec.CommandContext(ctx, os.Getenv(harness.BinaryEnv), role)
				cmd.Dir = t.TempDir()
				cmd.Env = []string{"TOPUPQ_REDIS_URL=" + server.URL(), "TOPUPQ_INTAKE_ADDR=127.0.0.1:0", "TOPUPQ_OPS_ADDR=127.0.0.1:0"}
				out, err := cmd.CombinedOutput()
				cancel()
				if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), c.mend) {
					t.Errorf("%s: %v, want exit code 2 and the mend %q:\n%s", role, err, c.mend, out)
				}
			}
		})
	}
}

// TestAnswersWhileRedisIsFull fills Redis while providers answer: what they said waits in the spool and nothing is sent
// twice.
func TestAnswersWhileRedisIsFull(t *testing.T) {
	t.Parallel()
	const topups = 60
	s := harness.Start(t, harness.Options{Env: patientEnv()})
	ctx := t.Context()
	orders := pinlessOrders(topups, "full")
	full := make(chan struct{})
	s.Sims.Watch(func(stage harness.Stage, _ topup.ID) {
		if stage == harness.Booked {
			select {
			case <-full:
			default:
				_ = s.Redis.Each(func(node *redis.Client) error {
					return node.ConfigSet(context.WithoutCancel(ctx), "maxmemory", "1").Err()
				})
			}
		}
	})
	submitFirst(ctx, t, s, orders)
	within(ctx, t, "answers in the spool", func() bool { return spooled(t, s) > 0 })
	kept := spooled(t, s)
	close(full)
	redisDo(t, s, "CONFIG", "SET", "maxmemory", "0")
	begun := time.Now()
	submitAll(ctx, t, s, orders)
	allInState(ctx, t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.booked != topups || y.twice != 0 || y.sends != topups {
		t.Errorf("%s of %d", y, topups)
	}
	t.Logf("%d top-ups, %d answers spooled while Redis was full, all settled %s after it was not; %s",
		topups, kept, time.Since(begun).Round(10*time.Millisecond), y)
}

// submitFirst hands in every order once, whatever the answer.
func submitFirst(ctx context.Context, t *testing.T, s *harness.Stack, orders []harness.Order) {
	t.Helper()
	for _, o := range orders {
		status, _, err := s.Merchant.Submit(ctx, o)
		if err != nil || (status/100 != 2 && status != http.StatusServiceUnavailable) {
			t.Errorf("%s: status %d, %v", o.Reference, status, err)
		}
	}
}
