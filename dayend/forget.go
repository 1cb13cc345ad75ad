package dayend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"topupq/archive"
	"topupq/topup"
)

// errTooYoung means that a day has not been kept for long enough.
var errTooYoung = errors.New("the day is to be kept for longer")

// forgetRows is how many top-ups leave the ledger at a time.
const forgetRows = 256

// Forget takes a day's finished top-ups out of the ledger. The day's file is written anew first; what leaves is what was
// read back from it, each only in the very revision that the file has. Their references stay taken for ever.
func (c *Closer) Forget(ctx context.Context, p topup.ProviderName, date string) (*topup.DayForgotten, error) {
	_, d, err := c.day(p, date)
	if err != nil {
		return nil, err
	}
	if c.cfg.Shelf == nil {
		return nil, errors.New("there is no archive: nothing leaves the ledger")
	}
	if c.cfg.Now().Sub(d.To) < c.cfg.Keep {
		return nil, errTooYoung
	}
	if err := c.archiveDay(ctx, p, date); err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	m, err := archive.ReadManifest(ctx, c.cfg.Shelf, p, date)
	if err != nil {
		return nil, err
	}
	// Once to see that the whole file is well, and once more to act on what it says.
	if err := archive.Verify(ctx, c.cfg.Shelf, m, nil); err != nil {
		return nil, err
	}
	before, err := c.begin(ctx, p, date)
	if err != nil {
		return nil, err
	}
	out, err := c.forgetRows(ctx, m)
	if err != nil {
		return nil, err
	}
	for day := d.From.Truncate(24 * time.Hour); day.Before(d.To); day = day.AddDate(0, 0, 1) {
		if err := c.cfg.Store.ForgetLists(ctx, day); err != nil {
			return nil, err
		}
	}
	c.cfg.Log.Info("day archived and forgotten", zap.String("provider", string(p)), zap.String("date", date), zap.Int64("gone", out.Gone), zap.Int64("left", out.Left))
	all := topup.DayForgotten{Begun: before.Begun, At: out.At, Gone: before.Gone + out.Gone, Left: out.Left}
	return out, c.save(ctx, p, date, topup.DocForgotten, all)
}

// begin notes that rows are about to leave, before the first does: from then on whoever reads the day reads the archive
// too, even where this is cut short. It returns what was noted before, with Begun set.
func (c *Closer) begin(ctx context.Context, p topup.ProviderName, date string) (topup.DayForgotten, error) {
	mark := topup.DayForgotten{}
	if err := c.load(ctx, p, date, topup.DocForgotten, &mark); err != nil || !mark.Begun.IsZero() {
		return mark, err
	}
	mark.Begun = c.cfg.Now().UTC()
	return mark, c.save(ctx, p, date, topup.DocForgotten, mark)
}

func (c *Closer) forgetRows(ctx context.Context, m *archive.Manifest) (*topup.DayForgotten, error) {
	out := &topup.DayForgotten{At: c.cfg.Now().UTC()}
	var part []*topup.Topup
	flush := func() error {
		gone, err := c.cfg.Store.Forget(ctx, part)
		out.Gone += int64(gone)
		part = part[:0]
		return err
	}
	err := archive.Verify(ctx, c.cfg.Shelf, m, func(t *topup.Topup) error {
		if !t.Finished() {
			out.Left++
			return nil
		}
		if part = append(part, t); len(part) < forgetRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return nil, err
	}
	return out, flush()
}
