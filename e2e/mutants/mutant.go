package mutants

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is one mistake, made in one or more ways. It is caught when every way is.
type Mutant struct {
	Name string
	Ways []Way
}

// Way is one way of making a mistake.
type Way struct {
	// Where tells the ways of a mutant apart.
	Where   string
	Changes []Change
	// Env are settings that the test takes as its Redis' own.
	Env []string
	// By is the test that must reject it.
	By Test
}

// Change replaces text in a source file. The old text must be there exactly once.
type Change struct {
	File, Old, New string
}

// Test is a test of the module: its package's folder, its name, and where not all of it is needed how the names of its
// parts begin.
type Test struct {
	Package, Name, Part string
}

// String is how the test is named to people.
func (t Test) String() string {
	if t.Part == "" {
		return t.Package + " " + t.Name
	}
	return t.Package + " " + t.Name + "/" + t.Part
}

// pattern chooses the test for -test.run.
func (t Test) pattern() string {
	if t.Part == "" {
		return "^" + t.Name + "$"
	}
	return "^" + t.Name + "$/^" + t.Part
}

// ErrStale means that the text which a change replaces is not there exactly once: the source has moved on, and the
// mutant has to follow.
var ErrStale = errors.New("the text to be replaced is not there exactly once")

// Apply returns the changed file of the module in root. ErrStale.
func (c Change) Apply(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(c.File)))
	if err != nil {
		return "", fmt.Errorf("read source: %w", err)
	}
	if n := strings.Count(string(text), c.Old); n != 1 {
		return "", fmt.Errorf("%s: %w (%d times): %q", c.File, ErrStale, n, c.Old)
	}
	return strings.Replace(string(text), c.Old, c.New, 1), nil
}
