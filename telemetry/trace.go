package telemetry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"topupq/topup"
)

// Tracer makes one trace of everything that happens to a top-up. The trace's ID follows from the top-up's: intake,
// jobs, calls and callbacks of any process, at any time, find it without anything being handed on, so job payloads
// stay IDs and a lost or repeated wake-up breaks no trace.
type Tracer struct {
	// tracer is nil where nothing is traced.
	tracer trace.Tracer
	stop   func(context.Context) error
}

// NoTracer traces nothing.
func NoTracer() *Tracer {
	return &Tracer{stop: func(context.Context) error { return nil }}
}

// NewTracer sends traces by OTLP over HTTP. Where to, and which share of them, is read from the standard OTEL_
// variables.
func NewTracer(ctx context.Context) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare traces: %w", err)
	}
	return newTracer(sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithIDGenerator(ids{}))), nil
}

// TracerTo hands every span to the exporter as it ends.
func TracerTo(exporter sdk.SpanExporter) *Tracer {
	return newTracer(sdk.NewTracerProvider(sdk.WithSyncer(exporter), sdk.WithIDGenerator(ids{})))
}

func newTracer(p *sdk.TracerProvider) *Tracer {
	return &Tracer{tracer: p.Tracer("topupq"), stop: p.Shutdown}
}

// Stop sends what is left.
func (t *Tracer) Stop(ctx context.Context) error { return t.stop(ctx) }

// Accepted makes the first span of a top-up that was just recorded.
func (t *Tracer) Accepted(ctx context.Context, x *topup.Topup) {
	if t.tracer == nil {
		return
	}
	ctx = context.WithValue(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), rootKey{}, rootOf(x.ID))
	_, span := t.tracer.Start(ctx, "topup.accept", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("topup", string(x.ID)), attribute.String("provider", string(x.Provider))))
	span.End()
}

// Handler returns h with every job of a top-up as a span.
func (t *Tracer) Handler(kind string, h asynq.Handler) asynq.Handler {
	if t.tracer == nil {
		return h
	}
	return asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		id := topup.ID(task.Payload())
		if !id.Valid() {
			return h.ProcessTask(ctx, task)
		}
		ctx, span := t.start(ctx, id, "job."+kind, trace.SpanKindConsumer)
		defer span.End()
		return h.ProcessTask(ctx, task)
	})
}

// Callback makes a span of one delivery; end it with what came of it.
func (t *Tracer) Callback(ctx context.Context, webhookID string) (context.Context, func(status int)) {
	id, version, ok := topup.ParseCallbackID(webhookID)
	if t.tracer == nil || !ok || !topup.ID(id).Valid() {
		return ctx, func(int) {}
	}
	ctx, span := t.start(ctx, topup.ID(id), "callback", trace.SpanKindProducer, attribute.Int("version", version))
	return ctx, func(status int) {
		span.SetAttributes(attribute.Int("status", status))
		span.End()
	}
}

// start begins a span of the top-up's trace: below the span in ctx where that belongs to it, else below the first.
func (t *Tracer) start(ctx context.Context, id topup.ID, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, noop.Span{}
	}
	root := rootOf(id)
	if trace.SpanContextFromContext(ctx).TraceID() != root.TraceID() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, root)
	}
	attrs = append(attrs, attribute.String("topup", string(id)))
	return t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

// rootOf is the trace and the first span of a top-up.
func rootOf(id topup.ID) trace.SpanContext {
	sum := sha256.Sum256([]byte("topupq trace " + string(id)))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// rootKey marks the context of a first span, whose IDs are given.
type rootKey struct{}

// ids gives the first span of a top-up its own IDs, and every other one random ones.
type ids struct{}

// NewIDs implements the SDK's IDGenerator.
func (g ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if root, ok := ctx.Value(rootKey{}).(trace.SpanContext); ok {
		return root.TraceID(), root.SpanID()
	}
	var t trace.TraceID
	for i := range t {
		t[i] = byte(rand.Uint32()) //nolint:gosec // a name, not a secret
	}
	return t, g.NewSpanID(ctx, t)
}

// NewSpanID implements the SDK's IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var s trace.SpanID
	for i := range s {
		s[i] = byte(rand.Uint32()) //nolint:gosec // likewise
	}
	return s
}
