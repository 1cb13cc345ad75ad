package intake

import (
	"context"
	"math"

	"topupq/topup"
)

// foreseen is what a validation knows of its merchant's limits: what is used of them, read once and not reserved. What the
// rows before would use is in batchLimits.
type foreseen struct {
	loaded  bool
	used    topup.Use
	numbers map[topup.MSISDN]topup.Use
}

// foresee is grant for a validation: it finds the candidates that are recorded already, and those that are above a limit,
// and writes nothing.
func (b *batchRun) foresee(ctx context.Context, cands []candidate, existing []*topup.Topup) ([]string, error) {
	refused, ids := make([]string, len(cands)), make([]topup.ID, len(cands))
	for i, cand := range cands {
		ids[i] = cand.topup.ID
	}
	err := b.s.retry(ctx, func(ctx context.Context) error {
		found, err := b.s.cfg.Store.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		copy(existing, found)
		return b.readUse(ctx, cands, existing)
	})
	if err != nil {
		return refused, err
	}
	for i, cand := range cands {
		if existing[i] == nil && !cand.expired {
			refused[i] = b.limits.judge(&b.foreseen, cand.topup)
		}
	}
	return refused, nil
}

// readUse reads what is used of the limits that these candidates are under, as far as it is not known yet. What others have
// reserved counts as used.
func (b *batchRun) readUse(ctx context.Context, cands []candidate, existing []*topup.Topup) error {
	f, l, store := &b.foreseen, b.limits.limits, b.s.cfg.Store
	if l.Reserves() && !f.loaded {
		used, err := store.Used(ctx, b.merchant, b.started)
		if err != nil {
			return err
		}
		reserved, err := store.Earlier(ctx, b.merchant, math.MaxInt64, b.s.now())
		if err != nil {
			return err
		}
		used.Topups += reserved.Topups
		for c, sum := range reserved.Amounts {
			used.Amounts.Add(c, sum)
			used.Credit.Add(c, sum)
		}
		f.used, f.loaded = used, true
	}
	if !l.ByNumber() {
		return nil
	}
	if len(f.numbers)+len(cands) > maxPlanned || f.numbers == nil {
		f.numbers = map[topup.MSISDN]topup.Use{} // a number that comes again after that many others is judged by the ledger alone
	}
	var ask []topup.MSISDN
	for i, cand := range cands {
		if _, known := f.numbers[cand.topup.Recipient]; !known && existing[i] == nil {
			ask = append(ask, cand.topup.Recipient)
		}
	}
	uses, err := store.NumbersUsed(ctx, b.merchant, b.started, ask)
	if err != nil {
		return err
	}
	for i, number := range ask {
		f.numbers[number] = uses[i]
	}
	return nil
}

// judge is the code of the limit that a row would be above, "" where it is within all of them and so counts for the next.
func (l *batchLimits) judge(f *foreseen, t *topup.Topup) string {
	if !l.room(&l.taken, t) {
		return codeBatchLimit
	}
	if l.limits.Reserves() {
		if code := fitting(l.limits, f.used, l.taken, []*topup.Topup{t})[0]; code != "" {
			return code
		}
	}
	if l.limits.ByNumber() {
		c, n := t.Amount.Currency, f.numbers[t.Recipient]
		if l.limits.NumberTopupsPerDay > 0 && n.Topups >= l.limits.NumberTopupsPerDay || above(n.Amounts[c].Add(t.Amount.Amount), l.limits.NumberAmountPerDay, c) {
			return codeNumberLimit
		}
		n.Count(t)
		f.numbers[t.Recipient] = n
	}
	l.taken.Count(t)
	return ""
}

// overLimit counts the rows that are above a limit of their merchant.
type overLimit struct {
	rows  int64
	first int
	codes map[string]int64
}

func (o *overLimit) note(code string, line int) {
	if o.codes == nil {
		o.codes = map[string]int64{}
	}
	o.codes[code]++
	if o.rows++; o.first == 0 || line < o.first {
		o.first = line
	}
}

// view is nil where no row is above a limit.
func (o *overLimit) view() *overLimitView {
	if o.rows == 0 {
		return nil
	}
	return &overLimitView{Rows: o.rows, FirstLine: o.first, Codes: o.codes}
}
