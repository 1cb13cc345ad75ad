package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"go.uber.org/zap"
)

const (
	maxActBody = 1 << 20
	maxTasks   = 1000
)

// guard lets everybody read and operators act, and has every act audited before and after.
func (s *Server) guard(b *dashboard) func(http.ResponseWriter, *http.Request, User) {
	return func(w http.ResponseWriter, r *http.Request, u User) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			b.serve(w, r, u)
			return
		}
		if !u.Role.MayAct() {
			http.Error(w, "a viewer may only read: ask an operator", http.StatusForbidden)
			return
		}
		if err := b.refuses(r); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		tasks, err := batchTasks(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.act(w, r, u, tasks, b)
	}
}

// act audits, does, and audits what came of it.
func (s *Server) act(w http.ResponseWriter, r *http.Request, u User, tasks []string, b *dashboard) {
	a := Act{At: s.cfg.Now(), Actor: u.Name, Role: u.Role, Remote: remote(r), Method: r.Method, Path: r.URL.Path, Tasks: tasks}
	log := s.cfg.Logger.With(zap.String("actor", a.Actor), zap.String("method", a.Method), zap.String("path", a.Path),
		zap.Strings("tasks", a.Tasks), zap.String("remote", a.Remote))
	if err := s.cfg.Audit(r.Context(), a); err != nil {
		log.Error("act refused: it cannot be audited", zap.Error(err))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "refused: the audit log cannot be written", http.StatusServiceUnavailable)
		return
	}
	log.Info("operator acts")
	rec := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	b.serve(rec, r, u)
	a.At, a.Status = s.cfg.Now(), rec.status
	if err := s.cfg.Audit(r.Context(), a); err != nil {
		log.Error("the end of an act cannot be audited", zap.Int("status", a.Status), zap.Error(err))
	}
	log.Info("operator acted", zap.Int("status", a.Status))
}

// batchTasks reads the task IDs of a batch act and puts the body back.
func batchTasks(w http.ResponseWriter, r *http.Request) ([]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxActBody))
	if err != nil {
		return nil, fmt.Errorf("read request: at most %d bytes", maxActBody)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	var batch struct {
		TaskIDs []string `json:"task_ids"`
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, errors.New("the request is not JSON")
	}
	if len(batch.TaskIDs) > maxTasks {
		return nil, fmt.Errorf("at most %d tasks at once", maxTasks)
	}
	return slices.Clone(batch.TaskIDs), nil
}

// statusWriter notes the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
