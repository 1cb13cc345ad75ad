package operator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"topupq/topup"
)

// Verdict is what an act does to one top-up.
type Verdict string

// The verdicts, as every preview shows them.
const (
	WillSend    Verdict = "will send"
	WillAsk     Verdict = "will ask"
	WillClose   Verdict = "will close"
	WillPropose Verdict = "will propose"
	WillNothing Verdict = "will do nothing"
	Cannot      Verdict = "cannot"
)

// Verdicts lists them in the order of reports.
var Verdicts = []Verdict{WillSend, WillAsk, WillClose, WillPropose, WillNothing, Cannot}

// Acts reports whether the verdict changes or asks anything.
func (v Verdict) Acts() bool { return v != WillNothing && v != Cannot }

// Row is one top-up of a report.
type Row struct {
	ID        topup.ID
	Merchant  topup.MerchantID
	Reference string
	Provider  topup.ProviderName
	State     topup.State
	Amount    topup.Money
	Verdict   Verdict
	// Why is one plain sentence.
	Why string
	// Done is true after the act, Failed what went wrong with this one.
	Done   bool
	Failed string
}

// Sum is the rows of one verdict in one currency.
type Sum struct {
	Verdict Verdict
	Count   int
	Total   topup.Money
}

// Report is what an act would do, or has done.
type Report struct {
	Rows []Row
	// More means that the filter chooses more than the order's limit.
	More bool
	// Applied is false for a preview.
	Applied bool
}

// Sums are the rows by verdict and currency.
func (r *Report) Sums() []Sum {
	var out []Sum
	for _, row := range r.Rows {
		i := slices.IndexFunc(out, func(s Sum) bool { return s.Verdict == row.Verdict && s.Total.Currency == row.Amount.Currency })
		if i < 0 {
			i = len(out)
			out = append(out, Sum{Verdict: row.Verdict, Total: topup.Money{Currency: row.Amount.Currency}})
		}
		out[i].Count++
		out[i].Total.Amount = out[i].Total.Amount.Add(row.Amount.Amount)
	}
	slices.SortFunc(out, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(slices.Index(Verdicts, a.Verdict), slices.Index(Verdicts, b.Verdict)), cmp.Compare(a.Total.Currency, b.Total.Currency))
	})
	return out
}

// Acting counts the rows that the act changes or asks about, Done those that it did, Failed those that went wrong.
func (r *Report) Acting() (acting, done, failed int) {
	for _, row := range r.Rows {
		if row.Verdict.Acts() {
			acting++
		}
		if row.Done {
			done++
		}
		if row.Failed != "" {
			failed++
		}
	}
	return acting, done, failed
}

// Summary is the sums in one line: "3 will send (6.00 ZAR), 1 cannot (2.00 ZAR)".
func (r *Report) Summary() string {
	var parts []string
	for _, s := range r.Sums() {
		parts = append(parts, fmt.Sprintf("%d %s (%s)", s.Count, s.Verdict, s.Total))
	}
	if len(parts) == 0 {
		return "nothing is chosen"
	}
	return strings.Join(parts, ", ")
}
