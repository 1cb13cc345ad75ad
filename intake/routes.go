package intake

import (
	"net/http"
	"slices"
	"time"

	"topupq/topup"
)

// handler answers one request. An error is turned into a problem, so a handler that returns one has not written.
type handler func(w http.ResponseWriter, r *http.Request, c caller) error

// route is one line of the API.
type route struct {
	pattern string
	// scope is the right that a key needs; "" with open set means no key at all.
	scope topup.Scope
	open  bool
	// query lists the parameters it takes; others are refused, since a misspelt filter would match everything.
	query []string
	// stream marks a body or an answer of any length, with its own deadlines.
	stream bool
	run    handler
}

func (s *Server) routes() []route {
	return slices.Concat(s.topupRoutes(), s.otherRoutes(), s.openRoutes())
}

func (s *Server) topupRoutes() []route {
	write, read := topup.ScopeTopupsWrite, topup.ScopeTopupsRead
	return []route{
		{pattern: "POST /v1/topups", scope: write, run: s.createTopup},
		{pattern: "GET /v1/topups", scope: read, run: s.listTopups,
			query: []string{"reference", "recipient", "state", "batch", "from", "to", "cursor", "limit"}},
		{pattern: "GET /v1/topups/{id}", scope: read, run: s.getTopup},
		{pattern: "GET /v1/topups/{id}/history", scope: read, run: s.getHistory},
		{pattern: "POST /v1/topups/{id}/cancel", scope: write, run: s.cancelTopup},
		{pattern: "POST /v1/batches", scope: write, run: s.createBatch, stream: true, query: []string{"validate_only", "name", "expect_count", "expect_total"}},
		{pattern: "GET /v1/batches/{id}", scope: read, run: s.getBatch},
		{pattern: "POST /v1/batches/{id}/hold", scope: write, run: s.holdBatch},
		{pattern: "POST /v1/batches/{id}/release", scope: write, run: s.releaseBatch},
		{pattern: "POST /v1/batches/{id}/cancel", scope: write, run: s.cancelBatch},
		{pattern: "GET /v1/batches/{id}/topups", scope: read, run: s.listBatchTopups, stream: true,
			query: []string{"state", "cursor", "limit"}},
		{pattern: "GET /v1/reports/{date}", scope: read, run: s.getReport, stream: true, query: []string{"timezone"}},
	}
}

func (s *Server) otherRoutes() []route {
	hooks := topup.ScopeWebhooks
	return []route{
		{pattern: "POST /v1/lookups", scope: topup.ScopeLookups, run: s.createLookup},
		{pattern: "GET /v1/lookups/{id}", scope: topup.ScopeLookups, run: s.getLookup},
		{pattern: "POST /v1/lookups/batches", scope: topup.ScopeLookups, run: s.createLookups, stream: true},
		{pattern: "GET /v1/lookups/batches/{id}", scope: topup.ScopeLookups, run: s.getLookups, stream: true},
		{pattern: "GET /v1/webhook", scope: hooks, run: s.getWebhook},
		{pattern: "PUT /v1/webhook", scope: hooks, run: s.putWebhook},
		{pattern: "POST /v1/webhook/rotate", scope: hooks, run: s.rotateWebhook},
		{pattern: "POST /v1/webhook/test", scope: hooks, run: s.testWebhook},
		{pattern: "GET /v1/callbacks", scope: hooks, run: s.listCallbacks, query: []string{"topup", "state", "cursor", "limit"}},
		{pattern: "POST /v1/callbacks/redeliver", scope: hooks, run: s.redeliverRange},
		{pattern: "GET /v1/redeliveries/{id}", scope: hooks, run: s.getRedelivery},
		{pattern: "GET /v1/events", scope: hooks, run: s.listEvents, query: []string{"after", "limit", "wait"}},
		{pattern: "POST /v1/callbacks/{id}/redeliver", scope: hooks, run: s.redeliverCallback},
	}
}

func (s *Server) openRoutes() []route {
	return []route{
		{pattern: "POST /v1/providers/{provider}/callback", open: true, run: s.takeCallback, query: anyQuery},
		{pattern: "GET /v1/providers/{provider}/callback/{token}", open: true, run: s.takeCallback, query: anyQuery},
		{pattern: "POST /v1/providers/{provider}/callback/{token}", open: true, run: s.takeCallback, query: anyQuery},
		{pattern: "GET /healthz", open: true, run: s.getHealth, query: anyQuery},
		{pattern: "GET /readyz", open: true, run: s.getReady, query: anyQuery},
		{pattern: "GET /openapi.json", open: true, run: s.getOpenAPI, query: anyQuery},
		{pattern: "GET /docs", open: true, run: s.getDocs, query: anyQuery},
	}
}

// anyQuery lets any query parameter through: the sender is not a merchant whose spelling we could correct.
var anyQuery = []string{"*"}

// serve wraps a route: who calls, may they, how much may they send.
func (s *Server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		if err := s.admit(rt, w, r); err != nil {
			s.fail(w, r, err)
		}
		s.cfg.Observe(rt.pattern, statusOf(w), time.Since(start))
	})
}

func (s *Server) admit(rt route, w http.ResponseWriter, r *http.Request) error {
	var c caller
	if !rt.open {
		var err error
		if c, err = s.authenticate(r); err != nil {
			return err
		}
		if !c.key.Allows(rt.scope) {
			return problem(http.StatusForbidden, codeForbidden, "This key does not have the scope "+string(rt.scope)+".")
		}
		if !s.quota.request(c.merchant.ID, c.merchant.Limits.RequestsPerSecond, s.cfg.Now()) {
			return tooMany("Too many requests per second.")
		}
	}
	if err := checkQuery(r, rt.query); err != nil {
		return err
	}
	if !rt.stream {
		r.Body = http.MaxBytesReader(w, r.Body, s.cfg.Limits.Body)
	}
	return rt.run(w, r, c)
}

func checkQuery(r *http.Request, allowed []string) error {
	if r.URL.RawQuery == "" || slices.Equal(allowed, anyQuery) {
		return nil
	}
	values, err := parseQuery(r)
	if err != nil {
		return err
	}
	for name, vs := range values {
		if !slices.Contains(allowed, name) {
			return malformed("Unknown query parameter " + quoted(name) + ".")
		}
		if len(vs) > 1 && name != "expect_total" {
			return malformed("The query parameter " + name + " is given twice.")
		}
	}
	return nil
}
