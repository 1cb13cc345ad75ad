package workers

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"go.uber.org/zap"

	"topupq/topup"
)

// registry is a ledger of whose top-ups are whose.
type registry struct {
	topups map[topup.ID]*topup.Topup
	byTx   map[string]topup.ID
	err    error
}

func (r *registry) GetMany(_ context.Context, ids []topup.ID) ([]*topup.Topup, error) {
	out := make([]*topup.Topup, len(ids))
	for i, id := range ids {
		out[i] = r.topups[id]
	}
	return out, r.err
}

func (r *registry) TopupByTransaction(_ context.Context, _ topup.ProviderName, transaction string) (topup.ID, error) {
	id, ok := r.byTx[transaction]
	if !ok {
		return "", errors.Join(topup.ErrNotFound, r.err)
	}
	return id, r.err
}

// office is a lookup worker over a registry with one top-up of "mine", m1, and one of "theirs", t1.
type office struct {
	*Lookup
	registry *registry
	store    *answers
	oracle   *oracle
}

var mine, theirs = topup.NewID("mine", "1"), topup.NewID("theirs", "1")

func newOffice(answer string) *office {
	b := &office{store: &answers{}, registry: &registry{
		topups: map[topup.ID]*topup.Topup{
			mine:   {ID: mine, Merchant: "mine", Recipient: "+27831234567"},
			theirs: {ID: theirs, Merchant: "theirs", Recipient: "+27830000000"},
		},
		byTx: map[string]topup.ID{"41": mine, "42": theirs},
	}}
	b.oracle = &oracle{
		traits: topup.Traits{Owned: []topup.OwnedAction{
			{Action: "byReference", Reference: "clientRef", Recipient: "MSISDN"},
			{Action: "byNumber", Transaction: "transactionId"},
			{Action: "told", Transaction: "transactionId", Told: "transaction.customIdentifier"},
			{Action: "list", Rows: "content", Totals: []string{"totalElements"}, Told: "customIdentifier"},
		}},
		lookup: func(context.Context, string, map[string]any) (json.RawMessage, error) {
			return json.RawMessage(answer), nil
		},
	}
	routes := NewRoutes(map[topup.ProviderName]Route{topup.Reloadly: {Provider: b.oracle}})
	b.Lookup = NewLookup(LookupConfig{Store: b.store, Routes: routes, Ledger: b.registry, Log: zap.NewNop()})
	b.repeats = func(context.Context) int { return lookupTries }
	return b
}

// ask asks as a merchant and returns the answer, or the code of its failure.
func (b *office) ask(t *testing.T, merchant topup.MerchantID, action string, params map[string]any) string {
	t.Helper()
	b.store.lookup = &topup.Lookup{ID: topup.NewLookupID(), Merchant: merchant, Provider: topup.Reloadly, Action: action, Params: params, State: topup.LookupQueued}
	check(t, run(t, b.Lookup, b.store.lookup.ID))
	if f := b.store.lookup.Error; f != nil {
		return f.Code
	}
	return string(b.store.lookup.Result)
}

func TestLookupTellsOwnTopupsOnly(t *testing.T) {
	t.Parallel()
	told := func(id topup.ID) string {
		return `{"status":"PROCESSING","transaction":{"customIdentifier":"` + string(id) + `"}}`
	}
	number := json.Number("41")
	for name, k := range map[string]struct {
		action string
		params map[string]any
		answer string
		want   string
		asked  int
	}{
		"own reference":                   {"byReference", map[string]any{"clientRef": string(mine)}, `{"MSISDN":"27831234567"}`, "", 1},
		"own reference, name in any case": {"byReference", map[string]any{"CLIENTREF": " " + string(mine)}, `{"MSISDN":"0831234567"}`, "", 1},
		"own reference, no number told":   {"byReference", map[string]any{"clientRef": string(mine)}, `{}`, "", 1},
		"own reference, somebody's sale":  {"byReference", map[string]any{"clientRef": string(mine)}, `{"MSISDN":"27830000000"}`, "not_found", 1},
		"another's reference":             {"byReference", map[string]any{"clientRef": string(theirs)}, `{}`, "not_found", 0},
		"nobody's reference":              {"byReference", map[string]any{"clientRef": string(topup.NewID("mine", "2"))}, `{}`, "not_found", 0},
		"no reference of ours":            {"byReference", map[string]any{"clientRef": "1"}, `{}`, "not_found", 0},
		"no reference":                    {"byReference", nil, `{}`, "not_found", 0},
		"own number":                      {"byNumber", map[string]any{"transactionId": number}, `{"x":1}`, "", 1},
		"own number as float":             {"byNumber", map[string]any{"transactionId": 41.0}, `{"x":1}`, "", 1},
		"another's number":                {"byNumber", map[string]any{"transactionId": "42"}, `{"x":1}`, "not_found", 0},
		"nobody's number":                 {"byNumber", map[string]any{"transactionId": "43"}, `{"x":1}`, "not_found", 0},
		"forgotten number, told as own":   {"told", map[string]any{"transactionId": "43"}, told(mine), "", 1},
		"forgotten, told as another's":    {"told", map[string]any{"transactionId": "43"}, told(theirs), "not_found", 1},
		"forgotten, not told":             {"told", map[string]any{"transactionId": "43"}, `{"transaction":null}`, "not_found", 1},
		"forgotten, unreadable":           {"told", map[string]any{"transactionId": "43"}, `[]`, "not_found", 1},
		"another's number, not asked":     {"told", map[string]any{"transactionId": "42"}, told(mine), "not_found", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newOffice(k.answer)
			want := k.want
			if want == "" {
				want = k.answer
			}
			if got := b.ask(t, "mine", k.action, k.params); got != want || b.oracle.asked != k.asked {
				t.Errorf("%s, asked %d times; want %s, %d", got, b.oracle.asked, want, k.asked)
			}
		})
	}
}

func TestLookupListsOwnTopupsOnly(t *testing.T) {
	t.Parallel()
	row := func(id topup.ID) string { return `{"customIdentifier":"` + string(id) + `","amount":1.50}` }
	page := `{"content":[` + row(theirs) + `,` + row(mine) + `,{"customIdentifier":null},7,` + row("someone") + `],"last":true,"totalElements":5}`
	b := newOffice(page)
	want := `{"content":[{"amount":1.50,"customIdentifier":"` + string(mine) + `"}],"last":true}`
	if got := b.ask(t, "mine", "list", nil); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := b.ask(t, "", "list", nil); got != page {
		t.Errorf("for ourselves: %s", got)
	}
	for _, broken := range []string{`{"content":{}}`, `[]`, `{}`} {
		if got := newOffice(broken).ask(t, "mine", "list", nil); got != "provider_error" {
			t.Errorf("%s: %s", broken, got)
		}
	}
}

// TestLookupOfNothingLooksLikeAnothers: the provider's word that there is no such thing is not passed on where the question
// was not about a top-up of the merchant's, or it would tell which numbers exist.
func TestLookupOfNothingLooksLikeAnothers(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]string{"43": "not_found", "41": "provider_refused"} {
		b := newOffice("")
		b.oracle.lookup = func(context.Context, string, map[string]any) (json.RawMessage, error) {
			return nil, &topup.LookupError{Code: "provider_refused", Message: "no such transaction"}
		}
		if got := b.ask(t, "mine", "told", map[string]any{"transactionId": params}); got != want {
			t.Errorf("%s: %s, want %s", params, got, want)
		}
	}
}

// TestLookupWithoutLedger: while nobody can say whose a top-up is, nothing is told.
func TestLookupWithoutLedger(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"byReference", "byNumber", "told", "list"} {
		b := newOffice(`{"content":[{"customIdentifier":"` + string(mine) + `"}],"transaction":{"customIdentifier":"` + string(mine) + `"}}`)
		b.registry.err = topup.ErrUnavailable
		l := &topup.Lookup{ID: topup.NewLookupID(), Merchant: "mine", Provider: topup.Reloadly, Action: action, State: topup.LookupQueued,
			Params: map[string]any{"clientRef": string(mine), "transactionId": "41"}}
		b.store.lookup = l
		if err := run(t, b.Lookup, l.ID); !errors.Is(err, errStoreAway) || b.store.lookup.State != topup.LookupQueued {
			t.Errorf("%s: %v, %s", action, err, b.store.lookup.State)
		}
	}
}
