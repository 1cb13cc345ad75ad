package sample

import (
	"fmt"
	"strings"
)

// missing stands for a recipient that is left out on purpose.
const missing = "-"

// numbers makes numbers that are all different and ask for no fault unless they should.
type numbers struct {
	count map[string]int
	taken map[string]bool
}

func newNumbers() *numbers { return &numbers{count: map[string]int{}, taken: map[string]bool{}} }

// take is the next number that begins with prefix and has digits more, the last four of which are ending where it is
// not empty. Neighbours look unlike each other.
func (n *numbers) take(prefix string, digits int, ending string) string {
	digits -= len(ending)
	size := 1
	for range digits {
		size *= 10
	}
	for {
		// The step and every power of ten have no common factor, so all numbers come before one comes again.
		n.count[prefix+ending]++
		serial := (n.count[prefix+ending]*6_180_339_887 + 2_345_678) % size
		number := prefix + fmt.Sprintf("%0*d", digits, serial) + ending
		if !n.taken[number] && (ending != "" || !magic(number)) {
			n.taken[number] = true
			return number
		}
	}
}

// magic reports whether the simulators may see a fault in the number: its last four digits are 90 and two more.
func magic(number string) bool {
	return strings.HasPrefix(number[max(0, len(number)-4):], "90")
}
