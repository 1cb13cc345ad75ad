package telemetry

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/zap"

	"topupq/topup"
)

type keptExchanges struct {
	mu  sync.Mutex
	all map[topup.ID][]topup.Exchange
}

func (k *keptExchanges) KeepExchanges(_ context.Context, all map[topup.ID][]topup.Exchange) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, xs := range all {
		k.all[id] = append(k.all[id], xs...)
	}
	return nil
}

// calling notes one exchange with every call, as adapters do.
type calling struct{ upstream }

func (c calling) Submit(ctx context.Context, o topup.Order) (topup.Outcome, error) {
	topup.ExchangeNoter(ctx)(topup.Exchange{Call: "POST /topups", Status: 200})
	return c.upstream.Submit(ctx, o)
}

func (c calling) Check(ctx context.Context, ref topup.Ref) (topup.Outcome, error) {
	topup.ExchangeNoter(ctx)(topup.Exchange{Call: "GET /topups/{id}", Failure: "timeout"})
	return c.upstream.Check(ctx, ref)
}

// TestPlainSendsKeepNoExchange: what the history tells costs nothing more; what it does not tell is kept.
func TestPlainSendsKeepNoExchange(t *testing.T) {
	t.Parallel()
	store := &keptExchanges{all: map[topup.ID][]topup.Exchange{}}
	kept := NewExchanges(store, zap.NewNop())
	send := func(a topup.Answer, ref string) topup.ID {
		t.Helper()
		id := topup.NewID("m", ref)
		p := Provider(calling{upstream{topup.Outcome{Answer: a, Code: "c", ProviderMessage: "why"}}}, nil, NoTracer(), kept)
		if _, err := p.Submit(t.Context(), topup.Order{Reference: id}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	delivered, pending, unclear, refused := send(topup.Delivered, "a"), send(topup.InProgress, "b"), send(topup.Unclear, "c"), send(topup.Refused, "d")
	p := Provider(calling{}, nil, NoTracer(), kept)
	if _, err := p.Check(t.Context(), topup.Ref{Reference: unclear}); err == nil {
		t.Fatal("the question was answered")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := kept.Run(ctx); err != nil { // hands in what is left
		t.Fatal(err)
	}
	if len(store.all[delivered])+len(store.all[pending]) != 0 || len(store.all[refused]) != 1 {
		t.Errorf("kept %v", store.all)
	}
	if xs := store.all[unclear]; len(xs) != 2 || xs[0].Kind != "submit" || xs[0].Text != "why" || xs[1].Kind != "check" || xs[1].Failure != "timeout" {
		t.Errorf("of the unclear one %+v", xs)
	}
	for i := range 10 * exchangesAtOnce {
		send(topup.Unclear, string(rune('0'+i)))
	}
	if len(kept.all) != exchangesAtOnce {
		t.Errorf("a flood left %d to be handed in", len(kept.all))
	}
}
