package redisstore_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

func TestLookupsAreKept(t *testing.T) {
	t.Parallel()
	s, server := single(t)
	large := json.RawMessage(`{"content":[` + strings.Repeat(`{"id":88,"name":"Movistar Colombia","commission":4.42},`, 2000) + `1]}`)
	var ids []string
	var want []*topup.Lookup
	for line, result := range []json.RawMessage{nil, json.RawMessage(`{"a":1}`), large} {
		want = append(want, &topup.Lookup{
			ID: topup.NewLookupIDIn("lkb1", line+1), Merchant: "mer1", Provider: topup.AAT, Action: "GetVoucher", State: topup.LookupDone,
			Params: map[string]any{"networkId": "2"}, Result: result, CreatedAt: smsTime, DoneAt: smsTime, CachedAt: smsTime, Stale: true,
		})
		ids = append(ids, want[line].ID)
	}
	must(t, s.PutLookups(t.Context(), want, time.Hour))
	got, err := s.GetLookups(t.Context(), append([]string{"lkpnone"}, ids...))
	must(t, err)
	if d := cmp.Diff(append([]*topup.Lookup{nil}, want...), got); d != "" {
		t.Error(d)
	}
	single, err := s.GetLookup(t.Context(), ids[2])
	must(t, err)
	if d := cmp.Diff(want[2], single); d != "" {
		t.Error(d)
	}
	if stored, err := server.Get("tq:lookup:" + ids[2]); err != nil || len(stored) > len(large)/10 || strings.HasPrefix(stored, "{") {
		t.Errorf("%d bytes are kept of %d: %v", len(stored), len(large), err)
	}
	must(t, server.Set("tq:lookup:lkpbad", "\x01rubbish"))
	if _, err := s.GetLookup(t.Context(), "lkpbad"); err == nil || errors.Is(err, topup.ErrNotFound) {
		t.Errorf("a damaged lookup: %v", err)
	}
	server.FastForward(2 * time.Hour)
	if _, err := s.GetLookup(t.Context(), ids[0]); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
}

func TestLookupIDs(t *testing.T) {
	t.Parallel()
	a, b, c := topup.NewLookupIDIn("lkb1", 1), topup.NewLookupIDIn("lkb1", 2), topup.NewLookupIDIn("lkb2", 1)
	if a != topup.NewLookupIDIn("lkb1", 1) || a == b || a == c || len(a) != len(topup.NewLookupID()) {
		t.Errorf("%s, %s, %s", a, b, c)
	}
}

func TestLookupBatchesAndCatalogue(t *testing.T) {
	t.Parallel()
	s, server := single(t)
	batch := &topup.LookupBatch{ID: topup.NewLookupBatchID(), Merchant: "mer1", Lines: 3, Accepted: 2, Rejected: 1, CreatedAt: smsTime}
	must(t, s.PutLookupBatch(t.Context(), batch, time.Hour))
	got, err := s.GetLookupBatch(t.Context(), batch.ID)
	must(t, err)
	if d := cmp.Diff(batch, got); d != "" {
		t.Error(d)
	}
	if _, err := s.GetLookupBatch(t.Context(), "lkbnone"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("no batch: %v", err)
	}
	answer := &topup.CatalogueAnswer{Result: json.RawMessage(`[1]`), At: smsTime}
	must(t, s.PutCatalogue(t.Context(), "k", answer, time.Hour))
	kept, err := s.GetCatalogue(t.Context(), "k")
	must(t, err)
	if d := cmp.Diff(answer, kept); d != "" {
		t.Error(d)
	}
	for i, want := range []bool{true, false} {
		if ok, err := s.ClaimRefresh(t.Context(), "k", time.Minute); err != nil || ok != want {
			t.Errorf("claim %d: %v, %v", i, ok, err)
		}
	}
	server.FastForward(2 * time.Hour)
	if _, err := s.GetCatalogue(t.Context(), "k"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	if ok, err := s.ClaimRefresh(t.Context(), "k", time.Minute); err != nil || !ok {
		t.Errorf("claim after its time: %v, %v", ok, err)
	}
}

// TestTransactionsLeadToTopups: a number that a write has learned finds the top-up, whichever write it was.
func TestTransactionsLeadToTopups(t *testing.T) {
	t.Parallel()
	writer, server := single(t)
	ids := map[string]topup.ID{}
	for _, number := range []string{"4602843", "4602844", "9223372036854775807"} {
		x := &topup.Topup{ID: topup.NewID("m", number), Merchant: "m", Reference: number, Recipient: "+2348031234567", Provider: topup.Reloadly}
		must(t, x.Accept(topup.ActorIntake, smsTime))
		if _, err := writer.Create(t.Context(), []*topup.Topup{x}); err != nil {
			t.Fatal(err)
		}
		_, err := writer.Update(t.Context(), x.ID, func(x *topup.Topup) error { x.ProviderTransactionID = number; return nil })
		must(t, err)
		ids[number] = x.ID
	}
	writer.Close() // ends what nobody waited for
	s := at(t, server)
	for number, id := range ids {
		if got, err := s.TopupByTransaction(t.Context(), topup.Reloadly, number); err != nil || got != id {
			t.Errorf("%s: %s, %v", number, got, err)
		}
	}
	for _, none := range []string{"4602845", "", "-1", "x", "0", "99999999999999999999"} {
		if got, err := s.TopupByTransaction(t.Context(), topup.Reloadly, none); !errors.Is(err, topup.ErrNotFound) {
			t.Errorf("%q: %s, %v", none, got, err)
		}
	}
	if _, err := s.TopupByTransaction(t.Context(), topup.AAT, "4602843"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("another provider's: %v", err)
	}
	server.FastForward(80 * time.Hour)
	if _, err := s.TopupByTransaction(t.Context(), topup.Reloadly, "4602843"); !errors.Is(err, topup.ErrNotFound) {
		t.Errorf("after three days: %v", err)
	}
}
