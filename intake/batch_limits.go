package intake

import (
	"context"

	"topupq/topup"
)

// batchLimits keeps an upload within its merchant's limits.
type batchLimits struct {
	limits topup.Limits
	// taken is what was let through of this upload.
	taken topup.Use
}

// grant finds the candidates of a chunk that are recorded already, and lets through what the limits allow of the rest,
// in the order of the file. refused and existing are by candidate; end is to be called once the rest is written.
func (b *batchRun) grant(ctx context.Context, cands []candidate, existing []*topup.Topup) (refused []string, end func(), err error) {
	refused, end = make([]string, len(cands)), func() {}
	if !limited(b.limits.limits) {
		return refused, end, nil
	}
	if b.dry {
		if refused, err = b.foresee(ctx, cands, existing); err == nil {
			err = b.repeats(ctx, cands, existing, refused)
		}
		return refused, end, err
	}
	ids := make([]topup.ID, len(cands))
	for i, cand := range cands {
		ids[i] = cand.topup.ID
	}
	var g grant
	var fresh []*topup.Topup
	var at []int
	err = b.s.retry(ctx, func(ctx context.Context) error {
		found, err := b.s.cfg.Store.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		fresh, at = nil, nil
		taken := b.limits.taken
		taken.Amounts = topup.Sums{}
		for c, sum := range b.limits.taken.Amounts {
			taken.Amounts[c] = sum
		}
		for i, cand := range cands {
			switch {
			case found[i] != nil:
				existing[i] = found[i]
			case cand.expired:
			case !b.limits.fits(&taken, cand.topup):
				refused[i] = codeBatchLimit
			default:
				fresh, at = append(fresh, cand.topup), append(at, i)
			}
		}
		g, err = b.s.grant(ctx, b.merchant, b.limits.limits, fresh)
		return err
	})
	if err != nil {
		return refused, end, err
	}
	for n, code := range g.refused {
		if refused[at[n]] = code; code == "" {
			b.limits.taken.Count(fresh[n])
		}
	}
	if err := b.repeats(ctx, cands, existing, refused); err != nil {
		g.end()
		return refused, end, err
	}
	return refused, g.end, nil
}

// repeats finds those of the refused that need no room: another request may have recorded them just now, or they have gone
// to the archive.
func (b *batchRun) repeats(ctx context.Context, cands []candidate, existing []*topup.Topup, refused []string) error {
	var ids []topup.ID
	var at []int
	for i, code := range refused {
		if code != "" {
			ids, at = append(ids, cands[i].topup.ID), append(at, i)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return b.s.retry(ctx, func(ctx context.Context) error {
		found, err := b.s.known(ctx, ids)
		if err != nil {
			return err
		}
		for n, t := range found {
			if t != nil {
				existing[at[n]], refused[at[n]] = t, ""
			}
		}
		return nil
	})
}

// fits counts a row against the limits of one batch, if it is within them.
func (l *batchLimits) fits(taken *topup.Use, t *topup.Topup) bool {
	if !l.room(taken, t) {
		return false
	}
	taken.Count(t)
	return true
}

// room reports whether a row is within the limits of one batch of which so much is taken.
func (l *batchLimits) room(taken *topup.Use, t *topup.Topup) bool {
	c := t.Amount.Currency
	if l.limits.BatchTopups > 0 && taken.Topups >= l.limits.BatchTopups {
		return false
	}
	return !above(taken.Amounts[c].Add(t.Amount.Amount), l.limits.BatchAmount, c)
}
