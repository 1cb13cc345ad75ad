package webhook_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/topup"
	"topupq/webhook"
)

// decode keeps numbers as text, so that nothing is compared as a float.
func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	must(t, d.Decode(&m))
	return m
}

func TestTopupBodyIsTheViewAndItsVersion(t *testing.T) {
	t.Parallel()
	r := settled(t, delivered())
	body, err := webhook.TopupBody(topup.FormatStandard, r, r.Version(), topup.EventSucceeded)
	must(t, err)

	view, err := json.Marshal(r.View())
	must(t, err)
	want := decode(t, view)
	want["version"], want["final"] = json.Number("3"), true
	got := decode(t, body)
	if diff := cmp.Diff(want, got["data"]); diff != "" {
		t.Errorf("data differs from the view (-want +got):\n%s", diff)
	}
	if got["type"] != "topup.succeeded" || got["timestamp"] != "2026-11-02T10:00:02Z" || len(got) != 3 {
		t.Errorf("envelope is %v %v with %d members", got["type"], got["timestamp"], len(got))
	}
}

func TestTopupBodyTellsOfItsOwnVersion(t *testing.T) {
	t.Parallel()
	r := reversed(t)
	first, err := webhook.TopupBody(topup.FormatStandard, settled(t, delivered()), 3, topup.EventSucceeded)
	must(t, err)
	later, err := webhook.TopupBody(topup.FormatStandard, r, 3, topup.EventSucceeded)
	must(t, err)
	a, b := decode(t, first)["data"].(map[string]any), decode(t, later)["data"].(map[string]any)
	// The plan for the next check was still open then and is not kept.
	for _, m := range []map[string]any{a, b} {
		delete(m, "checks")
		delete(m, "explanation")
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("version 3 is told differently after the reversal (-then +now):\n%s", diff)
	}
	again, err := webhook.TopupBody(topup.FormatStandard, r, 3, topup.EventSucceeded)
	must(t, err)
	if !bytes.Equal(later, again) {
		t.Error("the same record and version gave other bytes")
	}
}

func TestBodiesNeverHoldThePIN(t *testing.T) {
	t.Parallel()
	for _, format := range []string{topup.FormatStandard, topup.FormatAAT} {
		body, err := webhook.TopupBody(format, settled(t, delivered()), 3, topup.EventSucceeded)
		must(t, err)
		if strings.Contains(string(body), "11180837") || strings.Contains(string(body), `"pin"`) {
			t.Errorf("%s holds the PIN: %s", format, body)
		}
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	mismatch := settled(t, topup.Outcome{Answer: topup.Mismatch})
	cases := []struct {
		record *topup.Topup
		event  topup.EventType
		want   bool
	}{
		{settled(t, delivered()), topup.EventSucceeded, true},
		{settled(t, topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidAmount}), topup.EventFailed, true},
		{reversed(t), topup.EventReversed, true},
		{mismatch, topup.EventUnresolved, false},
	}
	for _, c := range cases {
		body, err := webhook.TopupBody(topup.FormatStandard, c.record, c.record.Version(), c.event)
		must(t, err)
		if got := decode(t, body)["data"].(map[string]any)["final"]; got != c.want {
			t.Errorf("%s: final is %v, want %v", c.event, got, c.want)
		}
	}
}

func TestAATBody(t *testing.T) {
	t.Parallel()
	common := map[string]any{
		"TransactionId": string(topup.NewID("mertest000000", "ord-1001")), "ClientRef": "ord-1001", "OrderRef": "98187964",
		"MSISDN": "27831234567", "Amount": json.Number("2.00"), "VoucherType": "pinned", "Description": "Airtime voucher", "Network": "",
	}
	failed := settled(t, topup.Outcome{Answer: topup.Refused, Code: topup.CodeInvalidAmount, Reference: "98187964"})
	cases := []struct {
		record  *topup.Topup
		event   topup.EventType
		success bool
		reason  string
	}{
		{settled(t, delivered()), topup.EventSucceeded, true, ""},
		{failed, topup.EventFailed, false, failed.Failure.Message},
		{reversed(t), topup.EventReversed, false, "do not refund yet"},
	}
	for _, c := range cases {
		body, err := webhook.TopupBody(topup.FormatAAT, c.record, c.record.Version(), c.event)
		must(t, err)
		got := decode(t, body)
		if reason, _ := got["FailReason"].(string); got["Success"] != c.success || !strings.Contains(reason, c.reason) || (c.success && reason != "") {
			t.Errorf("%s: Success %v, FailReason %q", c.event, got["Success"], reason)
		}
		delete(got, "Success")
		delete(got, "FailReason")
		if diff := cmp.Diff(common, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.event, diff)
		}
	}
}

func TestAATCannotSayEverything(t *testing.T) {
	t.Parallel()
	r := settled(t, topup.Outcome{Answer: topup.Mismatch})
	if _, err := webhook.TopupBody(topup.FormatAAT, r, r.Version(), topup.EventUnresolved); !errors.Is(err, webhook.ErrNotSayable) {
		t.Errorf("unresolved: %v", err)
	}
	if _, err := webhook.BatchBody(topup.FormatAAT, &topup.Batch{}); !errors.Is(err, webhook.ErrNotSayable) {
		t.Errorf("batch: %v", err)
	}
	if _, err := webhook.TestBody(topup.FormatAAT, "mertest000000", t0); !errors.Is(err, webhook.ErrNotSayable) {
		t.Errorf("test: %v", err)
	}
}

func TestBatchBody(t *testing.T) {
	t.Parallel()
	b := &topup.Batch{
		ID: "batabcdefghijklm", Name: "may", Rows: 3, Accepted: 2, Rejected: 1, Sealed: true,
		States:    map[topup.State]int64{topup.Succeeded: 2},
		CreatedAt: t0, ClosedAt: t0.Add(time.Minute),
	}
	body, err := webhook.BatchBody(topup.FormatStandard, b)
	must(t, err)
	view, err := json.Marshal(b.View())
	must(t, err)
	want := map[string]any{"type": "batch.completed", "timestamp": "2026-11-02T10:01:00Z", "data": decode(t, view)}
	if diff := cmp.Diff(want, decode(t, body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTestBody(t *testing.T) {
	t.Parallel()
	body, err := webhook.TestBody(topup.FormatStandard, "mertest000000", t0)
	must(t, err)
	got := decode(t, body)
	if got["type"] != "webhook.test" || got["data"].(map[string]any)["merchant_id"] != "mertest000000" {
		t.Errorf("got %s", body)
	}
}
