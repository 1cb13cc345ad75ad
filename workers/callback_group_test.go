package workers

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
	"topupq/webhook"
)

// grouped is a body with several events.
type grouped struct {
	Type   string `json:"type"`
	Events []struct {
		ID        string    `json:"id"`
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			Reference string `json:"reference"`
			Version   int    `json:"version"`
		} `json:"data"`
	} `json:"events"`
}

// readGroups verifies what has arrived and returns how often each event was told with success, and the largest group.
func readGroups(t *testing.T, w *world, secret topup.Secret) (told map[string]int, largest int) {
	t.Helper()
	told = map[string]int{}
	for _, a := range w.arrivals("") {
		if err := webhook.Verify(secret.Reveal(), a.header, a.body, a.at); err != nil {
			t.Fatal(err)
		}
		var g grouped
		if err := json.Unmarshal(a.body, &g); err != nil || g.Type != "events" || len(g.Events) == 0 {
			t.Fatalf("%v: %s", err, a.body)
		}
		largest = max(largest, len(g.Events))
		for _, e := range g.Events {
			if e.Type == "" || e.Timestamp.IsZero() || e.Data.Reference == "" {
				t.Errorf("event %+v", e)
			}
			if a.status == 200 {
				told[e.ID]++
			}
		}
	}
	return told, largest
}

func groupsOf(n int) func(*topup.Webhook) { return func(w *topup.Webhook) { w.MaxEvents = n } }

// TestGroupsOfEvents has 300 outcomes in a second for an endpoint that takes a second for each body, refuses the third
// and the fourth, and gets them again.
func TestGroupsOfEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, asked := newMemory(), 0
		w := newWorld(func(arrival) reply {
			if asked++; asked == 3 || asked == 4 {
				return reply{status: 503, after: time.Second}
			}
			return reply{status: 200, after: time.Second}
		})
		merchant, secret := m.addMerchant(t, "shop", groupsOf(50))
		c := dispatcher(t, m, w)
		want := map[string]bool{}
		for n := range 300 {
			r := m.succeeded(t, merchant, n)
			want[topup.CallbackID(string(r.ID), r.Version())] = true
			c.Notify(r)
			if n%3 == 0 {
				<-time.After(10 * time.Millisecond)
			}
		}
		pass(t, m, c, 30*time.Second)
		told, largest := readGroups(t, w, secret)
		for id := range want {
			if told[id] != 1 {
				t.Errorf("%s was told %d times", id, told[id])
			}
		}
		if len(told) != 300 || largest > 50 || largest < 20 {
			t.Errorf("%d told, at most %d at once", len(told), largest)
		}
		if n := len(w.arrivals("")); n > 30 {
			t.Errorf("%d bodies for 300 events", n)
		}
	})
}

// TestGroupKeepsOrder sends two versions of one top-up one after the other, beside others.
func TestGroupKeepsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(200))
		merchant, secret := m.addMerchant(t, "shop", groupsOf(10))
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		m.change(t, r.ID, reverseNow)
		other := m.succeeded(t, merchant, 2)
		<-time.After(time.Minute)
		ring(t, c, string(other.ID))
		ring(t, c, string(r.ID))
		synctest.Wait()
		told, _ := readGroups(t, w, secret)
		if len(told) != 3 {
			t.Errorf("told %v", told)
		}
		last := 0
		for _, a := range w.arrivals("") {
			var g grouped
			check(t, json.Unmarshal(a.body, &g))
			for _, e := range g.Events {
				if e.Data.Reference == "ord-1" {
					if e.Data.Version <= last {
						t.Errorf("version %d after %d", e.Data.Version, last)
					}
					last = e.Data.Version
				}
			}
		}
	})
}

// TestGroupThatCannotBeRecorded stays owed, and the same store does not make it a storm.
func TestGroupThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: time.Second} })
		merchant, _ := m.addMerchant(t, "shop", groupsOf(10))
		m.fail = func(op string) error {
			if op == "UpdateLoaded" {
				return topup.ErrUnavailable
			}
			return nil
		}
		c := dispatcher(t, m, w, func(cfg *CallbacksConfig) { cfg.PerEndpoint = 1 })
		for n := range 8 {
			r := m.succeeded(t, merchant, n)
			ring(t, c, string(r.ID))
		}
		<-time.After(20 * time.Second)
		synctest.Wait()
		if n := len(w.arrivals("")); n < 1 || n > 2 {
			t.Errorf("%d bodies", n)
		}
	})
}
