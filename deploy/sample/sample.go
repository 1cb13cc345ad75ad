// Package sample is the batch that "topupq demo" submits: 1,000 rows for the three provider simulators, with every
// kind of product, the faults that the simulators can be asked for, rows sent twice and rows that must be refused.
//
// The batch is made, not kept: cases.go and the files beside it are the one table of what is in it, and
// "go run ./deploy/sample/gen" writes topups.csv and README.md from that table. The same table tells a caller what
// must come of each case, so that a run can be checked row by row against the simulators' books.
//
// A row asks for a fault by the last four digits of its number; the simulators must run with their table of magic
// numbers on. What the table expects holds when a provider's timeout is above 1.5 s (the slow answers), its hold time
// above 3 s (an order may stay hidden that long) and a success is confirmed at least twice after the simulators'
// ReverseAfter. Vouchers with a PIN need an encryption key, and the case "pin_by_sms" somewhere to send texts to. The
// pairs of "same_number" of Reloadly wait for each other as long as its spacing says.
package sample

import (
	_ "embed" // for the file below
	"slices"
)

//go:embed topups.csv
var topupsCSV string

// TopupsCSV returns the batch as POST /v1/batches takes it with text/csv: a header and 1,000 rows.
func TopupsCSV() []byte { return []byte(topupsCSV) }

// The outcomes of a row. The first three are states of a top-up, the others what the answer to the batch counts.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	Reversed  = "reversed"
	Duplicate = "duplicate"
	Rejected  = "rejected"
)

// Case is a number of rows that ask for the same thing of the same provider and must end alike.
type Case struct {
	// Name is what the rows have in the column metadata.case.
	Name string
	// Provider is the one that the rows end up with, also where the row leaves the choice to the routing; "" for rows
	// that are not accepted.
	Provider string
	// Rows is how many there are.
	Rows int
	// WantState is Succeeded, Failed or Reversed for accepted rows, Duplicate or Rejected for the others.
	WantState string
	// WantBooked means that at the end the provider's books must have exactly one booking of each row that stands
	// (state "booked", count 1). Without it none may stand: there is none, or it has failed, or it was paid back.
	WantBooked bool
	// Explains says in one sentence what the rows show.
	Explains string
}

// Accepted reports whether the rows become top-ups.
func (c Case) Accepted() bool { return c.WantState != Duplicate && c.WantState != Rejected }

// Row is one row of the file with what must come of it.
type Row struct {
	// Line is its line in the file; the header is line 1.
	Line int
	// Reference is the merchant's, "" where the row has none.
	Reference string
	// Case is the one it belongs to, by name, provider and WantState.
	Case Case
}

// Cases lists every case in the order of the README: by provider, then repeats and refused rows. The rows of all of
// them add up to those of the file.
func Cases() []Case {
	var list []Case
	for _, s := range specs() {
		list = append(list, s.Case)
		if s.Name == caseDuplicate {
			list = append(list, repeats(s.Rows).Case)
		}
	}
	return ordered(list)
}

// Rows lists the rows in the order of the file.
func Rows() []Row {
	cases := Cases()
	var list []Row
	for i, e := range entries() {
		at := slices.IndexFunc(cases, func(c Case) bool { return compareCases(c, e.spec.Case) == 0 })
		list = append(list, Row{Line: i + 2, Reference: e.row.reference, Case: cases[at]})
	}
	return list
}
