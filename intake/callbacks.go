package intake

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// callbackView is one event owed to the merchant and every attempt to deliver it.
type callbackView struct {
	ID       string                `json:"id"`
	TopupID  *string               `json:"topup_id"`
	BatchID  *string               `json:"batch_id,omitempty"`
	Type     topup.EventType       `json:"type"`
	Version  int                   `json:"version"`
	State    string                `json:"state"`
	Attempts []callbackAttemptView `json:"attempts"`
	NextAt   *time.Time            `json:"next_at"`
}

type callbackAttemptView struct {
	At        time.Time `json:"at"`
	Status    int       `json:"status"`
	LatencyMS int64     `json:"latency_ms"`
	Excerpt   string    `json:"excerpt"`
}

func viewAttempt(a topup.CallbackAttempt) callbackAttemptView {
	return callbackAttemptView{At: a.At.UTC(), Status: a.Status, LatencyMS: a.Latency.Milliseconds(), Excerpt: a.Excerpt}
}

func viewCallback(c topup.Callback, id string) callbackView {
	v := callbackView{
		ID: topup.CallbackID(id, c.Version), Type: c.Type, Version: c.Version, State: c.State.String(),
		Attempts: make([]callbackAttemptView, len(c.Attempts)), NextAt: timeOrNull(c.NextAt),
	}
	for i, a := range c.Attempts {
		v.Attempts[i] = viewAttempt(a)
	}
	if isBatch(id) {
		v.BatchID = &id
	} else {
		v.TopupID = &id
	}
	return v
}

// isBatch tells a batch's ID from a top-up's, which is longer.
func isBatch(id string) bool { return !topup.ID(id).Valid() && strings.HasPrefix(id, "bat") }

// callbackFilter is the state asked for; 0 means all.
func callbackFilter(q url.Values) (topup.CallbackState, error) {
	name := q.Get("state")
	if name == "" {
		return 0, nil
	}
	if st, ok := parseCallbackState(name); ok {
		return st, nil
	}
	return 0, malformed("state must be one of waiting, delivered, failed, parked, skipped.")
}

// listCallbacks answers with the callbacks of one top-up or batch, or of all that the merchant's feed goes back to, the
// newest event first.
func (s *Server) listCallbacks(w http.ResponseWriter, r *http.Request, c caller) error {
	q, err := parseQuery(r)
	if err != nil {
		return err
	}
	state, err := callbackFilter(q)
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	if id := q.Get("topup"); id != "" {
		views, err := s.callbacksOf(r.Context(), c, id, state)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, newList(views, ""))
		return nil
	}
	views, next, err := s.callbacksBefore(r.Context(), c.merchant.ID, q.Get("cursor"), state, limit)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newList(views, next))
	return nil
}

// Bounds of a listing of callbacks: the events read at a time, and for one page.
const (
	callbackChunk = 200
	maxCallbacks  = 20000
)

// callbacksBefore reads the merchant's feed backwards from a cursor, "" for its end.
func (s *Server) callbacksBefore(ctx context.Context, m topup.MerchantID, cursor string, state topup.CallbackState, limit int) (views []callbackView, next string, err error) {
	before, first, err := s.feedEnd(ctx, m, cursor)
	for examined := 0; err == nil && before > first; examined += callbackChunk {
		from := max(before-1-callbackChunk, first-1)
		page, err := s.eventsAfter(ctx, m, from, int(before-1-from))
		if err != nil {
			return nil, "", err
		}
		records, err := s.recordsOf(ctx, page.Events)
		if err != nil {
			return nil, "", err
		}
		for _, e := range slices.Backward(page.Events) {
			if len(views) == limit || examined >= maxCallbacks {
				return views, strconv.FormatInt(e.Sequence+1, 10), nil
			}
			if cb := records[e.Subject].callback(e.Version); cb != nil && (state == 0 || cb.State == state) {
				views = append(views, viewCallback(*cb, e.Subject))
			}
		}
		before = from + 1
	}
	return views, "", err
}

// feedEnd is where a listing begins: the sequence of which it shows those below, and the first one there is. What has
// happened until now is brought into the feed first, so that nothing is missing.
func (s *Server) feedEnd(ctx context.Context, m topup.MerchantID, cursor string) (before, first int64, err error) {
	if cursor == "" {
		publishing, cancel := s.writing(ctx)
		_, err = s.cfg.Store.PublishEvents(publishing, maxCallbacks)
		cancel()
	} else if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
		return 0, 0, topup.ErrCursor
	}
	if err != nil {
		return 0, 0, err
	}
	page, err := s.eventsAfter(ctx, m, 0, 1)
	if cursor == "" || before > page.Last+1 {
		before = page.Last + 1
	}
	return before, page.First, err
}

// callback is the callback of a version, nil for none.
func (r told) callback(version int) *topup.Callback {
	switch {
	case r.topup != nil:
		return r.topup.CallbackFor(version)
	case r.batch != nil && r.batch.Callback != nil && r.batch.Callback.Version == version:
		return r.batch.Callback
	default:
		return nil
	}
}

func viewCallbacks(t *topup.Topup, state topup.CallbackState) []callbackView {
	var views []callbackView
	for _, cb := range t.Callbacks {
		if state == 0 || cb.State == state {
			views = append(views, viewCallback(cb, string(t.ID)))
		}
	}
	return views
}

func (s *Server) callbacksOf(ctx context.Context, c caller, id string, state topup.CallbackState) ([]callbackView, error) {
	if !isBatch(id) {
		t, err := s.load(ctx, c, id)
		if err != nil {
			return nil, err
		}
		return viewCallbacks(t, state), nil
	}
	b, err := s.loadBatch(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if b.Callback == nil || (state != 0 && b.Callback.State != state) {
		return nil, nil
	}
	return []callbackView{viewCallback(*b.Callback, id)}, nil
}

// redeliverCallback makes a callback due again, under the same webhook-id, whatever became of it.
func (s *Server) redeliverCallback(w http.ResponseWriter, r *http.Request, c caller) error {
	id, version, ok := topup.ParseCallbackID(r.PathValue("id"))
	if !ok || (!isBatch(id) && !topup.ID(id).Valid()) {
		return notFound()
	}
	redeliver := s.redeliverTopup
	if isBatch(id) {
		redeliver = s.redeliverBatch
	}
	cb, err := redeliver(r.Context(), c, id, version)
	if err != nil {
		return err
	}
	s.log.Info("callback to be delivered again", zap.String("topup", id), zap.String("merchant", string(c.merchant.ID)))
	s.ringCallback(r.Context(), id)
	writeJSON(w, http.StatusAccepted, viewCallback(*cb, id))
	return nil
}

func (s *Server) redeliverTopup(ctx context.Context, c caller, id string, version int) (*topup.Callback, error) {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	now := s.now()
	t, err := s.cfg.Store.Update(ctx, topup.ID(id), func(t *topup.Topup) error {
		cb := t.CallbackFor(version)
		if t.Merchant != c.merchant.ID || cb == nil {
			return topup.ErrNotFound
		}
		cb.Redeliver(now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.CallbackFor(version), nil
}

func (s *Server) redeliverBatch(ctx context.Context, c caller, id string, version int) (*topup.Callback, error) {
	ctx, cancel := s.writing(ctx)
	defer cancel()
	now := s.now()
	b, err := s.cfg.Store.UpdateBatch(ctx, topup.BatchID(id), func(b *topup.Batch) error {
		if b.Merchant != c.merchant.ID || b.Callback == nil || b.Callback.Version != version {
			return topup.ErrNotFound
		}
		cb := *b.Callback
		cb.Redeliver(now)
		b.Callback = &cb
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.Callback, nil
}
