package intake

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"topupq/topup"
)

// Server is the public HTTP API. It is safe for concurrent use.
type Server struct {
	cfg     Config
	log     *zap.Logger
	mux     *http.ServeMux
	rules   *rules
	keys    *keyCache
	quota   *quota
	waiters chan struct{}
	docs    docs
}

// New builds the API from cfg. It fails when the store or the ring is missing, or a route names no provider.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	rules, err := newRules(cfg)
	if err != nil {
		return nil, err
	}
	docs, err := loadDocs()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, mux: http.NewServeMux(), rules: rules, docs: docs,
		keys:    &keyCache{entries: map[string]cachedKey{}, mu: sync.Mutex{}},
		quota:   newQuota(cfg.Limits),
		waiters: make(chan struct{}, cfg.Limits.Waiters),
	}
	for _, rt := range s.routes() {
		s.mux.Handle(rt.pattern, s.serve(rt))
	}
	return s, nil
}

// Handler is the whole API as one handler.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.dispatch) }

// HTTPServer is a server for addr with the time and size limits of the configuration. Batches and streamed answers
// prolong their own deadlines as long as bytes flow.
func (s *Server) HTTPServer(addr string) *http.Server {
	l := s.cfg.Limits
	errors, _ := zap.NewStdLogAt(s.log, zap.WarnLevel) // fails for an unknown level only
	return &http.Server{
		Addr: addr, Handler: s.Handler(), ReadHeaderTimeout: l.Header, ReadTimeout: l.Read, WriteTimeout: l.Write,
		IdleTimeout: l.Idle, MaxHeaderBytes: 32 << 10, ErrorLog: errors,
	}
}

// now is the time as the ledger keeps it: UTC, milliseconds.
func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

// reading bounds a call of the store that ends with the request.
func (s *Server) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Limits.Store)
}

// writing bounds a call of the store that goes on when the client hangs up: what it has begun it shall also ring.
func (s *Server) writing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Limits.Store)
}

// ringing bounds a call of the queue.
func (s *Server) ringing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Limits.Ring)
}

// invite marks the new top-ups that are rung for at once, as many as each provider's queue takes at the moment: the
// ledger shows those to the scheduler only when that wake-up must have been lost. The others stand in line there.
func (s *Server) invite(ctx context.Context, ts []*topup.Topup) {
	type kind struct {
		provider topup.ProviderName
		urgency  topup.Priority
	}
	room := map[kind]int{}
	for _, t := range ts {
		if t.Withheld {
			continue
		}
		k := kind{t.Provider, t.Urgency()}
		if _, asked := room[k]; !asked {
			room[k] = s.room(ctx, k.provider, k.urgency, len(ts))
		}
		t.DueAt, t.InLine = t.CreatedAt, true
		if room[k] > 0 {
			room[k]--
			t.DueAt, t.InLine = t.CreatedAt.Add(s.cfg.RescueAfter), false
		}
	}
}

func (s *Server) room(ctx context.Context, p topup.ProviderName, u topup.Priority, all int) int {
	if s.cfg.Window == nil {
		return all
	}
	ctx, cancel := s.ringing(ctx)
	defer cancel()
	return s.cfg.Window(ctx, p, u)
}

// invited reports whether a new top-up is to be rung for at once.
func invited(t *topup.Topup) bool { return !t.Withheld && t.DueAt.After(t.CreatedAt) }

// ringSends wakes the workers up for accepted top-ups. Failure is logged and nothing more: the scheduler rings for
// what the ledger says is due.
func (s *Server) ringSends(ctx context.Context, p topup.ProviderName, due []topup.Due) {
	if len(due) == 0 {
		return
	}
	ctx, cancel := s.ringing(ctx)
	defer cancel()
	if err := s.cfg.Ring.Sends(ctx, p, due); err != nil {
		s.cfg.Count("ring_failed", "sends")
		s.log.Warn("wake-ups not queued; the scheduler repeats them", zap.String("provider", string(p)),
			zap.Int("topups", len(due)), zap.Error(err))
	}
}

// ringCallback wakes the sender of callbacks up, likewise.
func (s *Server) ringCallback(ctx context.Context, id string) {
	ctx, cancel := s.ringing(ctx)
	defer cancel()
	if err := s.cfg.Ring.Callback(ctx, id); err != nil {
		s.cfg.Count("ring_failed", "callback")
		s.log.Warn("callback not queued; the scheduler repeats it", zap.String("topup", id), zap.Error(err))
	}
}
