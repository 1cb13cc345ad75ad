package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/shopspring/decimal"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"

	"topupq/topup"
	"topupq/topup/redisstore"
)

// upstream answers every call the same way.
type upstream struct{ out topup.Outcome }

func (u upstream) Submit(context.Context, topup.Order) (topup.Outcome, error) { return u.out, nil }
func (u upstream) Check(context.Context, topup.Ref) (topup.Outcome, error) {
	return topup.Outcome{}, errors.New("away")
}

func (u upstream) Lookup(context.Context, string, map[string]any) (json.RawMessage, error) {
	return json.RawMessage(`{}`), nil
}
func (u upstream) Balance(context.Context) (topup.Money, error) { return topup.Money{}, nil }
func (u upstream) Traits() topup.Traits                         { return topup.Traits{Name: topup.AAT} }

// lister can be asked about many as well, quoter can quote, both can do both.
type (
	lister struct{ upstream }
	quoter struct{ upstream }
	both   struct {
		lister
		quoting
	}
	quoting struct{}
)

func (lister) CheckMany(context.Context, []topup.Ref) (map[topup.ID]topup.Outcome, error) {
	return nil, nil
}
func (quoter) Quote(context.Context, topup.Order) (topup.Quote, error)  { return topup.Quote{}, nil }
func (quoting) Quote(context.Context, topup.Order) (topup.Quote, error) { return topup.Quote{}, nil }

// TestProviderKeepsWhatItCan: a counter that hid an optional interface would change what the workers do.
func TestProviderKeepsWhatItCan(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]topup.Provider{"plain": upstream{}, "lister": lister{}, "quoter": quoter{}, "both": both{}} {
		w := Provider(p, nil, NoTracer(), nil)
		_, many := p.(topup.ManyChecker)
		_, quotes := p.(topup.Quoter)
		_, stillMany := w.(topup.ManyChecker)
		_, stillQuotes := w.(topup.Quoter)
		if many != stillMany || quotes != stillQuotes {
			t.Errorf("%s: many %v became %v, quotes %v became %v", name, many, stillMany, quotes, stillQuotes)
		}
	}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	srv := httptest.NewServer(m.Handler())
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sent(t *testing.T, store *redisstore.Store, ref string, o topup.Outcome) (x *topup.Topup, before int) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	x = &topup.Topup{
		ID: topup.NewID("mer", ref), Merchant: "mer", Reference: ref, Recipient: "+27831234567", Provider: topup.AAT,
		Amount: topup.Money{Amount: decimal.RequireFromString("12.50"), Currency: "ZAR"},
	}
	policy := topup.Policy{Timeout: time.Minute, Traits: topup.Traits{RefusesRepeat: true}, Plan: topup.Plan{Interval: time.Hour, Count: 3}}
	if err := x.Accept(topup.ActorIntake, now); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(t.Context(), []*topup.Topup{x}); err != nil {
		t.Fatal(err)
	}
	before = x.Version()
	x, err := store.Update(t.Context(), x.ID, func(x *topup.Topup) error {
		if err := x.BeginSend(policy, 1, now); err != nil {
			return err
		}
		return x.RecordSend(policy, 1, o, now.Add(2*time.Second))
	})
	if err != nil {
		t.Fatal(err)
	}
	return x, before
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	store := redisstore.Open(rdb, redisstore.Options{})
	t.Cleanup(func() { store.Close(); _ = rdb.Close() })
	pulse := NewPulse(store, zap.NewNop())
	m, err := NewMetrics(pulse)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Register(NewLedger(store, nil)); err != nil {
		t.Fatal(err)
	}
	done, v := sent(t, store, "a", topup.Outcome{Answer: topup.Delivered})
	m.Moved(done, v)
	_, _ = sent(t, store, "b", topup.Outcome{Code: topup.CodeAnswerLost})
	unread, v := sent(t, store, "c", topup.Outcome{Code: topup.CodeAnswerUnreadable})
	m.Moved(unread, v)
	m.Created([]*topup.Topup{done, unread}, []topup.Created{{}, {Existing: unread}})
	m.Delivered(true, 200, time.Second)
	m.Delivered(false, 503, time.Second)
	p := Provider(upstream{topup.Outcome{Answer: topup.Delivered}}, m, NoTracer(), nil)
	_, _ = p.Submit(t.Context(), topup.Order{Reference: done.ID})
	_, _ = p.Check(t.Context(), topup.Ref{Reference: done.ID})
	if err := store.PutAlarms(t.Context(), []topup.Alarm{{Name: topup.AlarmDrift, Provider: topup.AAT, Detail: "x"}}); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`topupq_alarm{name="drift",provider="aat"} 1`, `topupq_alarm{name="no_sweep",provider="aat"} 0`,
		`topupq_moves_total{from="submitting",provider="aat",to="succeeded"} 1`,
		`topupq_incidents_total{code="answer_unreadable",provider="aat"} 1`,
		`topupq_intake_rows_total{provider="aat",result="duplicate"} 1`,
		`topupq_callback_duration_seconds_count{outcome="5xx"} 1`,
		`topupq_provider_call_duration_seconds_count{call="submit",outcome="delivered",provider="aat"} 1`,
		`topupq_provider_call_duration_seconds_count{call="check",outcome="error",provider="aat"} 1`,
		`topupq_open_topups{provider="aat",state="unknown"} 2`,
		`topupq_money_at_risk{currency="ZAR",provider="aat"} 25`,
		`topupq_time_to_outcome_seconds_sum{provider="aat",state="succeeded"} 2`,
		`topupq_ledger_up 1`, `topupq_scheduler_leader 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, "2783") || strings.Contains(text, "mer\"") {
		t.Error("the metrics name a number or a merchant")
	}
	pulse.flush(t.Context())
	got, err := store.ReadPulse(t.Context(), time.Now().Add(-time.Minute), time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	sum := map[string]int64{}
	for _, p := range got {
		for k, n := range p.Counts {
			sum[k] += n
		}
	}
	if sum["closed:aat::succeeded"] != 1 || sum["accepted:aat"] != 1 || sum["callback:failed"] != 1 || sum["spent:aat:ZAR"] != 12_50000 {
		t.Errorf("pulse: %v", sum)
	}
}

// TestOneTrace runs the parts as if in processes of their own: nothing is handed on, and all is one trace.
func TestOneTrace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	process := func() *Tracer { return TracerTo(spans) }
	id := topup.NewID("mer", "a")
	process().Accepted(t.Context(), &topup.Topup{ID: id, Provider: topup.AAT})
	worker := process()
	p := Provider(upstream{topup.Outcome{Answer: topup.Delivered}}, nil, worker, nil)
	h := worker.Handler("submit", asynq.HandlerFunc(func(ctx context.Context, _ *asynq.Task) error {
		_, err := p.Submit(context.WithoutCancel(ctx), topup.Order{Reference: id})
		return err
	}))
	if err := h.ProcessTask(t.Context(), asynq.NewTask("submit", []byte(id))); err != nil {
		t.Fatal(err)
	}
	_, finish := process().Callback(t.Context(), topup.CallbackID(string(id), 3))
	finish(200)
	names := map[string]tracetest.SpanStub{}
	for _, s := range spans.GetSpans() {
		names[s.Name] = s
	}
	accept, job, call, back := names["topup.accept"], names["job.submit"], names["provider.submit"], names["callback"]
	for _, s := range []tracetest.SpanStub{accept, job, call, back} {
		if s.SpanContext.TraceID() != rootOf(id).TraceID() {
			t.Errorf("%q is in another trace", s.Name)
		}
	}
	if accept.Parent.IsValid() || job.Parent.SpanID() != accept.SpanContext.SpanID() ||
		call.Parent.SpanID() != job.SpanContext.SpanID() || back.Parent.SpanID() != accept.SpanContext.SpanID() {
		t.Error("the spans do not hang together")
	}
	other := topup.NewID("mer", "b")
	if rootOf(other).TraceID() == rootOf(id).TraceID() {
		t.Error("two top-ups share a trace")
	}
}
