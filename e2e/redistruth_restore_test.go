package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"topupq/e2e/harness"
	"topupq/redisproc"
	"topupq/topup"
)

const restoredTopups = 60

// appendOnly is the directory of a server's append-only file.
func appendOnly(node *redisproc.Server) string { return filepath.Join(node.Dir(), "appendonlydir") }

// copyOf is where the copy of a node's file is.
func copyOf(old string, node int) string { return filepath.Join(old, strconv.Itoa(node)) }

// sentAfterTheCopy is a stack whose Redis was copied while all top-ups waited to be sent; then they were sent.
func sentAfterTheCopy(t *testing.T, o harness.Options) (s *harness.Stack, orders []harness.Order, old string) {
	t.Helper()
	o.Env = askingEnv()
	s = harness.Start(t, o)
	ctx := t.Context()
	s.Workers[0].Kill()
	orders = pinlessOrders(restoredTopups, "restore")
	submitAll(ctx, t, s, orders)
	old = t.TempDir()
	for i, node := range s.Redis.Nodes {
		if err := os.CopyFS(copyOf(old, i), os.DirFS(appendOnly(node))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Workers[0].Start(); err != nil {
		t.Fatal(err)
	}
	allInState(ctx, t, s, orders, topup.Succeeded)
	if y := count(s, orders); y.sends != restoredTopups || y.booked != restoredTopups {
		t.Fatalf("before the restore: %s", y)
	}
	return s, orders, old
}

// restore brings nodes of Redis back as the copy has them.
func restore(t *testing.T, s *harness.Stack, old string, nodes ...*redisproc.Server) {
	t.Helper()
	for i, node := range s.Redis.Nodes {
		if !slices.Contains(nodes, node) {
			continue
		}
		node.Kill()
		if err := os.RemoveAll(appendOnly(node)); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(appendOnly(node), os.DirFS(copyOf(old, i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Redis.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRestoredUnderRunningProcesses brings an old copy back while everything runs. The processes notice: each top-up
// is asked about, and none is sent again.
func TestRestoredUnderRunningProcesses(t *testing.T) {
	t.Parallel()
	s, orders, old := sentAfterTheCopy(t, harness.Options{})
	restore(t, s, old, s.Redis.Nodes...)
	begun := time.Now()
	allInState(t.Context(), t, s, orders, topup.Succeeded)
	wantAsked(t, s, orders, begun)
}

// wantAsked demands that every top-up was asked about after the restore and none was sent a second time.
func wantAsked(t *testing.T, s *harness.Stack, orders []harness.Order, begun time.Time) {
	t.Helper()
	y := count(s, orders)
	if y.sends != len(orders) || y.booked != len(orders) || y.twice != 0 || y.questions < len(orders) {
		t.Errorf("%s of %d: want one paying call and a question each", y, len(orders))
	}
	if !recoveryMark(t, s) {
		t.Error("no recovery mark")
	}
	t.Logf("%d top-ups sent after the copy was made; settled again %s after the restore; %s",
		len(orders), time.Since(begun).Round(10*time.Millisecond), y)
}

// TestRestoredWhileStopped brings an old copy back while nothing runs, so that nobody can notice. The operator says so.
func TestRestoredWhileStopped(t *testing.T) {
	t.Parallel()
	s, orders, old := sentAfterTheCopy(t, harness.Options{})
	stopAll(t, s)
	restore(t, s, old, s.Redis.Nodes...)
	out := command(t, s, "recover")
	if !strings.Contains(out, "preview") || recoveryMark(t, s) {
		t.Errorf("the preview has acted, or says nothing:\n%s", out)
	}
	command(t, s, "recover", "--apply", "--reason", "restored the copy of before")
	begun := time.Now()
	startAll(t, s)
	allInState(t.Context(), t, s, orders, topup.Succeeded)
	wantAsked(t, s, orders, begun)
}

// TestRestoredWithoutTheMark is the proof that the two tests above can fail: without the recovery mark top-ups of the
// copy are sent a second time, and only the provider's own duplicate check keeps them from being paid twice.
func TestRestoredWithoutTheMark(t *testing.T) {
	t.Parallel()
	s, orders, old := sentAfterTheCopy(t, harness.Options{})
	stopAll(t, s)
	restore(t, s, old, s.Redis.Nodes...)
	startAll(t, s)
	allInState(t.Context(), t, s, orders, topup.Succeeded)
	y := count(s, orders)
	if y.twice != 0 || y.booked != len(orders) {
		t.Errorf("%s of %d", y, len(orders))
	}
	if y.sends == len(orders) {
		t.Error("nothing was sent again: the restore does not restore")
	}
	t.Logf("without the mark: %s", y)
}

func stopAll(t *testing.T, s *harness.Stack) {
	t.Helper()
	for _, p := range s.Processes() {
		if err := p.Stop(truthTimeout); err != nil {
			t.Fatal(err)
		}
	}
}

func startAll(t *testing.T, s *harness.Stack) {
	t.Helper()
	for _, p := range s.Processes() {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// command runs a command of the product beside the stack and returns what it prints.
func command(t *testing.T, s *harness.Stack, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), truthTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv(harness.BinaryEnv), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"TOPUPQ_REDIS_URL=" + s.URL()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("topupq %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// incrementFile is the part of the append-only file that Redis writes to; of a cluster it is the first node's.
func incrementFile(t *testing.T, s *harness.Stack) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(appendOnly(s.Redis.Nodes[0]), "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("increment files %v: %v", files, err)
	}
	return files[0]
}

// damaged is a stack with top-ups that wait to be sent, whose file was damaged while Redis was down.
func damaged(t *testing.T, damage func(file string) error) (*harness.Stack, []harness.Order) {
	t.Helper()
	s := harness.Start(t, harness.Options{Env: askingEnv()})
	s.Workers[0].Kill()
	orders := pinlessOrders(restoredTopups, "damage")
	submitAll(t.Context(), t, s, orders)
	s.Redis.Kill()
	if err := damage(incrementFile(t, s)); err != nil {
		t.Fatal(err)
	}
	return s, orders
}

// finish lets the worker run on what is left, hands everything in again and counts.
func finish(t *testing.T, s *harness.Stack, orders []harness.Order) int {
	t.Helper()
	ctx := t.Context()
	lost := 0
	for _, o := range orders {
		if !found(ctx, t, s.Merchant, topup.NewID(s.Merchant.ID, o.Reference)) {
			lost++
		}
	}
	if err := s.Workers[0].Start(); err != nil {
		t.Fatal(err)
	}
	submitAll(ctx, t, s, orders)
	allInState(ctx, t, s, orders, topup.Succeeded)
	if y := count(s, orders); y.booked != len(orders) || y.twice != 0 || y.sends != len(orders) {
		t.Errorf("%s of %d", y, len(orders))
	}
	return lost
}

// TestTornTail leaves half a command at the end of the file, as a crash in the middle of a write does. Redis drops it
// by itself, and it was never acknowledged.
func TestTornTail(t *testing.T) {
	t.Parallel()
	s, orders := damaged(t, func(file string) error {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("*3\r\n$3\r\nSET\r\n$9\r\ntq{18}t:a")
		return errors.Join(err, f.Close())
	})
	if err := s.Redis.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lost := finish(t, s, orders); lost != 0 {
		t.Errorf("%d acknowledged top-ups are gone", lost)
	}
}

// TestCorruptedMiddle breaks the file in the middle: Redis refuses to start, rather than to forget quietly. Its own tool
// cuts the file there; what is left is an old copy, and is treated as one.
func TestCorruptedMiddle(t *testing.T) {
	t.Parallel()
	s, orders := damaged(t, func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		middle := bytes.Index(text[len(text)/2:], []byte("\r\n*")) + len(text)/2
		copy(text[middle:], "\r\n!BROKEN!")
		return os.WriteFile(file, text, 0o600)
	})
	ctx := t.Context()
	if err := s.Redis.Run(ctx); err == nil {
		t.Fatal("Redis starts with a broken file")
	}
	fix := exec.CommandContext(ctx, "redis-check-aof", "--fix", filepath.Join(appendOnly(s.Redis.Nodes[0]), "appendonly.aof.manifest"))
	fix.Stdin = strings.NewReader("y\n")
	if out, err := fix.CombinedOutput(); err != nil {
		t.Fatalf("redis-check-aof: %v\n%s", err, out)
	}
	if err := s.Redis.Run(ctx); err != nil {
		t.Fatal(err)
	}
	command(t, s, "recover", "--apply", "--reason", "repaired the append-only file")
	lost := finishAsked(t, s, orders)
	t.Logf("%d of %d acknowledged top-ups were behind the damage; handed in again, all were paid once", lost, len(orders))
}

// finishAsked is finish after a recovery: what was left is asked about before it is sent.
func finishAsked(t *testing.T, s *harness.Stack, orders []harness.Order) int {
	t.Helper()
	lost := finish(t, s, orders)
	if y := count(s, orders); y.questions < 2*(len(orders)-lost) {
		t.Errorf("%s: want two questions for each of the %d that were left, before it was sent", y, len(orders)-lost)
	}
	return lost
}
