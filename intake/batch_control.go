package intake

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"topupq/topup"
)

// control is what a merchant says that its file holds, and what was found in it. Every row counts, also one that is
// refused: a total tells whether the file is the one that was meant, not whether all of it could be taken.
type control struct {
	count  *int64
	totals map[string]decimal.Decimal

	rows    int64
	sums    map[string]decimal.Decimal
	broken  bool
	earlier map[topup.BatchID]int64
}

// maxEarlier bounds the earlier batches that one upload may complete.
const maxEarlier = 1000

// readControl reads expect_count and expect_total; nil where neither is given.
func readControl(q url.Values) (*control, error) {
	c := &control{totals: map[string]decimal.Decimal{}, sums: map[string]decimal.Decimal{}, earlier: map[topup.BatchID]int64{}}
	if text, given := q["expect_count"]; given {
		n, err := strconv.ParseInt(text[0], 10, 64)
		if err != nil || n < 0 {
			return nil, malformed("expect_count must be the number of rows.")
		}
		c.count = &n
	}
	for _, text := range q["expect_total"] {
		for part := range strings.SplitSeq(text, ",") {
			currency, amount, _ := strings.Cut(strings.TrimSpace(part), ":")
			sum, err := topup.ParseAmount(amount)
			if _, twice := c.totals[currency]; err != nil || twice || len(currency) != 3 || strings.ToUpper(currency) != currency {
				return nil, malformed("expect_total must be a currency and a sum, such as ZAR:1234.50, one for each currency of the file.")
			}
			c.totals[currency] = sum
		}
	}
	if c.count == nil && len(c.totals) == 0 {
		return nil, nil
	}
	return c, nil
}

// see counts a row as it was read.
func (c *control) see(r *row) {
	if c == nil {
		return
	}
	c.rows++
	if amount, err := topup.ParseAmount(r.request.Amount); err == nil {
		c.sums[r.request.Currency] = c.sums[r.request.Currency].Add(amount)
	}
}

// breaks notes that the file was not read to its end.
func (c *control) breaks() {
	if c != nil {
		c.broken = true
	}
}

// add counts rows that earlier batches have already.
func (c *control) add(earlier map[topup.BatchID]int64) {
	if c == nil {
		return
	}
	for id, n := range earlier {
		if _, known := c.earlier[id]; known || len(c.earlier) < maxEarlier {
			c.earlier[id] += n
		}
	}
}

// mismatches are the totals that are not as expected.
func (c *control) mismatches() []FieldError {
	var wrong []FieldError
	add := func(field, text string) {
		wrong = append(wrong, FieldError{Field: field, Code: fieldMismatch, Message: text})
	}
	if c.broken {
		add("body", "the upload broke off before its end")
	}
	if c.count != nil && *c.count != c.rows {
		add("expect_count", "expected "+strconv.FormatInt(*c.count, 10)+" rows, found "+strconv.FormatInt(c.rows, 10))
	}
	if len(c.totals) == 0 {
		return wrong
	}
	var currencies []string
	for _, sums := range []map[string]decimal.Decimal{c.totals, c.sums} {
		for currency := range sums {
			currencies = append(currencies, currency)
		}
	}
	slices.Sort(currencies)
	for _, currency := range slices.Compact(currencies) {
		if want, got := c.totals[currency], c.sums[currency]; !want.Equal(got) {
			add("expect_total", printable(currency)+": expected "+want.String()+", found "+got.String())
		}
	}
	return wrong
}

// fieldMismatch is the code of a control total that does not match.
const fieldMismatch = "mismatch"

// mismatch is the answer to an upload whose control totals do not match. Its rows are recorded and held, unless somebody has
// released them before.
func mismatch(b *batchRun, wrong []FieldError, released bool) *Problem {
	text := "The control totals do not match, so nothing of this batch is sent. Send the right file again, or release or cancel the batch."
	if released {
		text = "The control totals do not match, but the batch was released before its file had been read: its rows are sent. Hold or cancel it to stop them."
	}
	p := problem(http.StatusUnprocessableEntity, codeControl, text)
	p.Errors = wrong
	if !b.dry && b.written {
		p.BatchID = b.id
	}
	return p
}
