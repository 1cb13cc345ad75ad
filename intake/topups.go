package intake

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// createTopup records one top-up: 202 for a new one, 200 for a repeat, 409 for a reference that is taken.
func (s *Server) createTopup(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readJSON(r)
	if err != nil {
		return err
	}
	var m mistakes
	q := readTopup(&body, &m)
	if q.Reference == "" && !m.has("reference") {
		q.Reference = idempotencyKey(r)
	}
	now := s.now()
	cand := s.rules.topup(&q, c.merchant.ID, now, &m)
	if err := m.err(); err != nil {
		return err
	}
	t, repeated, err := s.record(r.Context(), cand, c.merchant.Limits)
	if err != nil {
		return err
	}
	return s.answerTopup(w, r, t, repeated)
}

// idempotencyKey is the header that stands in for a missing reference, with or without the quotes of its draft.
func idempotencyKey(r *http.Request) string {
	return strings.Trim(strings.TrimSpace(r.Header.Get("Idempotency-Key")), `"`)
}

// record writes a candidate, or finds that it is a repeat. Nothing is sent from here: the queue is only rung.
func (s *Server) record(ctx context.Context, cand candidate, l topup.Limits) (t *topup.Topup, repeated bool, err error) {
	existing, err := s.write(ctx, cand, l)
	switch {
	case err != nil:
		return nil, false, err
	case existing == nil && cand.expired:
		return nil, false, invalid([]FieldError{expiredError()})
	case existing == nil:
		t = cand.topup
		s.log.Info("accepted", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)),
			zap.String("provider", string(t.Provider)), zap.String("to", t.State.String()))
		if invited(t) {
			s.ringSends(ctx, t.Provider, []topup.Due{{ID: t.ID, State: t.State, Round: t.Attempts}})
		}
		return t, false, nil
	case !cand.sameAs(existing):
		return nil, false, conflict(existing)
	case existing.Archived != nil:
		return s.repeat(ctx, existing, cand.topup), true, nil
	default:
		return existing, true, nil
	}
}

// write creates the candidate's record and returns the one that was there before, or nil. An expired candidate is
// only looked for.
func (s *Server) write(ctx context.Context, cand candidate, l topup.Limits) (*topup.Topup, error) {
	s.invite(ctx, []*topup.Topup{cand.topup})
	ctx, cancel := s.writing(ctx)
	defer cancel()
	if cand.expired {
		return s.taken(ctx, cand.topup.ID)
	}
	if limited(l) {
		found, err := s.cfg.Store.GetMany(ctx, []topup.ID{cand.topup.ID})
		if err != nil || found[0] != nil {
			return found[0], err
		}
		g, err := s.grant(ctx, cand.topup.Merchant, l, []*topup.Topup{cand.topup})
		if err != nil {
			return nil, err
		}
		defer g.end()
		if g.refused[0] != "" {
			// A repeat needs no room: another request may have recorded it just now, or it has gone to the archive.
			if existing, err := s.taken(ctx, cand.topup.ID); err != nil || existing != nil {
				return existing, err
			}
			return nil, s.limitProblem(g.refused[0])
		}
	}
	created, err := s.cfg.Store.Create(ctx, []*topup.Topup{cand.topup})
	if err != nil {
		return nil, err
	}
	return created[0].Existing, nil
}

// taken is what is recorded or remembered under an ID, nil for nothing.
func (s *Server) taken(ctx context.Context, id topup.ID) (*topup.Topup, error) {
	found, err := s.known(ctx, []topup.ID{id})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func conflict(existing *topup.Topup) *Problem {
	return problem(http.StatusConflict, codeConflict,
		"The reference "+existing.Reference+" is taken by top-up "+string(existing.ID)+", which asks for something else.")
}

// answerTopup answers with a top-up just recorded or found, after the wait that the client asked for.
func (s *Server) answerTopup(w http.ResponseWriter, r *http.Request, t *topup.Topup, repeated bool) error {
	if wait := s.preferWait(r); wait > 0 {
		t = s.awaitOutcome(r.Context(), t, wait)
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
	w.Header().Set("Location", "/v1/topups/"+string(t.ID))
	status := http.StatusAccepted
	if repeated {
		w.Header().Set("Idempotent-Replayed", "true")
		status = http.StatusOK
	}
	if t.State.Closed() {
		status = http.StatusOK
	}
	writeJSON(w, status, t.View())
	return nil
}

// awaitOutcome returns t as it is after the wait, or once its outcome is known or only a person can go on.
func (s *Server) awaitOutcome(ctx context.Context, t *topup.Topup, wait time.Duration) *topup.Topup {
	s.await(ctx, wait, func(ctx context.Context) (bool, error) {
		if settled(t.State) {
			return true, nil
		}
		now, err := s.cfg.Store.Get(ctx, t.ID)
		if err != nil {
			return false, err
		}
		t = now
		return settled(t.State), nil
	})
	return t
}

// settled reports whether waiting is over: an outcome, or nothing that changes by itself soon.
func settled(st topup.State) bool { return st.Outcome() || st == topup.Held }

// load returns a top-up of the merchant.
func (s *Server) load(ctx context.Context, c caller, id string) (*topup.Topup, error) {
	if !topup.ID(id).Valid() {
		return nil, notFound()
	}
	ctx, cancel := s.reading(ctx)
	defer cancel()
	t, err := s.get(ctx, topup.ID(id))
	if err != nil {
		return nil, err
	}
	if t.Merchant != c.merchant.ID {
		return nil, notFound()
	}
	return t, nil
}

// getTopup answers with one top-up; with its PIN for a key that may read PINs.
func (s *Server) getTopup(w http.ResponseWriter, r *http.Request, c caller) error {
	t, err := s.load(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	view := t.View()
	if len(t.PIN) > 0 && c.key.Allows(topup.ScopePINs) {
		if view.PIN, err = s.openPIN(t, c); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, view)
	return nil
}

// openPIN decrypts a voucher's PIN and leaves a trace of who has read it.
func (s *Server) openPIN(t *topup.Topup, c caller) (*string, error) {
	pin, err := s.cfg.Keyring.Open(t.PIN, string(t.ID))
	if err != nil {
		s.log.Error("PIN unreadable", zap.String("topup", string(t.ID)), zap.Error(err))
		return nil, problem(http.StatusInternalServerError, codePINUnreadable, "The PIN is kept, but cannot be decrypted here.")
	}
	s.cfg.Count("pin_read", string(c.merchant.ID))
	s.log.Info("PIN read", zap.String("audit", "pin_read"), zap.String("topup", string(t.ID)),
		zap.String("merchant", string(c.merchant.ID)), zap.String("key", c.key.Hint))
	text := pin.Reveal()
	return &text, nil
}

// getHistory answers with every move of a top-up, oldest first.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request, c caller) error {
	t, err := s.load(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	moves := make([]moveView, len(t.History))
	for i, m := range t.History {
		moves[i] = viewMove(m)
	}
	writeJSON(w, http.StatusOK, newList(moves, ""))
	return nil
}
