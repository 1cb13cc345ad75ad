package intake

import (
	"net/http"

	"go.uber.org/zap"
)

// getHealth says that the process runs.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request, _ caller) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// getReady says whether the ledger can be read and written.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request, _ caller) error {
	ctx, cancel := s.reading(r.Context())
	defer cancel()
	if err := s.cfg.Store.Ping(ctx); err != nil {
		s.log.Warn("not ready", zap.Error(err))
		return unavailable()
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	return nil
}
