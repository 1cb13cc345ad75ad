package intake

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"go.uber.org/zap"
)

const headerRequestID = "X-Request-Id"

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// dispatch gives every request its ID and the security headers, turns a panic into a problem and finds the route.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	id := r.Header.Get(headerRequestID)
	if !requestIDPattern.MatchString(id) {
		id = strings.ToLower(rand.Text())
	}
	h := rec.Header()
	h.Set(headerRequestID, id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	defer s.recover(rec, r)

	next, pattern := s.mux.Handler(r)
	switch {
	case r.URL.Path != path.Clean(r.URL.Path):
		writeProblem(rec, notFound())
	case pattern == "":
		s.noRoute(rec, r, next)
	default:
		s.mux.ServeHTTP(rec, r) // through the mux again: it fills in the path values
	}
}

// noRoute answers what the mux would answer, as a problem: 405 with Allow where another method fits, else 404.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request, next http.Handler) {
	probe := &recorder{ResponseWriter: discard{header: http.Header{}}}
	next.ServeHTTP(probe, r)
	if probe.status != http.StatusMethodNotAllowed {
		writeProblem(w, notFound())
		return
	}
	allow := probe.Header().Get("Allow")
	w.Header().Set("Allow", allow)
	writeProblem(w, problem(http.StatusMethodNotAllowed, codeNoMethod, "Allowed here: "+allow+"."))
}

// recover answers a panic with a problem.
func (s *Server) recover(w *recorder, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	s.notePanic(cause, zap.String("route", r.Pattern), zap.String("request", requestID(w)))
	if w.status == 0 {
		p, _ := asProblem(errPanic)
		writeProblem(w, p)
		return
	}
	hangUp(w)
}

// errPanic is what a panic is turned into.
var errPanic = errors.New("panic")

// guarded runs a part of a request in another goroutine's place, where a panic would end the process.
func (s *Server) guarded(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.notePanic(cause)
			err = errPanic
		}
	}()
	return do()
}

// notePanic logs a panic. What it says may hold anything of the request, so only its type is logged, unless the
// runtime itself raised it.
func (s *Server) notePanic(cause any, where ...zap.Field) {
	text := fmt.Sprintf("%T", cause)
	if e, ok := cause.(runtime.Error); ok {
		text = e.Error()
	}
	s.cfg.Count("panic", text)
	s.log.Error("panic", append(where, zap.String("cause", text), zap.ByteString("stack", debug.Stack()))...)
}

// hangUp cuts the connection of an answer that cannot be completed, so that the client sees that it is cut.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close() // nothing is left to be done about it
	}
}

// recorder notes the status that was written.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write notes the implied status 200.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func statusOf(w http.ResponseWriter) int {
	if rec, ok := w.(*recorder); ok {
		return rec.status
	}
	return 0
}

func requestID(w http.ResponseWriter) string { return w.Header().Get(headerRequestID) }

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

// Header is the header that nobody reads.
func (d discard) Header() http.Header { return d.header }

// Write drops b.
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader drops the status.
func (d discard) WriteHeader(int) {}
