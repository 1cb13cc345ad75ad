package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"topupq/topup"
)

// Bodies says events as callbacks in the standard format do.
type Bodies interface {
	Topup(t *topup.Topup, version int, e topup.EventType) ([]byte, error)
	Batch(b *topup.Batch) ([]byte, error)
}

// eventView is one event of the feed: what a callback would say, under its webhook-id, and its place in the feed. Data
// is null where the record is not kept any more.
type eventView struct {
	Sequence  int64           `json:"sequence"`
	ID        string          `json:"id"`
	Type      topup.EventType `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// eventList is a part of the feed. NextCursor is null at its present end; the next event comes after LastSequence then.
type eventList struct {
	list[eventView]
	FirstSequence int64 `json:"first_sequence"`
	LastSequence  int64 `json:"last_sequence"`
}

// maxEvents bounds one part of the feed; a record is a few kilobytes.
const maxEvents = 1000

// listEvents answers with the events after a sequence, and waits for the first one if asked to.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request, c caller) error {
	q, err := parseQuery(r)
	if err != nil {
		return err
	}
	after, err := sequenceAfter(q)
	if err != nil {
		return err
	}
	limit, err := pageLimit(q)
	if err != nil {
		return err
	}
	page, err := s.awaitEvents(r.Context(), c.merchant.ID, after, min(limit, maxEvents), s.feedWait(r, q))
	if err != nil {
		return err
	}
	if after > page.Last {
		return problem(http.StatusConflict, codeSequenceAhead, fmt.Sprintf("The feed ends at %d: it has gone back to an older copy, or after is wrong.", page.Last))
	}
	if q.Has("after") && after < page.First-1 {
		return problem(http.StatusGone, codeEventsGone, fmt.Sprintf("The feed begins at %d: what is older is not kept. Read what you have missed from the top-ups.", page.First))
	}
	views, err := s.viewEvents(r.Context(), page.Events)
	if err != nil {
		return err
	}
	out := eventList{list: newList(views, ""), FirstSequence: page.First, LastSequence: page.Last}
	if n := len(views); n > 0 && views[n-1].Sequence < page.Last {
		out.NextCursor = orNull(strconv.FormatInt(views[n-1].Sequence, 10))
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// sequenceAfter is the sequence that the client has. Without one it begins with what is kept.
func sequenceAfter(q url.Values) (int64, error) {
	text := q.Get("after")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, malformed("after must be the sequence of an event, or 0.")
	}
	return n, nil
}

// feedWait is how long the client is ready to wait for an event: by the query, or like elsewhere by the Prefer header.
func (s *Server) feedWait(r *http.Request, q url.Values) time.Duration {
	if n, err := strconv.Atoi(q.Get("wait")); err == nil && n > 0 {
		return time.Duration(min(n, int(s.cfg.Limits.Wait/time.Second))) * time.Second
	}
	return s.preferWait(r)
}

func (s *Server) awaitEvents(ctx context.Context, m topup.MerchantID, after int64, limit int, wait time.Duration) (topup.EventPage, error) {
	page, err := s.eventsAfter(ctx, m, after, limit)
	if err != nil || len(page.Events) > 0 || after != page.Last {
		return page, err
	}
	s.await(ctx, wait, func(ctx context.Context) (bool, error) {
		next, err := s.eventsAfter(ctx, m, after, limit)
		if err == nil {
			page = next
		}
		return len(page.Events) > 0, err
	})
	return page, nil
}

func (s *Server) eventsAfter(ctx context.Context, m topup.MerchantID, after int64, limit int) (topup.EventPage, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	return s.cfg.Store.EventsAfter(ctx, m, after, limit)
}

// viewEvents reads the records of events and says them.
func (s *Server) viewEvents(ctx context.Context, events []topup.Event) ([]eventView, error) {
	records, err := s.recordsOf(ctx, events)
	if err != nil {
		return nil, err
	}
	views := make([]eventView, len(events))
	for i, e := range events {
		views[i] = eventView{Sequence: e.Sequence, ID: e.ID(), Type: e.Type, Timestamp: e.At}
		body, err := s.eventBody(e, records[e.Subject])
		if err != nil || body == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		var said struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &said); err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		views[i].Data = said.Data
	}
	return views, nil
}

// told is what an event is about.
type told struct {
	topup *topup.Topup
	batch *topup.Batch
}

func (s *Server) eventBody(e topup.Event, r told) ([]byte, error) {
	switch {
	case s.cfg.Bodies == nil:
		return nil, nil
	case r.batch != nil:
		return s.cfg.Bodies.Batch(r.batch)
	case r.topup != nil:
		return s.cfg.Bodies.Topup(r.topup, e.Version, e.Type)
	default:
		return nil, nil
	}
}

// recordsOf reads the records of events by their IDs, those that have gone to the archive from there. What is not kept
// any more is left out.
func (s *Server) recordsOf(ctx context.Context, events []topup.Event) (map[string]told, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	out := map[string]told{}
	var ids []topup.ID
	for _, e := range events {
		if _, known := out[e.Subject]; known {
			continue
		}
		out[e.Subject] = told{}
		if !isBatch(e.Subject) {
			ids = append(ids, topup.ID(e.Subject))
			continue
		}
		b, err := s.cfg.Store.GetBatch(ctx, topup.BatchID(e.Subject))
		if err != nil && !errors.Is(err, topup.ErrNotFound) {
			return nil, err
		}
		out[e.Subject] = told{batch: b}
	}
	ts, err := s.cfg.Store.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, t := range ts {
		if t == nil {
			if t, err = s.get(ctx, ids[i]); err != nil && !errors.Is(err, topup.ErrNotFound) {
				return nil, err
			}
		}
		out[string(ids[i])] = told{topup: t}
	}
	return out, nil
}
