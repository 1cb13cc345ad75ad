package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"topupq/e2e/harness"
)

// TestMain builds the program once, unless one is given.
func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if os.Getenv(harness.BinaryEnv) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "topupq-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path, err := harness.Build(context.Background(), dir)
	if err == nil {
		err = os.Setenv(harness.BinaryEnv, path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
