package intake

import (
	"context"
	"time"

	"topupq/topup"
)

// priceBudget bounds how long a validation asks for prices: rows beyond it are counted without one.
const priceBudget = 10 * time.Second

// prices sums what the rows of a validation should cost.
type prices struct {
	until time.Time
	rows  int64
	sums  map[string]topup.Money
}

// pricesView is what a validation tells of prices. Rows of providers that do not publish theirs are not counted.
type pricesView struct {
	// Rows is how many rows the sums are of.
	Rows int64             `json:"rows"`
	Sums map[string]string `json:"sums"`
}

// price adds and returns what a row should cost, false where its provider does not publish prices or there is no time
// left to ask.
func (b *batchRun) price(ctx context.Context, t *topup.Topup) (topup.Money, bool) {
	s, p := b.s, &b.prices
	if s.cfg.Quote == nil || !s.cfg.Providers[t.Provider].Priced {
		return topup.Money{}, false
	}
	if p.sums == nil {
		p.until, p.sums = time.Now().Add(priceBudget), map[string]topup.Money{}
	}
	ctx, cancel := context.WithDeadline(ctx, p.until)
	defer cancel()
	if ctx.Err() != nil {
		return topup.Money{}, false
	}
	cost, ok := s.cfg.Quote(ctx, t)
	if !ok {
		return cost, false
	}
	p.rows++
	p.sums[cost.Currency] = addMoney(p.sums[cost.Currency], cost)
	return cost, true
}

// view is nil where no row has a price.
func (p *prices) view() *pricesView {
	if p.rows == 0 {
		return nil
	}
	v := &pricesView{Rows: p.rows, Sums: map[string]string{}}
	for currency, sum := range p.sums {
		v.Sums[currency] = sum.Text()
	}
	return v
}
