package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
)

func TestSubmitWatches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	looks := 0
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet {
			_, _ = w.Write([]byte(`{"batch_id":"batx","rows":3,"accepted":3,"states":{"accepted":3},"errors":[]}`))
			return true
		}
		looks++
		switch looks {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			_, _ = w.Write([]byte(`{"batch_id":"batx","rows":3,"accepted":3,"states":{"pending":2,"succeeded":1}}`))
		default:
			_, _ = w.Write([]byte(`{"batch_id":"batx","rows":3,"accepted":3,"states":{"held":1,"succeeded":1,"failed":1}}`))
		}
		return true
	}
	sub := s.submission(t, "rows.csv", rows(3, 0))
	var out, bars bytes.Buffer
	sub.out, sub.progress = &out, &bars
	if err := sub.run(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "1 held, 1 succeeded, 1 failed")
	holds(t, bars.String(), "uploading", "waiting for outcomes")
	if looks != 3 {
		t.Errorf("%d looks", looks)
	}
}

// TestSubmitStopsWatching is stopped while top-ups are open: the exit code says so.
func TestSubmitStopsWatching(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	sub := s.submission(t, "rows.csv", rows(3, 0))
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			cancel()
		}
		return false
	}
	var out, errs bytes.Buffer
	sub.out, sub.err = &out, &errs
	var code *exitError
	if err := sub.run(ctx, true); !errors.As(err, &code) || code.code != exitStopped {
		t.Errorf("got %v", err)
	}
	holds(t, out.String(), "accepted    3")
	holds(t, errs.String(), "the batch goes on: topupq status bat")
}

// TestSubmitTellsThePlan prints what a validation foretells.
func TestSubmitTellsThePlan(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	sub := s.submission(t, "rows.csv", rows(3, 0))
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write([]byte(`{"batch_id":null,"rows":9,"accepted":6,"rejected":0,"errors":[],"plan":{"finishes_at":"2026-11-23T08:00:00Z",
			"providers":[{"provider":"aat","rows":6,"runs_out_at_line":5,"balance":{"amount":"12.00","currency":"ZAR"}}],
			"likely_duplicates":{"rows":2,"unchecked":0,"first":[{"line":4,"reference":"r4"}]},
			"over_limit":{"rows":3,"first_line":8,"codes":{"day_limit":1,"credit_limit":2}}}}`))
		return true
	}
	var out bytes.Buffer
	sub.dry, sub.out = true, &out
	if err := sub.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "6 rows; the balance of ZAR 12.00 does not pay for line 5 any more", "2026-11-23 08:00:00 UTC",
		"2 rows, the first in line 4", "3 rows, the first in line 8: 2 credit_limit, 1 day_limit")
	sub.asJSON = true
	out.Reset()
	if err := sub.run(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), `"over_limit": {`)
}
