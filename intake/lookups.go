package intake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// lookupTTL is how long a lookup and what it found are kept.
const lookupTTL = 24 * time.Hour

// maxParams bounds the parameters of a lookup.
const maxParams = 50

// lookupView is a lookup as merchants see it.
type lookupView struct {
	ID       string             `json:"id"`
	Provider topup.ProviderName `json:"provider"`
	Action   string             `json:"action"`
	State    topup.LookupState  `json:"state"`
	Result   json.RawMessage    `json:"result"`
	Error    *lookupErrorView   `json:"error"`
	// Stale means that the result is older than it should be, because the provider does not answer; CachedAt is when a
	// result that was not asked for just now was.
	Stale     bool       `json:"stale"`
	CachedAt  *time.Time `json:"cached_at"`
	CreatedAt time.Time  `json:"created_at"`
	DoneAt    *time.Time `json:"done_at"`
}

type lookupErrorView struct {
	Code         string  `json:"code"`
	Message      string  `json:"message"`
	ProviderCode *string `json:"provider_code"`
	Retryable    bool    `json:"retryable"`
}

func viewLookup(l *topup.Lookup) lookupView {
	v := lookupView{
		ID: l.ID, Provider: l.Provider, Action: l.Action, State: l.State, Result: l.Result,
		Stale: l.Stale, CachedAt: timeOrNull(l.CachedAt), CreatedAt: l.CreatedAt.UTC(), DoneAt: timeOrNull(l.DoneAt),
	}
	if len(v.Result) == 0 {
		v.Result = json.RawMessage("null")
	}
	if e := l.Error; e != nil {
		v.Error = &lookupErrorView{Code: e.Code, Message: e.Message, ProviderCode: orNull(e.ProviderCode), Retryable: e.Retryable}
	}
	return v
}

// createLookup records a question to a provider and has it asked.
func (s *Server) createLookup(w http.ResponseWriter, r *http.Request, c caller) error {
	body, err := readJSON(r)
	if err != nil {
		return err
	}
	var m mistakes
	l := s.readLookup(&body, &m)
	if err := m.err(); err != nil {
		return err
	}
	l.Merchant = c.merchant.ID
	if err := s.startLookup(r.Context(), l); err != nil {
		return err
	}
	wait := s.preferWait(r)
	if wait > 0 {
		l = s.awaitLookup(r.Context(), l, wait)
		w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
	w.Header().Set("Location", "/v1/lookups/"+l.ID)
	status := http.StatusAccepted
	if l.State != topup.LookupQueued {
		status = http.StatusOK
	}
	writeJSON(w, status, viewLookup(l))
	return nil
}

// startLookup writes the lookup and rings for it. No scheduler looks after lookups, so a ring that is lost is an
// error: the client asks again.
func (s *Server) startLookup(ctx context.Context, l *topup.Lookup) error {
	write, cancel := s.writing(ctx)
	defer cancel()
	if err := s.cfg.Store.PutLookup(write, l, lookupTTL); err != nil {
		return err
	}
	return s.ringLookups(ctx, []string{l.ID})
}

func (s *Server) ringLookups(ctx context.Context, ids []string) error {
	ctx, cancel := s.ringing(ctx)
	defer cancel()
	if err := s.cfg.Ring.Lookups(ctx, ids); err != nil {
		s.cfg.Count("ring_failed", "lookup")
		return errors.Join(topup.ErrUnavailable, err)
	}
	return nil
}

// lostAfter is how long a lookup may wait in the queue before it is rung for again when somebody looks.
const lostAfter = 30 * time.Second

// ringLost rings again for lookups that are still queued after a while: the queue may have lost them. Ringing for one
// that it has not lost does nothing.
func (s *Server) ringLost(ctx context.Context, ls []*topup.Lookup) {
	var lost []string
	for _, l := range ls {
		if l != nil && l.State == topup.LookupQueued && s.now().Sub(l.CreatedAt) > lostAfter {
			lost = append(lost, l.ID)
		}
	}
	if len(lost) == 0 {
		return
	}
	if err := s.ringLookups(ctx, lost); err != nil {
		s.log.Warn("lookups not rung for again", zap.Int("lookups", len(lost)), zap.Error(err))
	}
}

func (s *Server) awaitLookup(ctx context.Context, l *topup.Lookup, wait time.Duration) *topup.Lookup {
	s.await(ctx, wait, func(ctx context.Context) (bool, error) {
		found, err := s.cfg.Store.GetLookup(ctx, l.ID)
		if err != nil {
			return false, err
		}
		l = found
		return l.State != topup.LookupQueued, nil
	})
	return l
}

// getLookup answers with a lookup and what it found.
func (s *Server) getLookup(w http.ResponseWriter, r *http.Request, c caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	l, err := s.cfg.Store.GetLookup(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if l.Merchant != c.merchant.ID {
		return notFound()
	}
	s.ringLost(r.Context(), []*topup.Lookup{l})
	writeJSON(w, http.StatusOK, viewLookup(l))
	return nil
}

// readLookup reads {"provider", "action", "params"}.
func (s *Server) readLookup(v *value, m *mistakes) *topup.Lookup {
	l := &topup.Lookup{ID: topup.NewLookupID(), State: topup.LookupQueued, CreatedAt: s.now()}
	if v.kind != kindObject {
		m.add("", fieldType, "must be an object")
		return l
	}
	for i, name := range v.names {
		item := &v.items[i]
		switch name {
		case "provider":
			l.Provider = topup.ProviderName(m.text(item, "", name))
		case "action":
			l.Action = m.text(item, "", name)
		case "params":
			l.Params = readParams(item, m)
		default:
			m.unknown("", name)
		}
	}
	s.checkLookup(l, m)
	return l
}

func (s *Server) checkLookup(l *topup.Lookup, m *mistakes) {
	settings, configured := s.cfg.Providers[l.Provider]
	switch {
	case m.has("provider"):
	case l.Provider == "":
		m.add("provider", fieldRequired, "is required")
	case !slices.Contains(topup.Providers, l.Provider):
		m.add("provider", fieldInvalid, "must be one of reloadly, aat, rechargekit")
	case !configured:
		m.add("provider", codeNotConfigured, string(l.Provider)+" is not configured here")
	case m.has("action"):
	case l.Action == "":
		m.add("action", fieldRequired, "is required")
	case !slices.Contains(settings.Actions, l.Action):
		m.add("action", fieldInvalid, "must be one of "+strings.Join(settings.Actions, ", "))
	case slices.Contains(settings.Denied, l.Action):
		m.add("action", fieldNotAllowed, "is switched off here by the operator")
	}
}

func readParams(v *value, m *mistakes) map[string]any {
	if !m.is(kindObject, v, "", "params") {
		return nil
	}
	if len(v.names) > maxParams {
		m.add("params", fieldInvalid, "must have at most 50 entries")
		return nil
	}
	params, _ := v.any().(map[string]any)
	return params
}

// any is v in the types of encoding/json, numbers as json.Number.
func (v *value) any() any {
	switch v.kind {
	case kindBool:
		return v.text == "true"
	case kindNumber:
		return json.Number(v.text)
	case kindString:
		return v.text
	case kindArray:
		items := make([]any, len(v.items))
		for i := range v.items {
			items[i] = v.items[i].any()
		}
		return items
	case kindObject:
		members := make(map[string]any, len(v.names))
		for i, name := range v.names {
			members[name] = v.items[i].any()
		}
		return members
	default:
		return nil
	}
}
