package telemetry

import (
	"context"
	"encoding/json"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"topupq/topup"
)

// provider stands around a provider.
type provider struct {
	topup.Provider
	name    topup.ProviderName
	metrics *Metrics
	tracer  *Tracer
	kept    *Exchanges
}

// Provider returns p with its calls timed and traced, and the exchanges of unclear ones kept (nil for not). Answers and errors pass through as they are, and what p can do
// beside topup.Provider (topup.ManyChecker, topup.Quoter) the returned one can do too.
func Provider(p topup.Provider, m *Metrics, t *Tracer, kept *Exchanges) topup.Provider {
	base := &provider{Provider: p, name: p.Traits().Name, metrics: m, tracer: t, kept: kept}
	many, asksMany := p.(topup.ManyChecker)
	quoter, quotes := p.(topup.Quoter)
	switch {
	case asksMany && quotes:
		return struct {
			*provider
			manyChecker
			topup.Quoter
		}{base, manyChecker{many, base}, quoter}
	case asksMany:
		return struct {
			*provider
			manyChecker
		}{base, manyChecker{many, base}}
	case quotes:
		return struct {
			*provider
			topup.Quoter
		}{base, quoter}
	default:
		return base
	}
}

// manyChecker times the calls that ask about many.
type manyChecker struct {
	many topup.ManyChecker
	base *provider
}

// CheckMany implements topup.ManyChecker.
func (c manyChecker) CheckMany(ctx context.Context, refs []topup.Ref) (map[topup.ID]topup.Outcome, error) {
	began := time.Now()
	out, err := c.many.CheckMany(ctx, refs)
	c.base.metrics.called(c.base.name, "check_many", okOr(err), time.Since(began))
	return out, err
}

// Submit implements topup.Provider.
func (p *provider) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	ctx, span := p.tracer.start(ctx, o.Reference, "provider.submit", trace.SpanKindClient, attribute.String("provider", string(p.name)))
	ctx, ended := p.kept.gather(ctx, o.Reference, topup.ExchangeSubmit)
	began := time.Now()
	out, err := p.Provider.Submit(ctx, o)
	ended(out, err)
	p.metrics.called(p.name, "submit", outcomeOf(out, err), time.Since(began))
	finish(span, outcomeOf(out, err), out)
	return out, err
}

// Check implements topup.Provider.
func (p *provider) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	ctx, span := p.tracer.start(ctx, ref.Reference, "provider.check", trace.SpanKindClient, attribute.String("provider", string(p.name)))
	ctx, ended := p.kept.gather(ctx, ref.Reference, topup.ExchangeCheck)
	began := time.Now()
	out, err := p.Provider.Check(ctx, ref)
	ended(out, err)
	p.metrics.called(p.name, "check", outcomeOf(out, err), time.Since(began))
	finish(span, outcomeOf(out, err), out)
	return out, err
}

// Lookup implements topup.Provider.
func (p *provider) Lookup(ctx context.Context, action string, params map[string]any) (json.RawMessage, error) {
	began := time.Now()
	result, err := p.Provider.Lookup(ctx, action, params)
	p.metrics.called(p.name, "lookup", okOr(err), time.Since(began))
	return result, err
}

// Balance implements topup.Provider.
func (p *provider) Balance(ctx context.Context) (topup.Money, error) {
	began := time.Now()
	left, err := p.Provider.Balance(ctx)
	p.metrics.called(p.name, "balance", okOr(err), time.Since(began))
	return left, err
}

func okOr(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// finish ends a call's span with our words for its answer: the provider's own could hold anything.
func finish(span trace.Span, outcome string, o topup.Outcome) {
	span.SetAttributes(attribute.String("outcome", outcome), attribute.String("code", string(o.Code)))
	span.End()
}
