package intake

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

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
	if r.PathValue("provider") == bulkSMS {
		return s.takeReports(w, r)
	}
	p, err := topup.ParseProvider(r.PathValue("provider"))
	if err != nil {
		return notFound()
	}
	settings := s.cfg.Callbacks[p]
	if settings.Read == nil || !authentic(taken(settings.Token, settings.Tokens), settings.Signed, r.PathValue("token")) {
		return s.forged(string(p), r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.Limits.Callback))
	if err != nil {
		return bodyError(err)
	}
	refs, err := settings.Read(r, body)
	if errors.Is(err, ErrForged) {
		return s.forged(string(p), r)
	}
	if err != nil {
		s.noteCallback(r.Context(), string(p), "unreadable", "", strconv.Itoa(len(body))+" bytes")
		return malformed("The call-back cannot be read.")
	}
	if err := s.checkRefs(r.Context(), p, refs, string(body)+"?"+r.URL.RawQuery); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}

// authentic compares the token of the path in constant time. Without one in the path only a signature can prove the
// sender, and then it must be one that is signed.
func authentic(wanted []topup.Secret, signed bool, token string) bool {
	if token == "" || (len(wanted) == 0 && signed) {
		return signed
	}
	got, right := sha256.Sum256([]byte(token)), 0
	for _, w := range wanted {
		sum := sha256.Sum256([]byte(w.Reveal()))
		right |= subtle.ConstantTimeCompare(sum[:], got[:])
	}
	return right == 1
}

// taken are the tokens that are taken at the moment.
func taken(fixed topup.Secret, live func() []topup.Secret) []topup.Secret {
	if live != nil {
		return live()
	}
	if fixed == "" {
		return nil
	}
	return []topup.Secret{fixed}
}

// forged counts a call-back whose sender is not proved. It is not written down, or strangers could fill the store.
func (s *Server) forged(provider string, r *http.Request) error {
	s.countCallback(provider, "forged", zap.String("from", r.RemoteAddr))
	return problem(http.StatusUnauthorized, codeUnauthorized, "The call-back does not prove where it comes from.")
}

func (s *Server) countCallback(provider, what string, more ...zap.Field) {
	s.cfg.Count(callbackEvent, provider+"_"+what)
	s.log.Info("provider call-back", append(more, zap.String("provider", provider), zap.String("result", what))...)
}

// noteCallback counts what came of an authentic call-back and writes it down.
func (s *Server) noteCallback(ctx context.Context, provider, what string, id topup.ID, detail string) {
	s.countCallback(provider, what, zap.String("topup", string(id)), zap.String("detail", detail))
	ctx, cancel := s.writing(ctx)
	defer cancel()
	note := topup.ProviderCallback{At: s.now(), Provider: provider, Result: what, Topup: id, Detail: detail}
	if err := s.cfg.Store.NoteProviderCallback(ctx, note); err != nil {
		s.log.Warn("provider call-back not written down", zap.String("provider", provider), zap.Error(err))
	}
}

// checkRefs rings for a check of every top-up that the call-back names and that can be asked about. content is the
// call-back itself, by which a repeated one is known.
func (s *Server) checkRefs(ctx context.Context, p topup.ProviderName, refs []topup.Ref, content string) error {
	if len(refs) > maxCallbackRefs {
		refs = refs[:maxCallbackRefs]
	}
	read, cancel := s.reading(ctx)
	defer cancel()
	var ids []topup.ID
	for _, ref := range refs {
		id, err := s.refID(read, p, ref)
		if err != nil {
			return err
		}
		if id.Valid() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		s.noteCallback(ctx, string(p), "unknown", "", "")
		return nil
	}
	found, err := s.cfg.Store.GetMany(read, ids)
	if err != nil {
		return err
	}
	for i, t := range found {
		s.checkRef(ctx, p, ids[i], t, content)
	}
	return nil
}

// refID is our reference of what a call-back names; a provider may tell its own number alone.
func (s *Server) refID(ctx context.Context, p topup.ProviderName, ref topup.Ref) (topup.ID, error) {
	if ref.Reference != "" || ref.TransactionID == "" {
		return ref.Reference, nil
	}
	id, err := s.cfg.Store.TopupByTransaction(ctx, p, ref.TransactionID)
	if errors.Is(err, topup.ErrNotFound) {
		return "", nil
	}
	return id, err
}

// repeatedWithin is how long a call-back is known again. Later it does no harm: the provider is asked once more.
const repeatedWithin = 10 * time.Minute

func (s *Server) checkRef(ctx context.Context, p topup.ProviderName, id topup.ID, t *topup.Topup, content string) {
	name := string(p)
	switch {
	case t == nil || t.Provider != p:
		s.noteCallback(ctx, name, "unknown", id, "")
		return
	case !askable(t.State):
		s.noteCallback(ctx, name, "ignored", id, t.State.String())
		return
	case s.repeated(ctx, name, id, content):
		s.noteCallback(ctx, name, "repeated", id, "")
		return
	}
	if err := s.askAbout(ctx, p, t); err != nil {
		s.log.Warn("check after a call-back not queued; the scheduled one comes", zap.String("topup", string(id)), zap.Error(err))
		s.noteCallback(ctx, name, "not_rung", id, "")
		return
	}
	s.noteCallback(ctx, name, "taken", id, t.State.String())
}

// repeated reports whether the same call-back about the same top-up came a moment ago. A store that is away knows
// nothing: then the provider is asked once too often.
func (s *Server) repeated(ctx context.Context, provider string, id topup.ID, content string) bool {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	first, err := s.cfg.Store.FirstSeen(ctx, provider+"|"+string(id)+"|"+content, repeatedWithin)
	return err == nil && !first
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
