package intake

import (
	"bufio"
	"context"
	"net/http"

	"go.uber.org/zap"

	"topupq/topup"
)

// loadBatch returns a batch of the merchant.
func (s *Server) loadBatch(ctx context.Context, c caller, id string) (*topup.Batch, error) {
	ctx, cancel := s.reading(ctx)
	defer cancel()
	b, err := s.cfg.Store.GetBatch(ctx, topup.BatchID(id))
	if err != nil {
		return nil, err
	}
	if b.Merchant != c.merchant.ID {
		return nil, notFound()
	}
	return b, nil
}

// getBatch answers with a batch's counts.
func (s *Server) getBatch(w http.ResponseWriter, r *http.Request, c caller) error {
	b, err := s.loadBatch(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, b.View())
	return nil
}

// listBatchTopups answers with a page of a batch's rows in line order, or with all of them as CSV or NDJSON.
func (s *Server) listBatchTopups(w http.ResponseWriter, r *http.Request, c caller) error {
	b, err := s.loadBatch(r.Context(), c, r.PathValue("id"))
	if err != nil {
		return err
	}
	values, err := parseQuery(r)
	if err != nil {
		return err
	}
	q := topup.Query{Merchant: c.merchant.ID, Batch: b.ID, Cursor: values.Get("cursor"), From: b.CreatedAt}
	if q.Limit, err = pageLimit(values); err != nil {
		return err
	}
	if q.States, err = pageStates(values); err != nil {
		return err
	}
	if format := wanted(r, typeJSON, typeCSV, typeNDJSON); format != typeJSON {
		return s.streamTopups(w, r, q, format)
	}
	page, err := s.findTopups(r.Context(), q, "")
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newList(viewTopups(page.Topups), page.Next))
	return nil
}

// streamTopups writes a whole listing as CSV or NDJSON. A failure after the first byte cuts the connection, so that
// nobody takes a part for the whole.
func (s *Server) streamTopups(w http.ResponseWriter, r *http.Request, q topup.Query, format string) error {
	w.Header().Set("Content-Type", format+"; charset=utf-8")
	out := bufio.NewWriterSize(s.streamTo(w), 64<<10)
	rows := newNDJSONRows(out)
	var err error
	if format == typeCSV {
		rows, err = newCSVRows(out)
	}
	if err == nil {
		err = s.eachTopup(r.Context(), q, rows.row)
	}
	if err == nil {
		err = rows.end()
	}
	if err == nil {
		err = out.Flush()
	}
	return s.cutShort(w, r, err)
}

// cutShort is the end of a streamed answer: nothing when it is complete, a problem when nothing was sent yet, else
// a connection that is cut.
func (s *Server) cutShort(w http.ResponseWriter, r *http.Request, err error) error {
	if err == nil {
		return nil
	}
	if statusOf(w) == 0 {
		return err
	}
	s.log.Warn("streamed answer cut", zap.String("route", r.Pattern), zap.String("request", requestID(w)), zap.Error(err))
	hangUp(w)
	return nil
}
