package topup

import "fmt"

// State is where a top-up stands. The zero State means that no top-up exists yet.
type State uint8

// The states, in the order of docs/states.md. Their numbers are stored: never renumber.
const (
	// Accepted is recorded and provably not sent (or proved absent at the provider).
	Accepted State = iota + 1
	// Submitting means that a worker has recorded the intent to send.
	Submitting
	// Pending means that the provider has it and has not said how it ends.
	Pending
	// Unknown means that it may or may not have reached the provider; it is being asked.
	Unknown
	// Held is provably not sent, and only a person can help.
	Held
	// Succeeded means that the provider says delivered.
	Succeeded
	// Failed means proof that nobody was charged.
	Failed
	// Reversed was succeeded until the provider said failed or refunded.
	Reversed
	// Unresolved is still open after the last scheduled check; a person decides.
	Unresolved
)

// States lists every state, for tables and tests.
var States = []State{Accepted, Submitting, Pending, Unknown, Held, Succeeded, Failed, Reversed, Unresolved}

var stateNames = map[State]string{
	Accepted: "accepted", Submitting: "submitting", Pending: "pending", Unknown: "unknown", Held: "held",
	Succeeded: "succeeded", Failed: "failed", Reversed: "reversed", Unresolved: "unresolved",
}

// moves is the whole state machine: nothing that is not listed here ever happens.
var moves = map[State][]State{
	0:          {Accepted},
	Accepted:   {Submitting, Failed, Held},
	Submitting: {Succeeded, Failed, Pending, Unknown, Accepted, Held},
	Pending:    {Succeeded, Failed, Unresolved},
	Unknown:    {Succeeded, Failed, Pending, Accepted, Unresolved},
	Held:       {Accepted, Failed},
	Unresolved: {Succeeded, Failed},
	Succeeded:  {Reversed},
	Failed:     {Succeeded},
	Reversed:   {},
}

// CanMove reports whether a top-up may go from one state to the other in a single move.
func CanMove(from, to State) bool {
	for _, s := range moves[from] {
		if s == to {
			return true
		}
	}
	return false
}

// MovesFrom lists the states that from may move to, in the order of docs/states.md.
func MovesFrom(from State) []State { return append([]State(nil), moves[from]...) }

// String is the state's public name, as in the API.
func (s State) String() string {
	if n, ok := stateNames[s]; ok {
		return n
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState reads a public state name.
func ParseState(name string) (State, error) {
	for s, n := range stateNames {
		if n == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown state %q", name)
}

// Closed reports whether the outcome is known: succeeded, failed or reversed.
func (s State) Closed() bool { return s == Succeeded || s == Failed || s == Reversed }

// Outcome reports whether the state is one that a merchant is told of: closed or unresolved.
func (s State) Outcome() bool { return s.Closed() || s == Unresolved }

// Asked reports whether the provider is being asked about a top-up in this state.
func (s State) Asked() bool { return s == Pending || s == Unknown }
