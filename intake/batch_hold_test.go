package intake_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"topupq/intake"
	"topupq/topup"
)

// inTwoParts reads one text, then calls between, then reads the other.
type inTwoParts struct {
	parts   []io.Reader
	between func()
}

func (p *inTwoParts) Read(b []byte) (int, error) {
	n, err := p.parts[0].Read(b)
	if n > 0 || len(p.parts) == 1 {
		return n, err
	}
	p.between()
	p.parts = p.parts[1:]
	return p.parts[0].Read(b)
}

// inTwoHalves is a file of which two rows are read before between runs, and the third after it.
func inTwoHalves(between func()) *inTwoParts {
	return &inTwoParts{
		parts:   []io.Reader{strings.NewReader(good("a") + "\n" + good("b") + "\n"), strings.NewReader(good("c") + "\n")},
		between: between,
	}
}

// firstBatch waits until there is a batch.
func (a *api) firstBatch() (id topup.BatchID) {
	a.store.wait(func() bool {
		for id = range a.store.batches {
		}
		return id != ""
	})
	return id
}

// TestHeldDuringTheUpload holds or cancels a batch while its file is still being read. That its control totals match in the
// end says nothing about that: what was stopped stays stopped.
func TestHeldDuringTheUpload(t *testing.T) {
	t.Parallel()
	for act, reason := range map[string]topup.Code{"hold": topup.CodeBatchHeld, "cancel": topup.CodeBatchCancelled} {
		t.Run(act, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 1 })
			var id topup.BatchID
			body := inTwoHalves(func() {
				id = a.firstBatch()
				if r := a.do("POST", "/v1/batches/"+string(id)+"/"+act, ""); r.status >= 300 {
					t.Errorf("%s: %d %s", act, r.status, r.body)
				}
			})
			a.send("POST", "/v1/batches?expect_count=3", body, "Content-Type", ndjson)
			b := a.store.batches[id]
			if _, paused := a.store.pauses["hold:"+string(id)]; b == nil || b.Hold == nil || b.Hold.Reason != reason || !paused {
				t.Errorf("the end of the upload let go what was stopped: %+v, paused %v", b, paused)
			}
		})
	}
}

// TestReleasedDuringTheUpload releases a batch while its file is still being read, and the rows of it are woken before the rest
// comes in. That rest is withheld as well, and is to be woken too: nobody would look at it before it expires.
func TestReleasedDuringTheUpload(t *testing.T) {
	t.Parallel()
	for query, status := range map[string]int{"expect_count=3": 202, "expect_count=4": 422} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, func(c *intake.Config) { c.ChunkRows = 1 })
			var id topup.BatchID
			body := inTwoHalves(func() {
				id = a.firstBatch()
				a.do("POST", "/v1/batches/"+string(id)+"/release", "").want(200)
				a.store.wait(func() bool { a.store.batches[id].Wake = false; return true }) // the scheduler has woken what is there
			})
			r := a.send("POST", "/v1/batches?"+query, body, "Content-Type", ndjson).want(status)
			if b := a.store.batches[id]; !b.Wake || b.Hold != nil {
				t.Errorf("rows sleep until they expire: %+v", b)
			}
			if strings.Contains(string(r.body), "nothing of this batch is sent") {
				t.Errorf("told that nothing is sent: %s", r.body)
			}
		})
	}
}

// wait polls until a condition holds, which it asks under the lock.
func (f *fakeStore) wait(done func() bool) {
	for {
		f.mu.Lock()
		ok := done()
		f.mu.Unlock()
		if ok {
			return
		}
	}
}

// heldInBetween is a store where somebody holds the batch at the last moment before the pause of an earlier hold is ended.
type heldInBetween struct {
	*fakeStore
	hold func()
}

func (s *heldInBetween) EndPause(ctx context.Context, scope topup.PauseScope) error {
	if hold := s.hold; hold != nil {
		s.hold = nil
		hold()
	}
	return s.fakeStore.EndPause(ctx, scope)
}

// TestHoldDuringARelease: where the batch shows a hold the workers know of it, whoever released it at the same moment.
func TestHoldDuringARelease(t *testing.T) {
	t.Parallel()
	store := &heldInBetween{fakeStore: newFakeStore()}
	a := newAPI(t, func(c *intake.Config) { c.Store = store })
	a.store = store.fakeStore
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(store.PutMerchant(t.Context(), a.merchant))
	id := *a.upload(csvType, threeRows).receipt(202).BatchID
	path := "/v1/batches/" + id
	a.do("POST", path+"/hold", "").want(200)
	store.hold = func() { a.do("POST", path+"/hold", "").want(200) }
	a.do("POST", path+"/release", "").want(200)
	if _, paused := store.pauses["hold:"+id]; store.batches[topup.BatchID(id)].Hold == nil || !paused {
		t.Errorf("hold %+v, paused %v", store.batches[topup.BatchID(id)].Hold, paused)
	}
}
