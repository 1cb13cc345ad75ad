package sample

import (
	"bytes"
	"fmt"
)

const intro = `# The sample batch

<!-- Made by "go run ./deploy/sample/gen" together with topups.csv; a test compares them. Change the table in cases.go
and the files beside it, not this page. -->

` + "`topups.csv`" + ` is what ` + "`topupq demo`" + ` submits to the three provider simulators: %d rows, of which %d become top-ups, %d are
counted as duplicates and %d are refused. It is a batch as ` + "`POST /v1/batches`" + ` takes it, so it is also an example of the
format. **Do not send it to a real provider**: the numbers are made up, and most of them could belong to somebody.

A row's case stands in the column ` + "`metadata.case`" + `. "Booked" says whether the provider's books have exactly one booking of
the row in the end; "no" means none that stands: none at all, one that failed, or one that was paid back. No row may ever
be booked twice.

Faults are asked for by the last four digits of the number, which the simulators know with their magic numbers switched
on (` + "`GET /_sim/faults`" + ` of a simulator lists them).
All other numbers ask for nothing, and no two top-ups have the same one but the pairs of ` + "`same_number`" + `.
`

const outro = `
## Left out

The simulators know two more magic numbers, 9004 (connection cut before booking) and 9008 (HTTP 500 before booking). They
never let such a number through, so every resend is lost as well and the top-up ends ` + "`held`" + `, waiting for a person. That is
right, but a demonstration must come to its end; try one with ` + "`topupq dev`" + `.
`

// Readme makes the README from the table.
func Readme() []byte {
	var out bytes.Buffer
	count := map[string]int{}
	for _, c := range Cases() {
		count[c.WantState] += c.Rows
	}
	accepted := count[Succeeded] + count[Failed] + count[Reversed]
	fmt.Fprintf(&out, intro, accepted+count[Duplicate]+count[Rejected], accepted, count[Duplicate], count[Rejected])
	section := "-"
	for _, c := range Cases() {
		if c.Provider != section {
			section = c.Provider
			heading(&out, section)
		}
		if c.Accepted() {
			fmt.Fprintf(&out, "| `%s` | %d | %s | %s | %s |\n", c.Name, c.Rows, c.WantState, yesNo(c.WantBooked), c.Explains)
		} else {
			fmt.Fprintf(&out, "| `%s` | %d | %s | %s |\n", c.Name, c.Rows, c.WantState, c.Explains)
		}
	}
	out.WriteString(outro)
	return out.Bytes()
}

// heading begins the table of a provider, or of the rows that are not accepted.
func heading(out *bytes.Buffer, provider string) {
	if provider == "" {
		out.WriteString("\n## Not accepted\n\nThey never stop the rows around them.\n\n| case | rows | answer | what it shows |\n| --- | --- | --- | --- |\n")
		return
	}
	titles := map[string]string{
		aat: "aat: South Africa, rand", reloadly: "reloadly: worldwide, US dollars from the float", rechargekit: "rechargekit: India, whole rupees",
	}
	rows := 0
	for _, c := range Cases() {
		if c.Provider == provider {
			rows += c.Rows
		}
	}
	fmt.Fprintf(out, "\n## %s\n\n%d rows.\n\n| case | rows | ends | booked | what it shows |\n| --- | --- | --- | --- | --- |\n", titles[provider], rows)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
