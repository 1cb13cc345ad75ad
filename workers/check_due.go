package workers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

const (
	// dueMany is how many due questions one task takes where the provider answers about many in one call, dueEach
	// how many where each is a call.
	dueMany = 2000
	dueEach = 200
	// dueLease is how long the questions that a task has taken are left to it, where Config does not say.
	dueLease = 3 * time.Minute
	// atOnce bounds the questions and writes of one task at a time.
	atOnce = 16
	// worthList is the least number of questions for which lists are read.
	worthList = 3
	// listTimeout bounds the reading of lists by one task.
	listTimeout = time.Minute
	// afterFailure is how many are asked singly after the lists could not be read, beside those whose sender was lost:
	// enough to notice that asking singly works, few enough not to run against a provider that is away. The others come
	// back when the lease ends.
	afterFailure = 20
)

// askDue takes what is due of a provider from the ledger and asks about it, the most urgent first.
func (c *Check) askDue(ctx context.Context, p topup.ProviderName) error {
	route, ok := c.Routes[p]
	if !ok {
		return errNoRoute
	}
	many, lists := route.Provider.(topup.ManyChecker)
	limit := dueEach
	if lists {
		limit = dueMany
	}
	ts, err := c.takeDue(ctx, p, route, limit)
	if err != nil || len(ts) == 0 {
		return err
	}
	if ts, err = c.rescueLost(ctx, route, ts); err != nil {
		return err
	}
	if lists && len(ts) >= worthList {
		if ts, err = c.askLists(ctx, route, many, p, ts); err != nil {
			return err
		}
	}
	return inGroups(ctx, ts, func(ctx context.Context, t *topup.Topup) error { return c.ask(ctx, t) })
}

// takeDue loads what is due now and can be asked about.
func (c *Check) takeDue(ctx context.Context, p topup.ProviderName, r *Route, limit int) ([]*topup.Topup, error) {
	now := c.Now()
	due, err := c.Ledger.DueChecks(ctx, p, now, now.Add(cmp.Or(c.DueLease, dueLease)), limit)
	if err != nil {
		return nil, fmt.Errorf("find due checks: %w", err)
	}
	ids := make([]topup.ID, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	ts, err := c.Ledger.GetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load due checks: %w", err)
	}
	ts = slices.DeleteFunc(ts, func(t *topup.Topup) bool { return t == nil || t.DueAt.After(now) || !c.askable(t, r) })
	slices.SortStableFunc(ts, topup.MoreUrgent)
	return ts, nil
}

// rescueLost takes top-ups whose sender has not come back to unknown before anybody is asked, so that no slow or failing
// list stands between them and that, and puts them first among ts. Should their question not be put, they come back when
// the lease ends.
func (c *Check) rescueLost(ctx context.Context, r *Route, ts []*topup.Topup) ([]*topup.Topup, error) {
	n := 0
	for _, t := range ts {
		if t.State == topup.Submitting {
			n++
		}
	}
	if n == 0 {
		return ts, nil
	}
	slices.SortStableFunc(ts, func(a, b *topup.Topup) int { return cmp.Compare(waits(a), waits(b)) })
	lost, rest := slices.Clone(ts[:n]), ts[n:]
	var mu sync.Mutex
	var out []*topup.Topup
	err := inGroups(ctx, lost, func(ctx context.Context, t *topup.Topup) error {
		before, next, err := c.update(ctx, t, func(t *topup.Topup) error {
			if err := t.Rescue(r.Policy, c.Now()); err != nil {
				return err
			}
			t.DueAt = c.Now().Add(cmp.Or(c.DueLease, dueLease))
			return nil
		})
		if err != nil {
			return err
		}
		c.Config.after(ctx, before, next)
		mu.Lock()
		defer mu.Unlock()
		out = append(out, next)
		return nil
	})
	return append(out, rest...), err
}

// waits is 0 for a top-up whose sender has not come back, which comes first.
func waits(t *topup.Topup) int {
	if t.State == topup.Submitting {
		return 0
	}
	return 1
}

// neverAsked reports whether t was rescued and nobody was asked about that send yet.
func neverAsked(t *topup.Topup) bool {
	return t.State == topup.Unknown && !t.CheckedAt.After(t.SentAt) && t.History[len(t.History)-1].Reason == topup.CodeWorkerLost
}

// askLists asks about many at once and returns those that are still to be asked about singly.
func (c *Check) askLists(ctx context.Context, r *Route, many topup.ManyChecker, p topup.ProviderName, ts []*topup.Topup) ([]*topup.Topup, error) {
	refs := make([]topup.Ref, len(ts))
	for i, t := range ts {
		refs[i] = t.Ref()
	}
	put := c.Now()
	learned, err := r.checkMany(topup.WithSpend(ctx, c.spender(r, p)), many, refs, c.Log)
	rest := slices.DeleteFunc(slices.Clone(ts), func(t *topup.Topup) bool { _, ok := learned[t.ID]; return ok })
	told := slices.DeleteFunc(slices.Clone(ts), func(t *topup.Topup) bool { _, ok := learned[t.ID]; return !ok })
	c.Log.Info("asked by list", zap.String("provider", string(p)), zap.Int("due", len(ts)), zap.Int("told", len(told)), zap.Error(err))
	if err != nil && !errors.Is(err, topup.ErrSpent) {
		lost := slices.DeleteFunc(slices.Clone(rest), func(t *topup.Topup) bool { return !neverAsked(t) })
		others := slices.DeleteFunc(rest, neverAsked)
		rest = append(lost, others[:min(len(others), afterFailure)]...)
	}
	return rest, inGroups(context.WithoutCancel(ctx), told, func(ctx context.Context, t *topup.Topup) error {
		return c.record(ctx, t, r, learned[t.ID], put)
	})
}

// inGroups calls do for every top-up, a few at a time and in order. One that is changing too fast, or that has moved on,
// does not keep the others from their turn; it ends early with its context.
func inGroups(ctx context.Context, ts []*topup.Topup, do func(context.Context, *topup.Topup) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, t := range ts {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			err := do(ctx, t)
			if errors.Is(err, topup.ErrNotAllowed) || errors.Is(err, topup.ErrContention) || errors.Is(err, topup.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}
