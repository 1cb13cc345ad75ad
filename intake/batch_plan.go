package intake

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"topupq/topup"
)

const (
	// callTime is what a paying call is taken to last where no rate bounds the sending.
	callTime = time.Second
	// leastWindow is how far back likely duplicates are looked for at a provider that has no spacing.
	leastWindow = 10 * time.Minute
	// lookBudget bounds how long the ledger is asked for likely duplicates: rows beyond it are not compared with it.
	lookBudget = 5 * time.Second
	// maxPlanned bounds the numbers, and maxOperators the mobile operators, that a plan keeps apart.
	maxPlanned   = 200_000
	maxOperators = 500
)

// plan gathers what would become of the rows of a validation, in constant memory.
type plan struct {
	s         *Server
	seed      maphash.Seed
	providers map[topup.ProviderName]*providerPlan
	// turns counts the rows of a number at a provider, lines is where a number and amount came first.
	turns map[uint64]int64
	lines map[uint64]int
	until time.Time
	alike alike
	over  overLimit
}

// providerPlan is the part of one provider.
type providerPlan struct {
	settings  ProviderSettings
	rows      int64
	operators map[string]int64
	amounts   map[string]topup.Money
	cost      topup.Money
	priced    int64
	estimated bool
	balance   *topup.BalanceAt
	runsOut   int
	busiest   int64
}

// alike are the rows that look like another one.
type alike struct {
	rows, unchecked int64
	first           []alikeView
}

func (s *Server) newPlan() *plan {
	return &plan{
		s: s, seed: maphash.MakeSeed(), providers: map[topup.ProviderName]*providerPlan{},
		turns: map[uint64]int64{}, lines: map[uint64]int{},
	}
}

// add plans a new row. cost is what its provider asks for it, false where nobody can tell.
func (p *plan) add(ctx context.Context, t *topup.Topup, cost topup.Money, known bool) {
	part := p.part(ctx, t.Provider)
	part.rows++
	key := t.OperatorKey()
	if _, there := part.operators[key]; !there && len(part.operators) >= maxOperators {
		key = ""
	}
	part.operators[key]++
	part.amounts[t.Amount.Currency] = addMoney(part.amounts[t.Amount.Currency], t.Amount)
	if !known && part.settings.Currency == t.Amount.Currency {
		cost, known, part.estimated = t.Amount, true, true // at its face value
	}
	if known {
		part.spend(cost, t.Line)
	}
	part.busiest = max(part.busiest, p.turn(t))
	p.compare(ctx, t, part.window())
}

func (p *plan) part(ctx context.Context, name topup.ProviderName) *providerPlan {
	if part, ok := p.providers[name]; ok {
		return part
	}
	part := &providerPlan{settings: p.s.cfg.Providers[name], operators: map[string]int64{}, amounts: map[string]topup.Money{}}
	if p.s.cfg.Balance != nil {
		ctx, cancel := p.s.reading(ctx)
		defer cancel()
		if b, ok := p.s.cfg.Balance(ctx, name); ok {
			part.balance = &b
		}
	}
	p.providers[name] = part
	return part
}

// spend adds the cost of a row, and notes the row at which the balance does not suffice any more.
func (v *providerPlan) spend(cost topup.Money, line int) {
	if v.priced > 0 && v.cost.Currency != cost.Currency {
		return // an account has one currency
	}
	v.priced++
	v.cost = addMoney(v.cost, cost)
	if v.balance != nil && v.runsOut == 0 && v.balance.Amount.Currency == cost.Currency && v.cost.Amount.GreaterThan(v.balance.Amount.Amount) {
		v.runsOut = line
	}
}

// window is how near to each other two top-ups of a number and an amount are likely meant to be one.
func (v *providerPlan) window() time.Duration { return max(v.settings.Spacing, leastWindow) }

// turn counts the rows of t's number.
func (p *plan) turn(t *topup.Topup) int64 {
	key := maphash.String(p.seed, string(t.Provider)+t.Recipient.Digits())
	n, there := p.turns[key]
	if !there && len(p.turns) >= maxPlanned {
		return 1
	}
	p.turns[key] = n + 1
	return n + 1
}

// compare looks for another top-up of the same number and amount: in the file, then in the ledger.
func (p *plan) compare(ctx context.Context, t *topup.Topup, window time.Duration) {
	key := maphash.String(p.seed, string(t.Provider)+t.Recipient.Digits()+" "+t.Amount.Text()+t.Amount.Currency)
	if line, there := p.lines[key]; there {
		p.alike.note(alikeView{Line: t.Line, Reference: t.Reference, LikeLine: &line})
		return
	}
	if len(p.lines) < maxPlanned {
		p.lines[key] = t.Line
	}
	if p.until.IsZero() {
		p.until = time.Now().Add(lookBudget)
	}
	ctx, cancel := context.WithDeadline(ctx, p.until)
	defer cancel()
	if ctx.Err() != nil {
		p.alike.unchecked++
		return
	}
	page, err := p.s.cfg.Store.List(ctx, topup.Query{
		Merchant: t.Merchant, Recipient: t.Recipient, From: p.s.now().Add(-window), Limit: 1,
		Match: func(o *topup.Topup) bool {
			return o.ID != t.ID && o.Amount.Equal(t.Amount) && o.State != topup.Failed && o.State != topup.Reversed
		},
	})
	if err != nil {
		p.alike.unchecked++
		return
	}
	for _, o := range page.Topups {
		p.alike.note(alikeView{Line: t.Line, Reference: t.Reference, LikeID: &o.ID})
	}
}

func (a *alike) note(v alikeView) {
	if a.rows++; len(a.first) < maxRowErrors {
		a.first = append(a.first, v)
	}
}

// lasts is how long the rows take at least, behind what waits already.
func (v *providerPlan) lasts(waiting int64) time.Duration {
	all := v.rows + waiting
	var took time.Duration
	switch s := v.settings; {
	case s.Rate > 0:
		took = time.Duration(all * int64(time.Second) / int64(s.Rate))
	case s.Concurrency > 0:
		took = time.Duration(all * int64(callTime) / int64(s.Concurrency))
	}
	return max(took, time.Duration(max(v.busiest-1, 0))*v.settings.Spacing)
}

// view is the plan as it is told.
func (p *plan) view(ctx context.Context) *planView {
	now := p.s.now()
	v := &planView{Providers: []providerPlanView{}, FinishesAt: now, OverLimit: p.over.view()}
	v.LikelyDuplicates = alikeAll{Rows: p.alike.rows, Unchecked: p.alike.unchecked, First: p.alike.first}
	if v.LikelyDuplicates.First == nil {
		v.LikelyDuplicates.First = []alikeView{}
	}
	for _, name := range topup.Providers {
		part, ok := p.providers[name]
		if !ok {
			continue
		}
		var waiting int64
		if p.s.cfg.Backlog != nil {
			waiting = p.s.cfg.Backlog(ctx, name)
		}
		pv := part.view(name)
		pv.Waiting, pv.FinishesAt = waiting, now.Add(part.lasts(waiting))
		if pv.FinishesAt.After(v.FinishesAt) {
			v.FinishesAt = pv.FinishesAt
		}
		v.Providers = append(v.Providers, pv)
	}
	return v
}

func (v *providerPlan) view(name topup.ProviderName) providerPlanView {
	out := providerPlanView{Provider: name, Rows: v.rows, Operators: []operatorPlanView{}, Amounts: map[string]string{}, WindowSeconds: int64(v.window() / time.Second)}
	for key, n := range v.operators {
		out.Operators = append(out.Operators, operatorPlanView{Operator: orNull(key), Rows: n})
	}
	slices.SortFunc(out.Operators, func(a, b operatorPlanView) int { return int(b.Rows - a.Rows) })
	for currency, sum := range v.amounts {
		out.Amounts[currency] = sum.Text()
	}
	if v.priced > 0 {
		out.Cost = &costPlanView{Amount: v.cost.Text(), Currency: v.cost.Currency, Rows: v.priced, Estimated: v.estimated}
	}
	if v.balance != nil {
		out.Balance = &balancePlanView{Amount: v.balance.Amount.Text(), Currency: v.balance.Amount.Currency, At: v.balance.At.UTC()}
	}
	if v.runsOut > 0 {
		out.RunsOutAtLine = &v.runsOut
	}
	return out
}
