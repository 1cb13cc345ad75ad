package intake

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"

	"go.uber.org/zap"

	"topupq/topup"
)

// callbackEvent is the name under which provider call-backs are counted; the label says what came of one.
const callbackEvent = "provider_callback"

// maxCallbackRefs bounds the top-ups that one call-back can have checked.
const maxCallbackRefs = 50

// takeCallback takes a provider's call-back. It proves nothing: for a top-up that we know the provider is asked now
// instead of later. What is unknown, forged or repeated is counted and changes nothing.
func (s *Server) takeCallback(w http.ResponseWriter, r *http.Request, _ caller) error {
	p, err := topup.ParseProvider(r.PathValue("provider"))
	if err != nil {
		return notFound()
	}
	settings := s.cfg.Callbacks[p]
	if !authentic(settings, r.PathValue("token")) {
		return s.forged(p, r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.Limits.Callback))
	if err != nil {
		return bodyError(err)
	}
	refs, err := settings.Read(r, body)
	if errors.Is(err, ErrForged) {
		return s.forged(p, r)
	}
	if err != nil {
		s.noteCallback(p, "unreadable", zap.Int("bytes", len(body)))
		return malformed("The call-back cannot be read.")
	}
	if err := s.checkRefs(r.Context(), p, refs); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}

// authentic compares the token of the path in constant time. Without one in the path only a signature can prove the
// sender, and then it must be one that is signed.
func authentic(c CallbackSettings, token string) bool {
	if c.Read == nil {
		return false
	}
	if token == "" || (c.Token == "" && c.Signed) {
		return c.Signed
	}
	want, got := sha256.Sum256([]byte(c.Token.Reveal())), sha256.Sum256([]byte(token))
	return c.Token != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

func (s *Server) forged(p topup.ProviderName, r *http.Request) error {
	s.noteCallback(p, "forged", zap.String("from", r.RemoteAddr))
	return problem(http.StatusUnauthorized, codeUnauthorized, "The call-back does not prove where it comes from.")
}

func (s *Server) noteCallback(p topup.ProviderName, what string, more ...zap.Field) {
	s.cfg.Count(callbackEvent, string(p)+"_"+what)
	s.log.Info("provider call-back", append(more, zap.String("provider", string(p)), zap.String("result", what))...)
}

// checkRefs rings for a check of every top-up that the call-back names and that can be asked about.
func (s *Server) checkRefs(ctx context.Context, p topup.ProviderName, refs []topup.ID) error {
	refs = slices.DeleteFunc(slices.Clone(refs), func(id topup.ID) bool { return !id.Valid() })
	if len(refs) > maxCallbackRefs {
		refs = refs[:maxCallbackRefs]
	}
	if len(refs) == 0 {
		s.noteCallback(p, "unknown")
		return nil
	}
	read, cancel := s.reading(ctx)
	defer cancel()
	found, err := s.cfg.Store.GetMany(read, refs)
	if err != nil {
		return err
	}
	for _, t := range found {
		s.checkRef(ctx, p, t)
	}
	return nil
}

func (s *Server) checkRef(ctx context.Context, p topup.ProviderName, t *topup.Topup) {
	if t == nil || t.Provider != p {
		s.noteCallback(p, "unknown")
		return
	}
	topupField := zap.String("topup", string(t.ID))
	if !askable(t.State) {
		s.noteCallback(p, "ignored", topupField, zap.String("state", t.State.String()))
		return
	}
	if err := s.askAbout(ctx, p, t); err != nil {
		s.noteCallback(p, "not_rung", topupField, zap.Error(err))
		return
	}
	s.noteCallback(p, "taken", topupField)
}

// askAbout has the provider asked about t: at once, or with others in a moment.
func (s *Server) askAbout(ctx context.Context, p topup.ProviderName, t *topup.Topup) error {
	gather := s.cfg.Callbacks[p].Gather
	if gather <= 0 {
		ring, cancel := s.ringing(ctx)
		defer cancel()
		return s.cfg.Ring.Check(ring, p, topup.Due{ID: t.ID, State: t.State, Round: t.Checks})
	}
	write, cancel := s.writing(ctx)
	defer cancel()
	at := s.now().Truncate(gather).Add(gather)
	_, err := s.cfg.Store.Update(write, t.ID, func(t *topup.Topup) error { return t.AskSoon(at) })
	return err
}

// askable reports whether the provider may be asked about a top-up in this state: not before it was sent, and not
// while its send is running, which will tell.
func askable(st topup.State) bool {
	switch st {
	case topup.Pending, topup.Unknown, topup.Unresolved, topup.Succeeded, topup.Failed:
		return true
	default:
		return false
	}
}
