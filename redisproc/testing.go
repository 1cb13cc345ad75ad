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
	if errors.Is(err, ErrNoServer) && os.Getenv(RequireEnv) != "1" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	tb.Logf("real redis-server on %s", s.Addr())
	return s
}
