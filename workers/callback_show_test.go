package workers

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

// TestReceiverDownForThreeDays has outcomes, reversals and a batch all the while, and a receiver that comes back after
// three days: it gets every event once per version, and no version after a later one.
func TestReceiverDownForThreeDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const down = 72 * time.Hour
		m := newMemory()
		began := time.Now()
		w := newWorld(func(a arrival) reply {
			if a.at.Sub(began) < down {
				return reply{status: 0}
			}
			return reply{status: 204, after: 10 * time.Millisecond}
		})
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		want := map[string]bool{}
		for n := range 48 {
			r := m.succeeded(t, merchant, n)
			c.Notify(r)
			want[topup.CallbackID(string(r.ID), r.Version())] = true
			pass(t, m, c, time.Duration(rand.Int64N(int64(3*time.Hour))))
			if n%3 == 0 {
				r = m.change(t, r.ID, reverseNow)
				want[topup.CallbackID(string(r.ID), r.Version())] = true
				c.Notify(r)
			}
		}
		pass(t, m, c, time.Until(began.Add(down))+60*time.Hour)
		told, version := map[string]int{}, map[string]int{}
		for _, a := range w.arrivals("") {
			if a.status != 204 {
				continue
			}
			told[a.id]++
			id, v, _ := topup.ParseCallbackID(a.id)
			if v <= version[id] {
				t.Errorf("version %d of %s after %d", v, id, version[id])
			}
			version[id] = v
		}
		for id := range want {
			if told[id] != 1 {
				t.Errorf("%s was delivered %d times", id, told[id])
			}
		}
		if len(told) != len(want) || len(want) != 64 {
			t.Errorf("%d events delivered, want %d", len(told), len(want))
		}
	})
}

// TestDeadEndpointLeavesTheOthersTheirPace compares the delay of one merchant's callbacks beside a dead endpoint with
// that without one, in the same run.
func TestDeadEndpointLeavesTheOthersTheirPace(t *testing.T) {
	t.Parallel()
	quiet, beside := p99OfDelays(t, false), p99OfDelays(t, true)
	if quiet <= 0 || beside >= 2*quiet {
		t.Errorf("p99 is %v beside a dead endpoint and %v without", beside, quiet)
	}
	t.Logf("p99 %v, beside a dead endpoint %v", quiet, beside)
}

// p99OfDelays tells how late 99 of 100 callbacks arrive at an endpoint that takes 5 to 30 ms for each, 800 a second:
// about as many as it can take.
func p99OfDelays(t *testing.T, withDead bool) time.Duration {
	t.Helper()
	var delays []time.Duration
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		w := newWorld(func(a arrival) reply {
			if a.host == "dead.example.com" {
				return reply{hang: true}
			}
			return reply{status: 200, after: slowness(a.id)}
		})
		dead, _ := m.addMerchant(t, "dead")
		alive, _ := m.addMerchant(t, "alive")
		c := dispatcher(t, m, w)
		owed := map[string]time.Time{}
		for n := range 1000 {
			if withDead {
				c.Notify(m.succeeded(t, dead, n))
			}
			r := m.succeeded(t, alive, n)
			owed[topup.CallbackID(string(r.ID), r.Version())] = time.Now()
			c.Notify(r)
			if n%4 == 3 {
				<-time.After(5 * time.Millisecond)
			}
		}
		pass(t, m, c, 30*time.Second)
		for _, a := range w.arrivals("alive.example.com") {
			// The endpoint notes when the request came; until then it was ours.
			delays = append(delays, a.at.Sub(owed[a.id])+time.Millisecond)
		}
	})
	if len(delays) != 1000 {
		t.Errorf("%d of 1000 arrived", len(delays))
		return 0
	}
	slices.Sort(delays)
	return delays[989]
}

// slowness is how long the endpoint takes for an event: the same in every run.
func slowness(id string) time.Duration {
	sum := 0
	for _, c := range []byte(id) {
		sum += int(c)
	}
	return time.Duration(5+sum%25) * time.Millisecond
}
