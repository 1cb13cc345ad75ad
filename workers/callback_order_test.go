package workers

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"topupq/topup"
)

func TestVersionsGoInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(always(503))
		merchant, _ := m.addMerchant(t, "shop")
		c := dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		c.Notify(r)
		pass(t, m, c, time.Minute)
		c.Notify(m.change(t, r.ID, reverseNow))
		synctest.Wait()
		for _, a := range w.arrivals("") {
			if a.version != 3 {
				t.Fatalf("version %d was sent while version 3 waited", a.version)
			}
		}
		before := len(w.arrivals(""))
		w.set(always(200))
		pass(t, m, c, 10*time.Minute)
		got := w.arrivals("")[before:]
		if len(got) != 2 || got[0].version != 3 || got[1].version != 4 || !got[1].at.Equal(got[0].at) {
			t.Errorf("arrived: %v", versions(got))
		}
	})
}

func versions(as []arrival) []int {
	var out []int
	for _, a := range as {
		out = append(out, a.version)
	}
	return out
}

// Three processes over one store, endpoints that fail, hang and are slow, records that move on at any moment: what
// was delivered is in order, and in the end everything is.
func TestOrderHoldsUnderDisorder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { disorder(t, rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))) })
	}
}

func disorder(t *testing.T, rnd, luck *rand.Rand) {
	m := newMemory()
	w := newWorld(func(arrival) reply {
		switch luck.IntN(6) {
		case 0:
			return reply{status: 500}
		case 1:
			return reply{hang: true}
		case 2:
			return reply{status: 200, after: time.Duration(luck.IntN(14_000)) * time.Millisecond}
		default:
			return reply{status: 200}
		}
	})
	merchant, _ := m.addMerchant(t, "shop")
	processes := []*Callbacks{dispatcher(t, m, w), dispatcher(t, m, w), dispatcher(t, m, w)}
	some := func() *Callbacks { return processes[rnd.IntN(len(processes))] }
	var ids []topup.ID
	for n := range 10 {
		r := m.succeeded(t, merchant, n)
		ids = append(ids, r.ID)
		some().Notify(r)
	}
	for range 400 {
		<-time.After(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		if id := ids[rnd.IntN(len(ids))]; m.topup(t, id).State == topup.Succeeded && rnd.IntN(10) == 0 {
			some().Notify(m.change(t, id, reverseNow))
		}
		for _, id := range m.due(time.Now()) {
			ring(t, some(), id)
		}
	}
	w.set(always(200))
	pass(t, m, processes[0], 8*time.Hour)

	delivered := map[string]int{}
	arrived := w.arrivals("")
	slices.SortStableFunc(arrived, func(a, b arrival) int { return a.at.Compare(b.at) })
	for _, a := range arrived {
		if a.status != 200 {
			continue
		}
		id, version, _ := topup.ParseCallbackID(a.id)
		if version < delivered[id] {
			t.Errorf("version %d of %s was delivered after version %d", version, id, delivered[id])
		}
		delivered[id] = max(delivered[id], version)
	}
	for _, id := range ids {
		r := m.topup(t, id)
		if delivered[string(id)] != r.Version() || r.NextCallback() != nil {
			t.Errorf("%s: delivered version %d of %d, %+v", id, delivered[string(id)], r.Version(), r.Callbacks)
		}
	}
}

// Two processes have two versions of one record in hand at the same moment: the first one's holds until it is done.
func TestNewerVersionWaitsForTheOlderOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, w := newMemory(), newWorld(func(arrival) reply { return reply{status: 200, after: 5 * time.Second} })
		merchant, _ := m.addMerchant(t, "shop")
		a, b := dispatcher(t, m, w), dispatcher(t, m, w)
		r := m.succeeded(t, merchant, 1)
		a.Notify(r)
		<-time.After(time.Second)
		b.Notify(m.change(t, r.ID, reverseNow))
		pass(t, m, b, time.Minute)
		got := w.arrivals("")
		if len(got) != 2 || got[0].version != 3 || got[1].version != 4 {
			t.Errorf("arrived: %v", versions(got))
		}
	})
}
