package topup_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"topupq/topup"
)

var write = flag.Bool("write", false, "write generated documents instead of comparing them")

// TestStatesDocument holds docs/states.md against the transition table: go test ./topup -run States -write.
func TestStatesDocument(t *testing.T) {
	t.Parallel()
	const file = "../docs/states.md"
	want := statesDocument()
	if *write {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says: run go test ./topup -run States -write", file)
	}
}

var meanings = map[topup.State]string{
	topup.Accepted:   "recorded, provably not sent",
	topup.Submitting: "a worker has recorded that it is about to send",
	topup.Pending:    "the provider has it and has not said how it ends",
	topup.Unknown:    "it may or may not have arrived; the provider is being asked",
	topup.Held:       "provably not sent; a person has to replay or cancel it",
	topup.Succeeded:  "the provider says delivered",
	topup.Failed:     "proof that nobody was charged",
	topup.Reversed:   "was delivered until the provider took it back",
	topup.Unresolved: "still open after the last scheduled check; a person decides",
}

func statesDocument() string {
	var b strings.Builder
	b.WriteString("# States of a top-up\n\nThis page is drawn from the transition table in `topup/state.go`; a test compares the two.\n\n")
	b.WriteString("| state | meaning | refund safe | may move to |\n| --- | --- | --- | --- |\n")
	for _, s := range topup.States {
		safe := "no"
		switch s {
		case topup.Failed:
			safe = "yes"
		case topup.Reversed:
			safe = "yes, unless a PIN was handed out that is not void"
		default:
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s, meanings[s], safe, names(topup.MovesFrom(s)))
	}
	b.WriteString("\n```mermaid\nstateDiagram-v2\n  [*] --> accepted\n")
	for _, s := range topup.States {
		for _, to := range topup.MovesFrom(s) {
			fmt.Fprintf(&b, "  %s --> %s\n", s, to)
		}
	}
	b.WriteString("```\n\nNo clock moves anything to `failed`, but an `accepted` top-up past its `expires_at`. ")
	b.WriteString("`failed --> succeeded` happens only when the provider, asked twice, contradicts the earlier proof; it is told as `topup.corrected`.\n")
	return b.String()
}

func names(states []topup.State) string {
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = "`" + s.String() + "`"
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}
