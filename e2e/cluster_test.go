package e2e

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/e2e/harness"
	"topupq/redisproc"
)

// engineTopups is the size of a run on an engine that scales out.
const engineTopups = 90

// TestClusterEndToEnd runs all roles on three primaries: single top-ups and a batch, workers that are killed, every
// callback and every booking judged.
func TestClusterEndToEnd(t *testing.T) {
	t.Parallel()
	cluster := redisproc.StartClusterForTest(t, 3, redisproc.Options{AppendFsync: "always"})
	s := harness.Start(t, harness.Options{
		URL: cluster.URL(), Workers: 2, Schedulers: 2, CallBacks: true, Sims: harness.SimOptions{Processing: 200 * time.Millisecond},
	})
	ctx := t.Context()
	begun := time.Now()
	subjects := harness.NewSubjects(s.Merchant.ID, "cluster", engineTopups, rand.New(rand.NewPCG(1, 2)))
	single, batch := subjects[:engineTopups/2], subjects[engineTopups/2:]
	submitSubjects(ctx, t, s, single)
	s.Workers[0].Kill()
	within(ctx, t, "the batch", func() bool {
		status, err := s.Merchant.SubmitMany(ctx, ordersOf(batch))
		return err == nil && status/100 == 2
	})
	for _, sub := range batch {
		sub.AckedAt = time.Now()
	}
	if err := s.Workers[0].Start(); err != nil {
		t.Fatal(err)
	}
	s.Schedulers[0].Kill()
	judged(ctx, t, s, subjects)
	t.Logf("%d top-ups on 3 primaries in %s; %s; keys by primary %v", engineTopups, time.Since(begun).Round(10*time.Millisecond),
		count(s, ordersOf(subjects)), keysByNode(t, cluster))
}

// submitSubjects hands in every subject once, until it was answered with 2xx.
func submitSubjects(ctx context.Context, t *testing.T, s *harness.Stack, subjects []*harness.Subject) {
	t.Helper()
	submitAll(ctx, t, s, ordersOf(subjects))
	for _, sub := range subjects {
		sub.AckedAt = time.Now()
	}
}

func ordersOf(subjects []*harness.Subject) []harness.Order {
	out := make([]harness.Order, len(subjects))
	for i, sub := range subjects {
		out[i] = sub.Order
	}
	return out
}

// judged waits until every top-up has its outcome and the merchant knows it, and demands that no promise is broken.
func judged(ctx context.Context, t *testing.T, s *harness.Stack, subjects []*harness.Subject) {
	t.Helper()
	var violations []harness.Violation
	ctx, cancel := context.WithTimeout(ctx, truthTimeout)
	defer cancel()
	err := harness.Poll(ctx, 250*time.Millisecond, func() bool {
		records, err := s.Records(ctx, subjects)
		if err != nil || len(records) < len(subjects) {
			return false
		}
		for _, r := range records {
			if r.State != "succeeded" {
				return false
			}
		}
		e, err := s.Collect(ctx, subjects)
		if err != nil {
			return false
		}
		violations = e.Judge()
		return len(violations) == 0
	})
	for _, v := range violations {
		t.Error(v)
	}
	if err != nil {
		t.Errorf("not everything settled: %v", err)
	}
}

// keysByNode counts the ledger's keys on every primary.
func keysByNode(t *testing.T, cluster *redisproc.Cluster) []int {
	t.Helper()
	out := make([]int, len(cluster.Nodes))
	for i, node := range cluster.Nodes {
		rdb := redis.NewClient(&redis.Options{Addr: node.Addr()})
		keys := rdb.Scan(t.Context(), 0, "tq{*", 1000).Iterator()
		for keys.Next(t.Context()) {
			if strings.Contains(keys.Val(), "}t:") {
				out[i]++
			}
		}
		_ = rdb.Close()
	}
	if slices.Contains(out, 0) {
		t.Errorf("a primary holds no top-up: %v", out)
	}
	return out
}
