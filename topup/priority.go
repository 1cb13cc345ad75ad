package topup

import "fmt"

// Priority says which of the waiting top-ups go first. None of them makes others wait for ever: it is a share, and
// every merchant has its own.
type Priority uint8

// The priorities. Their numbers are stored: never renumber. The zero one is what its way of coming in suggests: bulk
// for the rows of a batch, normal for the others.
const (
	PriorityDefault Priority = iota
	PriorityHigh
	PriorityNormal
	PriorityBulk
)

var priorityNames = map[Priority]string{PriorityHigh: "high", PriorityNormal: "normal", PriorityBulk: "bulk"}

// String is the public name.
func (p Priority) String() string { return priorityNames[p] }

// ParsePriority reads a public name; "" is the default.
func ParsePriority(name string) (Priority, error) {
	if name == "" {
		return PriorityDefault, nil
	}
	for p, n := range priorityNames {
		if n == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown priority %q: one of high, normal, bulk", name)
}

// Urgency is t's priority, with the default one made plain.
func (t *Topup) Urgency() Priority {
	switch {
	case t.Priority != PriorityDefault:
		return t.Priority
	case t.Batch != "":
		return PriorityBulk
	default:
		return PriorityNormal
	}
}

// Turn is how far a merchant's place in the line moves with one top-up of this priority: of two that wait all the time,
// the one with half the turn has twice the share.
func (p Priority) Turn() int64 {
	switch p {
	case PriorityHigh:
		return 1
	case PriorityNormal:
		return 4
	default:
		return 8
	}
}
