package ops

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynq/x/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	scrapeTimeout = 10 * time.Second
	maxScrapes    = 4
)

// metricsHandler serves the program's own metrics and asynq's, which are read from Redis at every scrape.
func metricsHandler(own prometheus.Gatherer, inspector *asynq.Inspector) (http.Handler, error) {
	queues := prometheus.NewRegistry()
	if err := queues.Register(metrics.NewQueueMetricsCollector(inspector)); err != nil {
		return nil, fmt.Errorf("register the queues' metrics: %w", err)
	}
	all := prometheus.Gatherers{queues}
	if own != nil {
		all = append(all, own)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, Timeout: scrapeTimeout, MaxRequestsInFlight: maxScrapes,
	}), nil
}
