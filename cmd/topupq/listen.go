package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"

	"go.uber.org/zap"
)

// serve listens on addr until the node stops, and returns the address it got.
func (n *node) serve(name, addr string, srv *http.Server) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", name, err)
	}
	srv.Handler = quiet(n.log.Named(name), srv.Handler)
	if srv.ErrorLog == nil {
		srv.ErrorLog, _ = zap.NewStdLogAt(n.log.Named(name), zap.WarnLevel) // fails for an unknown level only
	}
	go func() {
		if err := srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("listener ended", zap.String("name", name), zap.Error(err))
		}
	}()
	n.onStop(func(ctx context.Context) {
		if err := srv.Shutdown(ctx); err != nil {
			_ = srv.Close()
		}
	})
	n.log.Info("listening", zap.String("name", name), zap.String("addr", l.Addr().String()))
	return l.Addr().String(), nil
}

// quiet answers a panic with 500. net/http would print what was raised, which may hold anything of the request or of
// a provider; only its type and the stack are logged.
func quiet(log *zap.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause) //nolint:forbidigo // how a handler cuts its connection; net/http prints nothing for it
			default:
				notePanic(log, cause)
				http.Error(w, "something went wrong here; the log says what", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// notePanic logs that something panicked, and where.
func notePanic(log *zap.Logger, cause any) {
	log.Error("panic", zap.String("type", fmt.Sprintf("%T", cause)), zap.ByteString("stack", debug.Stack()))
}
