package intake

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"topupq/topup"
)

// get reads a top-up from the ledger, or from the archive when it has gone there.
func (s *Server) get(ctx context.Context, id topup.ID) (*topup.Topup, error) {
	t, err := s.cfg.Store.Get(ctx, id)
	if !errors.Is(err, topup.ErrNotFound) {
		return t, err
	}
	left, err := s.cfg.Store.Remembered(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.unarchive(ctx, left)
}

// knownAtOnce bounds the questions of known about what has gone to the archive.
const knownAtOnce = 16

// known finds what is recorded under some IDs, or remembered of what has gone to the archive; nil for what is new.
func (s *Server) known(ctx context.Context, ids []topup.ID) ([]*topup.Topup, error) {
	found, err := s.cfg.Store.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(knownAtOnce)
	for i, t := range found {
		if t != nil {
			continue
		}
		group.Go(func() error {
			left, err := s.cfg.Store.Remembered(ctx, ids[i])
			if errors.Is(err, topup.ErrNotFound) {
				return nil
			}
			found[i] = left
			return err
		})
	}
	return found, group.Wait()
}

// unarchive reads what is left of a top-up in full. topup.ErrNotFound where the archive does not have it.
func (s *Server) unarchive(ctx context.Context, left *topup.Topup) (*topup.Topup, error) {
	if s.cfg.Archive == nil {
		return nil, topup.ErrNotFound
	}
	t, err := s.cfg.Archive.Find(ctx, left.Provider, left.Archived.Day, left.ID)
	if err != nil && !errors.Is(err, topup.ErrNotFound) {
		s.log.Warn("archive not read", zap.String("topup", string(left.ID)), zap.Error(err))
		return nil, topup.ErrUnavailable
	}
	return t, err
}

// repeat is the answer to a reference whose top-up has gone to the archive: the archived record, or where that cannot be
// read what is known of it, which is what the repeat itself asks for and how it ended. It is never accepted again.
func (s *Server) repeat(ctx context.Context, left, asked *topup.Topup) *topup.Topup {
	if t, err := s.unarchive(ctx, left); err == nil {
		return t
	}
	t := *asked
	t.State, t.Provider, t.Archived = left.State, left.Provider, left.Archived
	t.CreatedAt, t.UpdatedAt, t.ClosedAt, t.ExpiresAt, t.DueAt = left.CreatedAt, left.UpdatedAt, left.ClosedAt, left.ExpiresAt, left.DueAt
	return &t
}

// archivedRows is how many archived rows are looked up in the ledger at a time.
const archivedRows = 256

// eachArchived calls do for a merchant's top-ups made in [from, to) that have left the ledger.
func (s *Server) eachArchived(ctx context.Context, m topup.MerchantID, from, to time.Time, do func(*topup.Topup) error) error {
	if s.cfg.Archive == nil {
		return nil
	}
	// A provider's day may begin up to a day before or after that of UTC.
	for day := from.UTC().AddDate(0, 0, -1); day.Before(to.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		for _, p := range topup.Providers {
			if err := s.eachArchivedOf(ctx, p, day.Format(time.DateOnly), func(t *topup.Topup) bool {
				return t.Merchant == m && !t.CreatedAt.Before(from) && t.CreatedAt.Before(to)
			}, do); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachArchivedOf reads one file, where the ledger says that some of its day has left it.
func (s *Server) eachArchivedOf(ctx context.Context, p topup.ProviderName, date string, wanted func(*topup.Topup) bool, do func(*topup.Topup) error) error {
	if _, err := s.cfg.Store.GetDay(ctx, p, date, topup.DocForgotten); errors.Is(err, topup.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	var part []*topup.Topup
	flush := func() error {
		ids := make([]topup.ID, len(part))
		for i, t := range part {
			ids[i] = t.ID
		}
		there, err := s.cfg.Store.GetMany(ctx, ids)
		for i := 0; err == nil && i < len(there); i++ {
			if there[i] == nil {
				err = do(part[i])
			}
		}
		part = part[:0]
		return err
	}
	err := s.cfg.Archive.Each(ctx, p, date, func(t *topup.Topup) error {
		if !wanted(t) {
			return nil
		}
		if part = append(part, t); len(part) < archivedRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
