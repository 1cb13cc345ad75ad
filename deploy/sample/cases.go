package sample

import (
	"cmp"
	"slices"
)

// The providers, by the names that the column provider takes.
const (
	aat         = "aat"
	reloadly    = "reloadly"
	rechargekit = "rechargekit"
)

// How many accepted rows each provider has. What the cases leave of it is the provider's plain case.
const (
	rowsAAT         = 400
	rowsReloadly    = 326
	rowsRechargeKit = 200
)

const (
	casePlain     = "plain"
	caseDuplicate = "duplicate"
	caseConflict  = "conflict"
	casePair      = "same_number"
)

// spec is a case with the way to make its rows.
type spec struct {
	Case
	// digits are the last four of the number, which ask the simulator for a fault; "" for no fault.
	digits string
	// build makes the i-th row; row.recipient is filled in where it is empty. nil for repeats of other rows.
	build func(i int) row
}

// row is a row of the file before it has a reference.
type row struct {
	recipient, amount, currency, provider, expiresAt string
	// product has the columns product.NAME.
	product map[string]string
	// prefix and digits make the number: the country code and the first digits, and how many follow.
	prefix string
	digits int
	// reference stands for the running one; noReference leaves it out. cells, where set, is how many cells the row
	// really has. They are for rows that are meant to be refused.
	reference   string
	noReference bool
	cells       int
}

// fault is what a number's last four digits ask a simulator for.
type fault struct {
	name, digits string
	rows         map[string]int
	state        string
	booked       bool
	explains     string
}

// faults are the magic numbers that end in an outcome without a person's help. 9004 and 9008 are left out: there the
// simulators refuse to be reached for ever, so that every resend is lost too and the top-up is rightly held in the end.
func faults() []fault {
	every := func(a, rl, rk int) map[string]int { return map[string]int{aat: a, reloadly: rl, rechargekit: rk} }
	return []fault{
		{"late_success", "9001", every(8, 7, 5), Succeeded, true, "The outcome comes 2 s late; asking finds it."},
		{"late_failure", "9002", every(6, 6, 4), Failed, false, "The outcome comes 2 s late and is a failure; nobody is charged."},
		{"answer_lost_after_booking", "9003", every(8, 6, 5), Succeeded, true, "The provider books and the connection breaks before it answers: asked about, never sent again."},
		{"refused", "9005", every(6, 4, 4), Failed, false, "The provider refuses the order at once."},
		{"reversed", "9006", every(6, 5, 4), Reversed, false, "A success that the provider takes back later; the confirming checks find it."},
		{"http_500_after", "9007", every(6, 5, 4), Succeeded, true, "The provider books and answers with HTTP 500, which proves nothing."},
		{"garbled", "9009", every(6, 5, 4), Succeeded, true, "The provider books and its answer ends in the middle, which proves nothing."},
		{"recently_recharged", "9010", every(0, 6, 0), Succeeded, true, "The first try is refused as too soon after another top-up of the number; the same order goes through later."},
		{"slow", "9011", every(6, 4, 4), Succeeded, true, "The answer takes 1.5 s."},
		{"hidden_after_lost_answer", "9012", every(6, 5, 4), Succeeded, true, "Booked, the answer lost, and for 3 s the provider says that it knows no such order: one denial is no proof, so nothing is sent twice."},
	}
}

// specs is the table of the batch.
func specs() []spec {
	list := slices.Concat(specsAAT(), specsReloadly(), specsRechargeKit())
	for _, f := range faults() {
		for provider, build := range map[string]func(i int) row{aat: faultyAAT, reloadly: faultyReloadly, rechargekit: faultyRechargeKit} {
			if f.rows[provider] > 0 {
				list = append(list, spec{Case{f.name, provider, f.rows[provider], f.state, f.booked, f.explains}, f.digits, build})
			}
		}
	}
	list = append(list,
		plain(list, aat, rowsAAT, "Five cells and nothing about the product: pinless airtime, its voucher found by network and amount.", plainAAT),
		plain(list, reloadly, rowsReloadly, "USD from the float, the operator detected by number, any amount between its bounds.", plainReloadly),
		plain(list, rechargekit, rowsRechargeKit, "Prepaid airtime in whole rupees with operator_code and circle; the service is left to the default.", plainRechargeKit),
	)
	list = append(list, specsBad()...)
	list = append(list, conflicts())
	slices.SortStableFunc(list, func(a, b spec) int { return compareCases(a.Case, b.Case) })
	return list
}

// plain is a provider's ordinary case: as many rows as the other cases leave.
func plain(list []spec, provider string, rows int, explains string, build func(i int) row) spec {
	for _, s := range list {
		if s.Provider == provider {
			rows -= s.Rows
		}
	}
	return spec{Case{casePlain, provider, rows, Succeeded, true, explains}, "", build}
}

// repeats are the second copies of the rows of the case "duplicate".
func repeats(rows int) spec {
	return spec{Case: Case{caseDuplicate, "", rows, Duplicate, false,
		"Rows of the case of the same name above once more, reference and content: counted as duplicates, never sent again."}}
}

// conflicts are the rows that use the reference of an accepted row for something else.
func conflicts() spec {
	return spec{Case: Case{caseConflict, "", rowsConflict, Rejected, false,
		"The reference of an accepted row with another amount or number: refused with reference_conflict, and the first row goes on untouched."}}
}

// compareCases orders cases by provider, those without one last; then what succeeds, fails, is reversed, is counted as
// a duplicate and is refused; then by name, plain ones first.
func compareCases(a, b Case) int {
	providers := []string{aat, reloadly, rechargekit, ""}
	states := []string{Succeeded, Failed, Reversed, Duplicate, Rejected}
	byName := func(c Case) string {
		if c.Name == casePlain {
			return ""
		}
		return c.Name
	}
	return cmp.Or(
		cmp.Compare(slices.Index(providers, a.Provider), slices.Index(providers, b.Provider)),
		cmp.Compare(slices.Index(states, a.WantState), slices.Index(states, b.WantState)),
		cmp.Compare(byName(a), byName(b)),
	)
}

// ordered sorts cases as the README has them and adds up those of the same name, provider and outcome.
func ordered(list []Case) []Case {
	slices.SortStableFunc(list, compareCases)
	var merged []Case
	for _, c := range list {
		if n := len(merged); n > 0 && compareCases(merged[n-1], c) == 0 {
			merged[n-1].Rows += c.Rows
			continue
		}
		merged = append(merged, c)
	}
	return merged
}
