package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Listener returns h with every request timed under the name of its listener and the pattern of its route.
func (m *Metrics) Listener(name string, h http.Handler) http.Handler {
	if m == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, began := &recorder{ResponseWriter: w, status: http.StatusOK}, time.Now()
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "other"
			}
			m.requests.WithLabelValues(name, route, strconv.Itoa(rec.status)).Observe(time.Since(began).Seconds())
		}()
		h.ServeHTTP(rec, r)
	})
}

// Handler serves the process's metrics, without a login: for an internal listener.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

const maxScrapes = 4

// recorder notes the status.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
