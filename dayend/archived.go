package dayend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"topupq/archive"
	"topupq/report"
	"topupq/topup"
)

// readRows is how many archived rows are looked up in the ledger at a time.
const readRows = 256

// each calls do for the provider's top-ups made in [from, to): those of the ledger, and of days that have left it those
// of the archive.
func (c *Closer) each(ctx context.Context, p topup.ProviderName, from, to time.Time) func(do func(*topup.Topup) error) error {
	return func(do func(*topup.Topup) error) error {
		if err := c.kept(ctx, p, from, to)(do); err != nil {
			return err
		}
		loc := location(c.cfg.Providers[p])
		for d := report.DayOf(from, loc); d.From.Before(to); d = d.Next(1, loc) {
			err := c.eachArchived(ctx, p, d.Date, func(t *topup.Topup) error {
				if t.CreatedAt.Before(from) || !t.CreatedAt.Before(to) {
					return nil
				}
				return do(t)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// eachArchived calls do for what has left the ledger of a day.
func (c *Closer) eachArchived(ctx context.Context, p topup.ProviderName, date string, do func(*topup.Topup) error) error {
	if c.cfg.Shelf == nil {
		return nil
	}
	gone := topup.DayForgotten{}
	if err := c.load(ctx, p, date, topup.DocForgotten, &gone); err != nil || (gone.Begun.IsZero() && gone.At.IsZero()) {
		return err
	}
	var part []*topup.Topup
	flush := func() error {
		missing, err := c.gone(ctx, part)
		for i := 0; err == nil && i < len(part); i++ {
			if missing[i] {
				err = do(part[i])
			}
		}
		part = part[:0]
		return err
	}
	err := archive.Read(ctx, c.cfg.Shelf, p, date, func(t *topup.Topup) error {
		if part = append(part, t); len(part) < readRows {
			return nil
		}
		return flush()
	})
	if errors.Is(err, archive.ErrNotFound) {
		return fmt.Errorf("%s has left the ledger and is not in the archive: %w", date, err)
	}
	if err != nil {
		return err
	}
	return flush()
}

// gone tells which top-ups the ledger does not have.
func (c *Closer) gone(ctx context.Context, ts []*topup.Topup) ([]bool, error) {
	ids := make([]topup.ID, len(ts))
	for i, t := range ts {
		ids[i] = t.ID
	}
	there, err := c.cfg.Store.GetMany(ctx, ids)
	out := make([]bool, len(ts))
	for i := range there {
		out[i] = there[i] == nil
	}
	return out, err
}

// finder returns what finds top-ups by ID, those of the day that have left the ledger among them. Of a day that has not
// left it nothing is held in memory.
func (c *Closer) finder(ctx context.Context, p topup.ProviderName, d report.Day) (func(context.Context, []topup.ID) ([]*topup.Topup, error), error) {
	old := map[topup.ID]*topup.Topup{}
	loc := location(c.cfg.Providers[p])
	for n := -1; n <= 1; n++ {
		err := c.eachArchived(ctx, p, d.Next(n, loc).Date, func(t *topup.Topup) error {
			t.History, t.Callbacks, t.Metadata = nil, nil, nil
			old[t.ID] = t
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error) {
		out, err := c.cfg.Store.GetMany(ctx, ids)
		for i := range out {
			if out[i] == nil {
				out[i] = old[ids[i]]
			}
		}
		return out, err
	}, nil
}
