package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
)

func TestExchangesAreKept(t *testing.T) {
	t.Parallel()
	s, server := single(t)
	id, now := topup.NewID("m", "a"), smsTime
	keep := func(id topup.ID, xs ...topup.Exchange) {
		t.Helper()
		must(t, s.KeepExchanges(t.Context(), map[topup.ID][]topup.Exchange{id: xs, "": xs}))
	}
	read := func(at time.Time) []topup.Exchange {
		t.Helper()
		got, err := s.Exchanges(t.Context(), id, at)
		must(t, err)
		return got
	}
	if got := read(now); len(got) != 0 {
		t.Errorf("exchanges of nothing: %v", got)
	}
	first := topup.Exchange{At: now, Kind: topup.ExchangeSubmit, Call: "POST /topups", Took: time.Second, Failure: "timeout", Code: topup.CodeAnswerLost, Text: "line\nbreak"}
	second := topup.Exchange{At: now.Add(26 * time.Hour), Kind: topup.ExchangeCheck, Call: "GET /topups/{id}/status", Status: 500}
	keep(id, first)
	keep(id, second)
	if d := cmp.Diff([]topup.Exchange{first, second}, read(now.Add(27*time.Hour))); d != "" {
		t.Error(d)
	}
	for i := range 100 {
		keep(id, topup.Exchange{At: now, Kind: topup.ExchangeCheck, Call: "GET /topups/{id}/status", Status: 400 + i})
	}
	got := read(now)
	if n := len(got); n < 5 || n > 20 || got[n-1].Status != 499 {
		t.Errorf("%d exchanges are kept after a hundred; the last one must be among them", n)
	}
	for _, key := range server.Keys() {
		if ttl := server.TTL(key); ttl <= 0 || ttl > 72*time.Hour {
			t.Errorf("%s is kept for %s", key, ttl)
		}
	}
	server.FastForward(73 * time.Hour)
	if got := read(now); len(got) != 0 {
		t.Errorf("after three days: %v", got)
	}
}

// TestExchangesAreBounded: no flood of failures may fill the ledger's memory.
func TestExchangesAreBounded(t *testing.T) {
	t.Parallel()
	s, server := single(t)
	all := map[topup.ID][]topup.Exchange{}
	for i := range 5000 {
		id := topup.NewID("m", fmt.Sprint(i))
		id = "a" + id[1:19] + "a" // all of one key
		all[id] = []topup.Exchange{{At: smsTime, Kind: topup.ExchangeSubmit, Status: 500}}
	}
	must(t, s.KeepExchanges(t.Context(), all))
	for _, key := range server.Keys() {
		fields, err := server.HKeys(key)
		must(t, err)
		if len(fields) != 100 {
			t.Errorf("%s holds %d top-ups", key, len(fields))
		}
	}
}
