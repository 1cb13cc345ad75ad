package intake

import (
	"context"
	"errors"

	"go.uber.org/zap"

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
