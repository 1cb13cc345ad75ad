package mutants_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"topupq/e2e/mutants"
)

// allEnv set to 1 tries all mutants; onlyEnv limits that to names that match.
const (
	allEnv  = "TOPUPQ_TEST_MUTANTS"
	onlyEnv = "TOPUPQ_TEST_MUTANTS_ONLY"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMutantsAreFresh sees that every mutant still finds the text that it replaces, is still Go, and names a test that
// there is.
func TestMutantsAreFresh(t *testing.T) {
	t.Parallel()
	all := mutants.All()
	if len(all) != 15 {
		t.Errorf("%d mutants, want 15", len(all))
	}
	for _, m := range all {
		for _, w := range m.Ways {
			for _, c := range w.Changes {
				text, err := c.Apply(root(t))
				if err != nil {
					t.Errorf("%s: %v", m.Name, err)
					continue
				}
				if _, err := parser.ParseFile(token.NewFileSet(), c.File, text, 0); err != nil {
					t.Errorf("%s: %v", m.Name, err)
				}
			}
			if !hasTest(t, w.By) {
				t.Errorf("%s: there is no test %s", m.Name, w.By)
			}
		}
	}
}

func hasTest(t *testing.T, by mutants.Test) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(by.Package), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("func "+by.Name+"(t *testing.T)")) {
			return true
		}
	}
	return false
}

// TestMutants builds the product wrong in fifteen ways; a test must reject each. Without allEnv it tries the quickest
// one, and that a change which breaks nothing is told to have survived.
func TestMutants(t *testing.T) {
	all := mutants.All()
	if os.Getenv(allEnv) != "1" {
		all = all[len(all)-1:]
	}
	if only := os.Getenv(onlyEnv); only != "" {
		pattern := regexp.MustCompile(only)
		all = nil
		for _, m := range mutants.All() {
			if pattern.MatchString(m.Name) {
				all = append(all, m)
			}
		}
	}
	r := &mutants.Runner{Root: root(t), Dir: t.TempDir()}
	var results []mutants.Result
	begun := time.Now()
	for _, m := range all {
		got := r.Run(t.Context(), m)
		for _, one := range got {
			t.Logf("%s (%s): caught %v by %s in %s", one.Mutant, one.Way.Where, one.Caught, one.Way.By, one.Took.Round(100*time.Millisecond))
		}
		results = append(results, got...)
	}
	var out strings.Builder
	caught := mutants.Print(&out, all, results)
	t.Logf("\n%s%d ways in %s", out.String(), len(results), time.Since(begun).Round(time.Second))
	if !caught {
		t.Error("not every mutant was caught")
	}
}

// TestMutantThatChangesNothing shows that the runner can tell a survivor, a stale text and a broken build.
func TestMutantThatChangesNothing(t *testing.T) {
	t.Parallel()
	by := mutants.Test{Package: "topup", Name: "TestSweepOncePerDay"}
	change := func(old, replacement string) []mutants.Change {
		return []mutants.Change{{File: "topup/id.go", Old: old, New: replacement}}
	}
	r := &mutants.Runner{Root: root(t), Dir: t.TempDir()}
	m := mutants.Mutant{Name: "none", Ways: []mutants.Way{
		{Where: "survives", By: by, Changes: change("const IDLength = 20", "const IDLength = 2 * 10")},
		{Where: "stale", By: by, Changes: change("no such text", "")},
		{Where: "does not build", By: by, Changes: change("const IDLength = 20", "const IDLength = nothing")},
	}}
	for _, got := range r.Run(t.Context(), m) {
		words := map[string]string{"survives": "survived", "stale": "exactly once", "does not build": "does not build"}
		if got.Caught || !strings.Contains(got.Why, words[got.Way.Where]) {
			t.Errorf("%s: caught %v, %q", got.Way.Where, got.Caught, got.Why)
		}
	}
}
