package dayend

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"topupq/reconcile"
	"topupq/report"
	"topupq/topup"
)

// balanceSlack is how far from a day's bounds a reading of the balance may be.
const balanceSlack = 2 * time.Hour

// Reconcile compares a provider's day: with the provider's list or count where it has one, and its balance. Status calls
// that this takes are those of the budget.
func (c *Closer) Reconcile(ctx context.Context, p topup.ProviderName, date string) (*reconcile.Result, error) {
	provider, d, err := c.day(p, date)
	if err != nil {
		return nil, err
	}
	in, err := c.input(ctx, p, provider, d)
	if err != nil {
		return nil, err
	}
	ctx = topup.WithSpend(ctx, c.spend(p, provider))
	problem := ""
	switch api := provider.Provider.(type) {
	case topup.Lister:
		in.Lines = api.List(ctx, d.From, d.To)
	case topup.OrderCounter:
		n, err := api.CountOrders(ctx, d.From.In(location(provider)))
		if err == nil {
			in.Count = &n
		} else {
			problem = "The provider's count could not be read: " + err.Error()
		}
	}
	res, err := reconcile.Compare(ctx, in)
	if err == nil && problem != "" {
		res.Problem = problem
	}
	return res, err
}

// ReconcileStatement compares a provider's day with a statement that a person has imported, and keeps the result. unread tells
// afterwards how many of its lines could not be read; nil for none.
func (c *Closer) ReconcileStatement(ctx context.Context, p topup.ProviderName, date string, lines iter.Seq2[topup.Listed, error], unread func() int) (*reconcile.Result, error) {
	provider, d, err := c.day(p, date)
	if err != nil {
		return nil, err
	}
	in, err := c.input(ctx, p, provider, d)
	if err != nil {
		return nil, err
	}
	in.Lines, in.Statement = lines, true
	res, err := reconcile.Compare(ctx, in)
	if err != nil {
		return nil, err
	}
	if unread != nil && unread() > 0 {
		res.Problem = strings.TrimSpace(fmt.Sprintf("%s %d lines of the statement could not be read.", res.Problem, unread()))
	}
	return res, c.save(ctx, p, date, topup.DocStatement, res)
}

// input is our side of a day.
func (c *Closer) input(ctx context.Context, p topup.ProviderName, provider Provider, d report.Day) (reconcile.Input, error) {
	find, err := c.finder(ctx, p, d)
	if err != nil {
		return reconcile.Input{}, err
	}
	in := reconcile.Input{
		Provider: p, Date: d.Date, From: d.From, To: d.To, Now: c.cfg.Now(), Find: find,
		Ours: func(do func(*topup.Topup) error) error {
			if err := c.earlier(ctx, p, d)(do); err != nil {
				return err
			}
			return c.each(ctx, p, d.From, d.To.Add(balanceSlack))(do)
		},
	}
	if in.Before, err = c.balanceAt(ctx, p, d.From); err != nil {
		return in, err
	}
	in.After, err = c.balanceAt(ctx, p, d.To)
	return in, err
}

// balanceAt is the reading of the balance that is nearest to an instant, nil where there is none near it.
func (c *Closer) balanceAt(ctx context.Context, p topup.ProviderName, at time.Time) (*topup.BalanceAt, error) {
	all, err := c.cfg.Store.Balances(ctx, p, at.Add(-balanceSlack), at.Add(balanceSlack))
	if err != nil {
		return nil, fmt.Errorf("read balances: %w", err)
	}
	var best *topup.BalanceAt
	for i := range all {
		if best == nil || all[i].At.Sub(at).Abs() < best.At.Sub(at).Abs() {
			best = &all[i]
		}
	}
	return best, nil
}

// spend takes a call of the provider's budget.
func (c *Closer) spend(p topup.ProviderName, provider Provider) func(context.Context) error {
	return func(ctx context.Context) error {
		day := c.cfg.Now().In(location(provider)).Format("20060102")
		ok, err := c.cfg.Store.SpendCall(ctx, p, day, provider.Budget)
		if err == nil && !ok {
			err = topup.ErrSpent
		}
		return err
	}
}
