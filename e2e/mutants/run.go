package mutants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// Runner tries mutants on the module in Root.
type Runner struct {
	Root string
	// Dir is for files that are not kept.
	Dir string
	// passed are the tests that have passed on the true code.
	passed map[Test]bool
}

// Result is what became of one way of a mutant.
type Result struct {
	Mutant string
	Way    Way
	// Caught means that the test passes on the true code and fails on the mutant. Why says what else happened.
	Caught bool
	Why    string
	Took   time.Duration
}

// testTimeout bounds one run of one test.
const testTimeout = "5m"

// Run tries every way of a mutant.
func (r *Runner) Run(ctx context.Context, m Mutant) []Result {
	out := make([]Result, len(m.Ways))
	for i, w := range m.Ways {
		begun := time.Now()
		err := r.try(ctx, w)
		out[i] = Result{Mutant: m.Name, Way: w, Caught: err == nil, Took: time.Since(begun)}
		if err != nil {
			out[i].Why = err.Error()
		}
	}
	return out
}

// errSurvived means that the test passes on the mutant too.
var errSurvived = errors.New("survived: the test passes on the mutant too")

// try proves that the test passes without the mistake and fails with it.
func (r *Runner) try(ctx context.Context, w Way) error {
	if !r.passed[w.By] {
		if err := r.passes(ctx, w.By); err != nil {
			return err
		}
		if r.passed == nil {
			r.passed = map[Test]bool{}
		}
		r.passed[w.By] = true
	}
	overlay, err := r.overlay(w.Changes)
	if err != nil {
		return err
	}
	binary, err := r.build(ctx, w.By, overlay)
	if err != nil {
		return err
	}
	out, err := r.test(ctx, binary, w.By, append(buildEnv(overlay), w.Env...))
	if err == nil {
		return errSurvived
	}
	if !strings.Contains(out, "--- FAIL: "+w.By.Name) {
		return fmt.Errorf("the test broke instead of failing: %w\n%s", err, tail(out))
	}
	return nil
}

// passes runs a test on the true code.
func (r *Runner) passes(ctx context.Context, t Test) error {
	binary, err := r.build(ctx, t, "")
	if err != nil {
		return err
	}
	out, err := r.test(ctx, binary, t, nil)
	if err != nil {
		return fmt.Errorf("the test fails on the true code: %w\n%s", err, tail(out))
	}
	if !strings.Contains(out, "--- PASS: "+t.Name) {
		return fmt.Errorf("the test did not run on the true code\n%s", tail(out))
	}
	return nil
}

// overlay writes the changed files and the list of them that the go command reads; "" for no changes.
func (r *Runner) overlay(changes []Change) (string, error) {
	if len(changes) == 0 {
		return "", nil
	}
	dir, err := os.MkdirTemp(r.Dir, "mutant-")
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	replace := map[string]string{}
	for i, c := range changes {
		text, err := c.Apply(r.Root)
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write mutant: %w", err)
		}
		replace[filepath.Join(r.Root, filepath.FromSlash(c.File))] = path
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("encode overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return path, nil
}

// buildEnv lets tests that build the program themselves build the mutant.
func buildEnv(overlay string) []string {
	if overlay == "" {
		return nil
	}
	return []string{"TOPUPQ_TEST_BUILD_FLAGS=-overlay=" + overlay}
}

// build compiles a package's tests. A mutant that does not compile is no mutant.
func (r *Runner) build(ctx context.Context, t Test, overlay string) (string, error) {
	binary := filepath.Join(r.Dir, strings.ReplaceAll(t.Package, "/", "-")+".test")
	args := []string{"test", "-c", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+t.Package)...)
	cmd.Dir = r.Root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %w\n%s", err, tail(string(out)))
	}
	return binary, nil
}

func (r *Runner) test(ctx context.Context, binary string, t Test, env []string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, "-test.run", t.pattern(), "-test.v", "-test.count", "1", "-test.timeout", testTimeout)
	cmd.Dir = filepath.Join(r.Root, filepath.FromSlash(t.Package))
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

const tailBytes = 2000

func tail(out string) string { return out[max(0, len(out)-tailBytes):] }

// Print writes who caught what, and the sum, and reports whether every mutant was caught.
func Print(w io.Writer, mutants []Mutant, results []Result) bool {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MUTANT\tHOW\tCAUGHT BY\tTOOK")
	missed := map[string]bool{}
	for _, r := range results {
		by := r.Way.By.String()
		if !r.Caught {
			missed[r.Mutant] = true
			by = "NOBODY: " + by
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Mutant, r.Way.Where, by, r.Took.Round(100*time.Millisecond))
	}
	_ = table.Flush() // w takes what it gets
	for _, r := range results {
		if !r.Caught {
			fmt.Fprintf(w, "%s (%s): %s\n", r.Mutant, r.Way.Where, r.Why)
		}
	}
	fmt.Fprintf(w, "caught %d of %d\n", len(mutants)-len(missed), len(mutants))
	return len(missed) == 0
}
