package sample

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// columns of the file. The case comes last, so that a row which is cut short loses it.
var columns = [...]string{
	"reference", "recipient", "amount", "currency", "provider", "expires_at",
	"product.operator_id", "product.use_local_amount", "product.sender_phone", "product.recipient_email", "product.mode",
	"product.recharge", "product.voucher_id", "product.fixed_amount", "product.deliver_pin",
	"product.service", "product.operator_code", "product.circle", "product.recharge_type", "product.dest", "product.user_vars",
	"metadata.case",
}

// rowsConflict is how many rows use an accepted row's reference for something else.
const rowsConflict = 8

// nearLines is how far behind the first copy a repeat comes that is near: in the same step of the intake.
const nearLines = 3

// entry is a row with its case and its place.
type entry struct {
	spec spec
	row  row
	// first is the row whose reference this one uses again, nil for a reference of its own.
	first *entry
	place int
}

// entries are the rows in the order of the file, with their references.
func entries() []*entry {
	good, rejected := build()
	for i, e := range good {
		e.place = i * 10
	}
	for i, e := range rejected {
		e.place = i*len(good)/len(rejected)*10 + 5
	}
	all := slices.Concat(good, rejected, again(good))
	slices.SortStableFunc(all, func(a, b *entry) int { return cmp.Compare(a.place, b.place) })
	for i, e := range all {
		e.row.reference = cmp.Or(e.row.reference, fmt.Sprintf("demo-%04d", i+1))
		if e.first != nil {
			e.row.reference = e.first.row.reference
		}
		if e.row.noReference {
			e.row.reference = ""
		}
	}
	return all
}

// build makes the rows that are accepted, well mixed, and those that are refused.
func build() (good, rejected []*entry) {
	pool := newNumbers()
	for _, s := range specs() {
		for i := range s.Rows {
			if s.build == nil {
				break
			}
			e := &entry{spec: s, row: s.build(i)}
			switch {
			case s.Name == casePair && i%2 == 1:
				e.row.recipient = good[len(good)-1].row.recipient
			case e.row.recipient == missing:
				e.row.recipient = ""
			case e.row.recipient == "":
				e.row.recipient = pool.take(e.row.prefix, e.row.digits, s.digits)
			}
			if s.Accepted() {
				good = append(good, e)
			} else {
				rejected = append(rejected, e)
			}
		}
	}
	slices.SortStableFunc(good, func(a, b *entry) int { return cmp.Compare(a.shuffled(), b.shuffled()) })
	slices.SortStableFunc(rejected, func(a, b *entry) int { return cmp.Compare(a.shuffled(), b.shuffled()) })
	return good, rejected
}

// shuffled is a number that puts rows into an order without pattern, always the same.
func (e *entry) shuffled() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, e.row.recipient, e.spec.Name, e.row.amount, e.row.reference)
	return h.Sum64()
}

// again are the rows that use a reference again: the repeats and the conflicts, every second one near the first copy
// and the others at the end of the file.
func again(good []*entry) []*entry {
	var list []*entry
	add := func(s spec, first *entry, r row) {
		e := &entry{spec: s, row: r, first: first, place: first.place + nearLines*10 + 7}
		if len(list)%2 == 1 {
			e.place = len(good)*10 + len(list)
		}
		list = append(list, e)
	}
	for _, e := range good {
		if e.spec.Name == caseDuplicate {
			add(repeats(1), e, e.row)
		}
	}
	conflict := conflicts()
	for i := range conflict.Rows {
		first := good[len(good)*(i+1)/(conflict.Rows+2)]
		r := first.row
		if i%2 == 0 {
			r.amount = "1" + r.amount
		} else {
			r.recipient = first.row.recipient[:len(first.row.recipient)-1] + string('0'+('9'-first.row.recipient[len(first.row.recipient)-1]))
		}
		add(conflict, first, r)
	}
	return list
}

// CSV makes the file from the table; TopupsCSV is what it made last.
func CSV() ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	records := [][]string{columns[:]}
	for _, e := range entries() {
		records = append(records, e.cells())
	}
	if err := w.WriteAll(records); err != nil {
		return nil, fmt.Errorf("write the sample batch: %w", err)
	}
	return out.Bytes(), nil
}

func (e *entry) cells() []string {
	r := e.row
	cells := []string{r.reference, r.recipient, r.amount, r.currency, r.provider, r.expiresAt}
	for _, name := range columns[len(cells) : len(columns)-1] {
		cells = append(cells, r.product[strings.TrimPrefix(name, "product.")])
	}
	cells = append(cells, e.spec.Name)
	switch {
	case r.cells > len(cells):
		return append(cells, "one too many")
	case r.cells > 0:
		return cells[:r.cells]
	}
	return cells
}
