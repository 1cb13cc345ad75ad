package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"topupq/e2e/harness"
	"topupq/topup"
)

// nigerian are rows of one operator in Nigeria, as a CSV without its header.
func nigerian(prefix string, operator, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s-%d,+234803%07d,1.00,USD,%d\n", prefix, i, 2_000_000+operator*1000+i, operator)
	}
	return b.String()
}

const nigerianHeader = "reference,recipient,amount,currency,product.operator_id\n"

func batchOf(ctx context.Context, t *testing.T, m *harness.Merchant, id string) topup.BatchView {
	t.Helper()
	var b topup.BatchView
	status, _, body, err := m.Call(ctx, http.MethodGet, "/v1/batches/"+id, "")
	if err == nil {
		err = json.Unmarshal(body, &b)
	}
	if err != nil || status != http.StatusOK {
		t.Fatalf("batch: %d %s %v", status, body, err)
	}
	return b
}

// TestBrake: the first rows of an operator in a file all fail, so its other rows wait, while another operator's go on. The
// merchant is told by a callback and by its feed. An operator lets the rest go, and it is delivered.
func TestBrake(t *testing.T) {
	t.Parallel()
	const bad, good, canaries = 60, 20, 10
	s := harness.Start(t, harness.Options{Ops: true, Env: map[string]string{"TOPUPQ_CANARIES": fmt.Sprint(canaries)}})
	ctx := t.Context()
	for i := range bad {
		s.Sims.Script(topup.Reloadly, topup.NewID(s.Merchant.ID, fmt.Sprint("bad-", i)), refusal)
	}
	r := upload(ctx, t, s.Merchant, "", nigerianHeader+nigerian("bad", 341, bad)+nigerian("good", 342, good), http.StatusAccepted)
	if r.Accepted != bad+good {
		t.Fatalf("%+v", r)
	}
	within(ctx, t, "the callback batch.paused", func() bool { return len(s.Receiver.BatchEvents()) > 0 })
	told := s.Receiver.BatchEvents()[0]
	if told.Type != "batch.paused" || string(told.Data.BatchID) != r.BatchID || told.Data.Paused == nil || told.Data.Paused.Operator != "reloadly:341" {
		t.Fatalf("%+v", told)
	}
	within(ctx, t, "the rows of the other operator", func() bool { return batchOf(ctx, t, s.Merchant, r.BatchID).States["succeeded"] == good })
	if b := batchOf(ctx, t, s.Merchant, r.BatchID); b.States["failed"] >= bad/2 || b.States["accepted"] <= bad/2 || b.Paused == nil {
		t.Errorf("the first rows should have failed and the rest wait: %+v", b)
	}
	feed := eventsOf(ctx, t, s.Merchant)
	if !slices.ContainsFunc(feed, func(e feedEvent) bool { return e.ID == told.WebhookID && e.Type == "batch.paused" }) {
		t.Errorf("the feed does not have %s: %+v", told.WebhookID, feed)
	}
	last := topup.NewID(s.Merchant.ID, fmt.Sprint("bad-", bad-1))
	within(ctx, t, "a row that waits says why", func() bool {
		return strings.Contains(explanation(ctx, t, s.Merchant, last), "too many of its operator's rows in this batch have failed")
	})
	waiting := batchOf(ctx, t, s.Merchant, r.BatchID).States["accepted"]
	for i := range bad {
		s.Sims.Script(topup.Reloadly, topup.NewID(s.Merchant.ID, fmt.Sprint("bad-", i)), harness.Rule{})
	}
	s.Sims.Heal()
	if _, err := s.Command(ctx, "resume", "brake:"+r.BatchID+"/reloadly:341", "--apply", "--reason", "the operator is well again", "--as", harness.OpsUser); err != nil {
		t.Fatal(err)
	}
	within(ctx, t, "batch.completed", func() bool { return len(s.Receiver.BatchEvents()) > 1 })
	b := batchOf(ctx, t, s.Merchant, r.BatchID)
	if b.ClosedAt == nil || b.States["succeeded"] != good+waiting || b.States["failed"] != bad-waiting {
		t.Errorf("%d waited; after the release: %+v", waiting, b.States)
	}
	if events := s.Receiver.BatchEvents(); events[1].Type != "batch.completed" || len(events) != 2 {
		t.Errorf("%+v", events)
	}
}

// feedEvent is an event of the feed.
type feedEvent struct {
	Sequence int64
	ID, Type string
	Data     struct {
		ID               topup.ID
		Reference, State string
		Version          int
		BatchID          string  `json:"batch_id"`
		StatesHash       *string `json:"states_hash"`
		Accepted         int64
		Duplicates       int64
	}
}

// eventsOf reads a merchant's feed from its beginning, in small parts, and finds no gap in it.
func eventsOf(ctx context.Context, t *testing.T, m *harness.Merchant) []feedEvent {
	t.Helper()
	var out []feedEvent
	for after := int64(0); ; {
		var page struct {
			Data       []feedEvent
			NextCursor *string `json:"next_cursor"`
		}
		status, _, body, err := m.Call(ctx, http.MethodGet, fmt.Sprint("/v1/events?limit=50&after=", after), "")
		if err == nil {
			err = json.Unmarshal(body, &page)
		}
		if err != nil || status != http.StatusOK {
			t.Fatalf("feed: %d %s %v", status, body, err)
		}
		for _, e := range page.Data {
			if after++; e.Sequence != after {
				t.Fatalf("event %d follows %d", e.Sequence, after-1)
			}
			out = append(out, e)
		}
		if page.NextCursor == nil {
			return out
		}
	}
}

// explanation is the sentence of a record.
func explanation(ctx context.Context, t *testing.T, m *harness.Merchant, id topup.ID) string {
	t.Helper()
	var rec struct{ Explanation string }
	_, _, body, err := m.Call(ctx, http.MethodGet, "/v1/topups/"+string(id), "")
	if err == nil {
		err = json.Unmarshal(body, &rec)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rec.Explanation
}
