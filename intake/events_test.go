package intake_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"topupq/intake"
	"topupq/topup"
	"topupq/webhook"
)

// standardBodies says events as callbacks do.
type standardBodies struct{}

func (standardBodies) Topup(t *topup.Topup, version int, e topup.EventType) ([]byte, error) {
	return webhook.TopupBody(topup.FormatStandard, t, version, e)
}

func (standardBodies) Batch(b *topup.Batch) ([]byte, error) {
	return webhook.BatchBody(topup.FormatStandard, b)
}

func withBodies(c *intake.Config) { c.Bodies = standardBodies{} }

// feed is a part of the event feed.
type feed struct {
	Data []struct {
		Sequence  int64     `json:"sequence"`
		ID        string    `json:"id"`
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      *struct {
			State     string `json:"state"`
			Reference string `json:"reference"`
			Version   int    `json:"version"`
		} `json:"data"`
	} `json:"data"`
	Next  *string `json:"next_cursor"`
	First int64   `json:"first_sequence"`
	Last  int64   `json:"last_sequence"`
}

func (r answer) feed() feed {
	r.t.Helper()
	var f feed
	if err := json.Unmarshal(r.want(200).body, &f); err != nil {
		r.t.Fatal(err)
	}
	return f
}

// cancelled hands in top-ups that are cancelled at once: one event each.
func (a *api) cancelled(references ...string) {
	a.t.Helper()
	for _, ref := range references {
		id := a.do("POST", "/v1/topups", good(ref)).want(202).text("id")
		a.do("POST", "/v1/topups/"+id+"/cancel", "").want(200)
	}
}

func TestEventFeed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withBodies)
	if f := a.do("GET", "/v1/events", "").feed(); len(f.Data) != 0 || f.Last != 0 || f.First != 1 || f.Next != nil {
		t.Errorf("empty feed: %+v", f)
	}
	a.cancelled("a", "b", "c")
	f := a.do("GET", "/v1/events?limit=2", "").feed()
	if len(f.Data) != 2 || f.Next == nil || *f.Next != "2" || f.Last != 3 {
		t.Fatalf("first part: %+v", f)
	}
	if e := f.Data[0]; e.Sequence != 1 || e.Type != "topup.failed" || e.Data == nil || e.Data.Reference != "a" || e.Data.Version != 2 || e.Timestamp.IsZero() {
		t.Errorf("event %+v", e)
	}
	if f = a.do("GET", "/v1/events?after="+*f.Next, "").feed(); len(f.Data) != 1 || f.Data[0].Sequence != 3 || f.Next != nil {
		t.Errorf("rest: %+v", f)
	}
	if f = a.do("GET", "/v1/events?after=3", "").feed(); len(f.Data) != 0 || f.Last != 3 {
		t.Errorf("end: %+v", f)
	}
	a.do("GET", "/v1/events?after=4", "").problem(409, "sequence_ahead")
	for _, q := range []string{"after=-1", "after=x", "limit=0", "cursor=1"} {
		a.do("GET", "/v1/events?"+q, "").problem(400, "malformed")
	}
	_, other := a.addMerchant("two")
	if f := a.as(other).do("GET", "/v1/events", "").feed(); f.Last != 0 {
		t.Errorf("another merchant sees %+v", f)
	}
}

func TestEventFeedWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withBodies)
		a.cancelled("a")
		got := make(chan feed)
		began := time.Now()
		go func() { got <- a.do("GET", "/v1/events?after=1&wait=20", "").feed() }()
		<-time.After(7 * time.Second)
		a.cancelled("b")
		if f := <-got; len(f.Data) != 1 || f.Data[0].Sequence != 2 || time.Since(began) > 8*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), f)
		}
		began = time.Now()
		if f := a.do("GET", "/v1/events?after=2", "", "Prefer", "wait=3").feed(); len(f.Data) != 0 || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), f)
		}
	})
}

// TestEventFeedOnRedis reads the feed of a batch from the ledger itself, batch.completed last, and pages through its
// callbacks.
func TestEventFeedOnRedis(t *testing.T) {
	t.Parallel()
	a, _ := newRedisAPI(t, withBodies)
	for i := range 5 {
		a.cancelled(fmt.Sprintf("r%d", i))
	}
	list := a.do("GET", "/v1/callbacks?limit=3", "").want(200).json()
	if len(list["data"].([]any)) != 3 {
		t.Fatalf("callbacks %v", list)
	}
	rest := a.do("GET", "/v1/callbacks?limit=3&cursor="+list["next_cursor"].(string), "").want(200).json()
	if len(rest["data"].([]any)) != 2 || rest["next_cursor"] != nil {
		t.Errorf("rest of the callbacks %v", rest)
	}
	a.do("GET", "/v1/callbacks?cursor=x", "").problem(400, "malformed")
	f := a.do("GET", "/v1/events", "").feed()
	told := map[string]bool{}
	for i, e := range f.Data {
		told[e.Data.Reference] = e.Sequence == int64(i+1)
	}
	if d := cmp.Diff(map[string]bool{"r0": true, "r1": true, "r2": true, "r3": true, "r4": true}, told); d != "" {
		t.Error(d)
	}
}

func TestRedeliverRange(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	order := a.do("POST", "/v1/callbacks/redeliver", `{"from":"2026-11-20T08:00:00Z"}`).want(202)
	if order.text("state") != "running" || order.text("to") != "2026-11-20T10:00:00Z" {
		t.Errorf("order %s", order.body)
	}
	if d := cmp.Diff([]any{"failed", "parked"}, order.json()["states"]); d != "" {
		t.Error(d)
	}
	again := a.do("GET", order.header.Get("Location"), "").want(200)
	if d := cmp.Diff(order.json(), again.json()); d != "" {
		t.Error(d)
	}
	_, other := a.addMerchant("two")
	a.as(other).do("GET", order.header.Get("Location"), "").problem(404, "not_found")
	for body, field := range map[string]string{
		`{}`: "from", `{"from":5}`: "from", `{"from":"now"}`: "from", `{"from":"2026-11-20T08:00:00Z","to":"2026-11-19T08:00:00Z"}`: "to",
		`{"from":"2026-11-20T08:00:00Z","states":["lost"]}`: "states[0]", `{"from":"2026-11-20T08:00:00Z","states":[]}`: "states",
		`{"from":"2026-11-20T08:00:00Z","since":"x"}`: "since",
	} {
		if d := cmp.Diff([]string{field}, a.do("POST", "/v1/callbacks/redeliver", body).problem(422, "invalid")); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
}

func TestSettingTheEndpointSendsWhatIsParked(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do("PUT", "/v1/webhook", `{"url":null}`).want(200)
	if n := len(a.store.orders); n != 0 {
		t.Errorf("%d orders without an endpoint", n)
	}
	a.do("PUT", "/v1/webhook", `{"url":"https://shop.example.com/cb"}`).want(200)
	if n := len(a.store.orders); n != 2 {
		t.Fatalf("%d orders", n)
	}
	for _, o := range a.store.orders {
		if o.Merchant != a.merchant.ID || len(o.States) != 1 || o.States[0] != topup.CallbackParked || !o.From.IsZero() || o.To.Before(start) {
			t.Errorf("order %+v", o)
		}
	}
}

func TestGroupsAreAskedFor(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const url = `{"url":"https://shop.example.com/cb",`
	set := a.do("PUT", "/v1/webhook", url+`"max_events":25}`).want(200).json()
	if set["max_events"] != num("25") || a.do("GET", "/v1/webhook", "").json()["max_events"] != num("25") {
		t.Errorf("set %v", set)
	}
	if one := a.do("PUT", "/v1/webhook", url+`"max_events":1}`).want(200).json(); one["max_events"] != nil {
		t.Errorf("one at a time: %v", one)
	}
	for _, wrong := range []string{`"max_events":0}`, `"max_events":101}`, `"max_events":"5"}`, `"max_events":5,"format":"aat"}`} {
		if d := cmp.Diff([]string{"max_events"}, a.do("PUT", "/v1/webhook", url+wrong).problem(422, "invalid")); d != "" {
			t.Errorf("%s: %s", wrong, d)
		}
	}
}
