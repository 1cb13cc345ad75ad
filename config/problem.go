package config

import (
	"fmt"
	"strings"
)

// Problem is one mistake in the configuration.
type Problem struct {
	// Where is the variable, or the file, line and key.
	Where string
	// What says what is wrong and how to mend it. It never holds a secret.
	What string
}

// Error is every mistake at once.
type Error struct {
	Problems []Problem
}

// Error lists the mistakes, one a line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d mistakes in the configuration:", len(e.Problems))
	if len(e.Problems) == 1 {
		b.Reset()
		b.WriteString("1 mistake in the configuration:")
	}
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "\n  - %s: %s", p.Where, p.What)
	}
	return b.String()
}

// problems collects mistakes.
type problems struct {
	list []Problem
}

func (p *problems) add(where, format string, args ...any) {
	p.list = append(p.list, Problem{Where: where, What: fmt.Sprintf(format, args...)})
}

// err is an *Error, or nil when there was no mistake.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.list}
}

// nearest is the known name that differs least from name, or "" when none is close enough to be meant.
func nearest(name string, known []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, k := range known {
		if d := distance(name, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements between two ASCII names (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
