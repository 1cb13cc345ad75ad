package redisproc

import (
	"errors"
	"os"
	"testing"
)

// RequireEnv, set to 1, turns the absence of redis-server from a skipped test into a failed one.
const RequireEnv = "TOPUPQ_TEST_REDIS"

// StartForTest runs a server that ends with the test. Without redis-server the test is skipped with the reason,
// or fails where RequireEnv is set.
func StartForTest(tb testing.TB, opts Options) *Server {
	tb.Helper()
	s, err := Start(tb.Context(), opts)
	orSkip(tb, err)
	tb.Cleanup(s.Stop)
	tb.Logf("real redis-server on %s", s.Addr())
	return s
}

// StartClusterForTest runs a cluster that ends with the test, likewise.
func StartClusterForTest(tb testing.TB, primaries int, opts Options) *Cluster {
	tb.Helper()
	return clusterForTest(tb, make([]int, primaries), opts)
}

// StartClusterBehindForTest is StartClusterBehind for a test, likewise.
func StartClusterBehindForTest(tb testing.TB, ports []int, opts Options) *Cluster {
	tb.Helper()
	return clusterForTest(tb, ports, opts)
}

func clusterForTest(tb testing.TB, announced []int, opts Options) *Cluster {
	tb.Helper()
	c, err := startCluster(tb.Context(), announced, opts)
	orSkip(tb, err)
	tb.Cleanup(c.Stop)
	tb.Logf("real Redis Cluster on %v", c.Addrs())
	return c
}

// StartTracedForTest runs a server under strace that ends with the test.
func StartTracedForTest(tb testing.TB, opts Options) *Traced {
	tb.Helper()
	t, err := StartTraced(tb.Context(), opts)
	if t != nil {
		tb.Cleanup(t.Stop)
	}
	orSkip(tb, err)
	tb.Logf("real redis-server under strace on %s", t.Addr())
	return t
}

// StartWatchedForTest runs a primary, a replica and sentinels that end with the test, likewise.
func StartWatchedForTest(tb testing.TB, opts Options) *Watched {
	tb.Helper()
	w, err := StartWatched(tb.Context(), opts)
	orSkip(tb, err)
	tb.Cleanup(w.Stop)
	tb.Logf("real Redis primary %s and replica %s, watched by sentinels", w.Primary.Addr(), w.Replica.Addr())
	return w
}

// orSkip ends a test that has no server to run with.
func orSkip(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, ErrNoServer) && os.Getenv(RequireEnv) != "1" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
