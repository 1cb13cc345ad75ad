package topup

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestExchanges: an answer that was kept is told with its call, any other by the history alone, and none twice.
func TestExchanges(t *testing.T) {
	t.Parallel()
	at := func(s float64) time.Time { return time.Unix(0, int64(s*1e9)).UTC() }
	x := &Topup{History: []Move{
		{At: at(1), To: Accepted, Actor: ActorIntake},
		{At: at(2), From: Accepted, To: Submitting, Actor: ActorWorker},
		{At: at(4), From: Submitting, To: Unknown, Actor: ActorWorker, Reason: CodeAnswerLost},
		{At: at(90), From: Unknown, To: Succeeded, Actor: ActorCheck, ProviderCode: "OK"},
	}}
	kept := []Exchange{
		{At: at(2.5), Kind: ExchangeSubmit, Call: "POST /topups", Took: time.Second, Failure: "timeout", Code: CodeAnswerLost},
		{At: at(30), Kind: ExchangeCheck, Call: "GET /topups/{id}/status", Took: time.Second, Status: 500},
	}
	want := []Exchange{kept[0], kept[1], {At: at(90), Kind: ExchangeCheck, ProviderCode: "OK"}}
	if diff := cmp.Diff(want, x.ExchangesOf(kept)); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
	derived := []Exchange{{At: at(4), Kind: ExchangeSubmit, Code: CodeAnswerLost}, {At: at(90), Kind: ExchangeCheck, ProviderCode: "OK"}}
	if diff := cmp.Diff(derived, x.ExchangesOf(nil)); diff != "" {
		t.Errorf("exchanges of the history alone (-want +got):\n%s", diff)
	}
}

func TestExchangeLogIsBounded(t *testing.T) {
	t.Parallel()
	if ExchangeNoter(t.Context()) != nil {
		t.Error("a context without a log has a noter")
	}
	ctx, log := WithExchanges(t.Context())
	for i := range 100 {
		ExchangeNoter(ctx)(Exchange{Status: i})
	}
	long := ""
	for range 100 {
		long += "é"
	}
	all := log.Ended(ExchangeCheck, Outcome{Code: CodeAnswerLost, ProviderMessage: long})
	last := all[len(all)-1]
	if len(all) != maxExchanges || last.Status != 99 || last.Code != CodeAnswerLost || len(last.Text) > exchangeText+3 || all[0].Code != "" {
		t.Errorf("kept %d exchanges, the last %+v", len(all), last)
	}
}
