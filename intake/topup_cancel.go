package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"go.uber.org/zap"

	"topupq/topup"
)

// maxReason bounds the reason of a cancellation, in characters.
const maxReason = 200

// cancelTopup closes a top-up that provably was not sent. The body may hold a reason.
func (s *Server) cancelTopup(w http.ResponseWriter, r *http.Request, c caller) error {
	reason, err := readReason(r)
	if err != nil {
		return err
	}
	before, err := s.load(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	t, err := s.cancel(r.Context(), before.ID, c, reason)
	if errors.Is(err, topup.ErrNotAllowed) {
		return notCancellable(t, before)
	}
	if err != nil {
		return err
	}
	s.log.Info("cancelled", zap.String("topup", string(t.ID)), zap.String("merchant", string(t.Merchant)),
		zap.String("provider", string(t.Provider)), zap.String("from", before.State.String()), zap.String("to", t.State.String()))
	s.ringCallback(r.Context(), string(t.ID))
	writeJSON(w, http.StatusOK, t.View())
	return nil
}

func (s *Server) cancel(ctx context.Context, id topup.ID, c caller, reason string) (*topup.Topup, error) {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	recovered, err := s.cfg.Store.Recovered(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	return s.cfg.Store.Update(ctx, id, func(t *topup.Topup) error {
		if t.Merchant != c.merchant.ID {
			return topup.ErrNotFound
		}
		if t.InDoubt(recovered) {
			return topup.ErrNotAllowed // it may have been sent in the time that the store has forgotten
		}
		return t.Cancel(topup.ActorMerchant, reason, now)
	})
}

func notCancellable(t, before *topup.Topup) *Problem {
	if t == nil {
		t = before
	}
	return problem(http.StatusConflict, codeNotCancellable,
		"It is "+t.State.String()+". Only what is accepted or held, and provably not sent, can be cancelled.")
}

// readReason reads {"reason": "..."}; no body at all is no reason.
func readReason(r *http.Request) (string, error) {
	if r.ContentLength == 0 {
		return "", nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", bodyError(err)
	}
	if len(body) == 0 {
		return "", nil
	}
	if err := wantJSON(r); err != nil {
		return "", err
	}
	v, err := parseJSON(string(body))
	if err != nil {
		return "", asRequestError(err)
	}
	var m mistakes
	reason := reasonOf(&v, &m)
	return reason, m.err()
}

func reasonOf(v *value, m *mistakes) (reason string) {
	if v.kind != kindObject {
		m.add("", fieldType, "must be an object")
		return ""
	}
	for i, name := range v.names {
		if name != "reason" {
			m.unknown("", name)
			continue
		}
		reason = m.text(&v.items[i], "", name)
	}
	if utf8.RuneCountInString(reason) > maxReason || !plainText(reason) {
		m.add("reason", fieldInvalid, "must be plain text of at most 200 characters")
	}
	return reason
}
