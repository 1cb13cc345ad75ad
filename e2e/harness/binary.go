package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BinaryEnv names the program to test; where it is not set, Build makes one. BuildFlagsEnv adds flags to that build,
// such as "-race" or "-overlay=mutant.json", separated by spaces.
const (
	BinaryEnv     = "TOPUPQ_TEST_BINARY"
	BuildFlagsEnv = "TOPUPQ_TEST_BUILD_FLAGS"
)

// Build makes the program in dir, from the module that the working directory is in, and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "topupq")
	args := append([]string{"build", "-o", path}, strings.Fields(os.Getenv(BuildFlagsEnv))...)
	out, err := exec.CommandContext(ctx, "go", append(args, "topupq/cmd/topupq")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build topupq: %w\n%s", err, out)
	}
	return path, nil
}
