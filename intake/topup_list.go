package intake

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"topupq/topup"
)

// listTopups answers with a page of the merchant's top-ups, newest first.
func (s *Server) listTopups(w http.ResponseWriter, r *http.Request, c caller) error {
	values, err := parseQuery(r)
	if err != nil {
		return err
	}
	q, err := topupQuery(values, c.merchant.ID)
	if err != nil {
		return err
	}
	page, err := s.findTopups(r.Context(), q, values.Get("reference"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newList(viewTopups(page.Topups), page.Next))
	return nil
}

// topupQuery reads the filters of a listing.
func topupQuery(values url.Values, merchant topup.MerchantID) (topup.Query, error) {
	q := topup.Query{
		Merchant: merchant, Batch: topup.BatchID(values.Get("batch")), Cursor: values.Get("cursor"),
		Recipient: topup.MSISDN(queryNumber(values.Get("recipient"))),
	}
	var err error
	if q.Recipient != "" && !topup.ValidMSISDN(q.Recipient.E164()) {
		return q, malformed("recipient must be in E.164 form, such as %2B27831234567.")
	}
	if ref := values.Get("reference"); ref != "" && !topup.ValidReference(ref) {
		return q, malformed("reference must be 1 to 64 of A-Z a-z 0-9 . _ : -")
	}
	if q.Limit, err = pageLimit(values); err != nil {
		return q, err
	}
	if q.States, err = pageStates(values); err != nil {
		return q, err
	}
	if q.From, err = queryTime(values, "from"); err != nil {
		return q, err
	}
	q.To, err = queryTime(values, "to")
	return q, err
}

// queryNumber forgives the + of a number that was not escaped in a URL and has become a space, or was left out.
func queryNumber(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && s[0] != '+' {
		return "+" + s
	}
	return s
}

// queryTime reads a time, or a date as its midnight in UTC.
func queryTime(values url.Values, name string) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, malformed(name + " must be a time such as 2026-11-23T00:00:00Z, or a date.")
}

// findTopups lists by q, or looks the one top-up of a reference up.
func (s *Server) findTopups(ctx context.Context, q topup.Query, reference string) (topup.Page, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	if reference == "" {
		return s.cfg.Store.List(ctx, q)
	}
	t, err := s.get(ctx, topup.NewID(q.Merchant, reference))
	if errors.Is(err, topup.ErrNotFound) {
		return topup.Page{}, nil
	}
	if err != nil || !matches(t, q) {
		return topup.Page{}, err
	}
	return topup.Page{Topups: []*topup.Topup{t}}, nil
}

// matches applies the filters of q to one top-up.
func matches(t *topup.Topup, q topup.Query) bool {
	return t.Merchant == q.Merchant &&
		(q.Batch == "" || t.Batch == q.Batch) &&
		(q.Recipient == "" || t.Recipient == q.Recipient) &&
		(len(q.States) == 0 || slices.Contains(q.States, t.State)) &&
		(q.From.IsZero() || !t.CreatedAt.Before(q.From)) &&
		(q.To.IsZero() || t.CreatedAt.Before(q.To))
}

// eachTopup calls do for every top-up of a listing, page by page, whatever its length.
func (s *Server) eachTopup(ctx context.Context, q topup.Query, do func(*topup.Topup) error) error {
	q.Limit = maxPage
	for {
		page, err := s.findTopups(ctx, q, "")
		if err != nil {
			return err
		}
		for _, t := range page.Topups {
			if err := do(t); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}
