package redisstore_test

import (
	"errors"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// rewindRig is a store on an embedded Redis whose content can be copied and put back.
type rewindRig struct {
	*testing.T
	redis *miniredis.Miniredis
	// sharded makes its stores count the writes of each shard, as on a cluster.
	sharded bool
	ids     []topup.ID
}

// byShard hides what kind of client it is, so that a store counts the writes of each shard.
type byShard struct{ redis.UniversalClient }

// eachWay runs a test where all writes are counted in one place, and where those of each shard are.
func eachWay(t *testing.T, test func(t *testing.T, sharded bool)) {
	t.Helper()
	for name, sharded := range map[string]bool{"one place": false, "by shard": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, sharded)
		})
	}
}

// open is one more process.
func (r *rewindRig) open() topup.Store {
	rdb := redis.NewClient(&redis.Options{Addr: r.redis.Addr()})
	r.Cleanup(func() { _ = rdb.Close() })
	s := redisstore.Open(rdb, redisstore.Options{})
	if r.sharded {
		s = redisstore.Open(byShard{rdb}, redisstore.Options{})
	}
	r.Cleanup(s.Close)
	return s
}

func newRewindRig(t *testing.T, rows int, sharded bool) (*rewindRig, topup.Store) {
	t.Helper()
	r := &rewindRig{T: t, redis: miniredis.RunT(t), sharded: sharded}
	s := r.open()
	for i := range rows {
		x := &topup.Topup{ID: topup.NewID("mer", strconv.Itoa(i)), Merchant: "mer", Reference: strconv.Itoa(i), Provider: topup.AAT, Recipient: "+27831234567"}
		if err := x.Accept(topup.ActorIntake, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), []*topup.Topup{x}); err != nil {
			t.Fatal(err)
		}
		r.ids = append(r.ids, x.ID)
	}
	return r, s
}

func (r *rewindRig) touch(s topup.Store, id topup.ID) error {
	_, err := s.Update(r.Context(), id, func(x *topup.Topup) error { x.Tries++; return nil })
	return err
}

func (r *rewindRig) mustTouch(s topup.Store, ids ...topup.ID) {
	r.Helper()
	for _, id := range ids {
		if err := r.touch(s, id); err != nil {
			r.Fatal(err)
		}
	}
}

// copyOf is what records and write counts hold; putBack makes them hold that again, and nothing else.
func (r *rewindRig) copyOf() (map[string]string, map[string]map[string]string) {
	r.Helper()
	texts, hashes := map[string]string{}, map[string]map[string]string{}
	for _, key := range r.redis.Keys() {
		switch r.redis.Type(key) {
		case "string":
			text, err := r.redis.Get(key)
			if err != nil {
				r.Fatal(err)
			}
			texts[key] = text
		case "hash":
			fields, err := r.redis.HKeys(key)
			if err != nil {
				r.Fatal(err)
			}
			hashes[key] = map[string]string{}
			for _, f := range fields {
				hashes[key][f] = r.redis.HGet(key, f)
			}
		}
	}
	return texts, hashes
}

func (r *rewindRig) putBack(texts map[string]string, hashes map[string]map[string]string) {
	r.Helper()
	for _, key := range r.redis.Keys() {
		if kind := r.redis.Type(key); kind == "string" || kind == "hash" {
			r.redis.Del(key)
		}
	}
	for key, text := range texts {
		if err := r.redis.Set(key, text); err != nil {
			r.Fatal(err)
		}
	}
	for key, fields := range hashes {
		for f, v := range maps.All(fields) {
			r.redis.HSet(key, f, v)
		}
	}
}

func (r *rewindRig) marked(s topup.Store) bool {
	r.Helper()
	at, err := s.Recovered(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return !at.IsZero()
}

// TestStoreThatWentBack restores an old copy under a running store: the next write must notice.
func TestStoreThatWentBack(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		r, s := newRewindRig(t, 40, sharded)
		texts, hashes := r.copyOf()
		r.mustTouch(s, r.ids...)
		if r.marked(s) {
			t.Fatal("recovered without a reason")
		}
		r.mustNotice(s, texts, hashes)
	})
}

// mustNotice puts an old copy back: the next write of the store must fail and leave the mark, and the ones after it pass.
func (r *rewindRig) mustNotice(s topup.Store, texts map[string]string, hashes map[string]map[string]string) {
	r.Helper()
	r.putBack(texts, hashes)
	if err := r.touch(s, r.ids[0]); !errors.Is(err, topup.ErrUnavailable) {
		r.Fatalf("the write did not notice: %v", err)
	}
	if !r.marked(s) {
		r.Error("no recovery mark")
	}
	r.mustTouch(s, r.ids...)
}

// TestWriteThatWasLostIsNoticedByItsWriter loses one process' last write, as a failover to a lagging replica does.
// Another process writes first and brings the count back to where it was.
func TestWriteThatWasLostIsNoticedByItsWriter(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		for name, others := range map[string]int{"fewer writes than lost": 1, "as many": 2, "more": 50} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r, first := newRewindRig(t, 1, sharded)
				second := r.open()
				id := r.ids[0] // one top-up, so that all writes are of one shard
				r.mustTouch(first, id)
				r.mustTouch(second, id)
				texts, hashes := r.copyOf()
				r.mustTouch(first, id, id)
				r.putBack(texts, hashes)
				for range others {
					r.mustTouch(second, id)
				}
				if r.marked(second) {
					t.Fatal("the second process has lost nothing")
				}
				if err := r.touch(first, id); !errors.Is(err, topup.ErrUnavailable) {
					t.Fatalf("the writer did not notice: %v", err)
				}
				if !r.marked(first) {
					t.Error("no recovery mark")
				}
				r.mustTouch(first, id)
				r.mustTouch(second, id)
			})
		}
	})
}

// TestWriteUnderWayWhenARewindIsNoticed lets one write notice the restore while another is between its look at the
// record and its own write: that one must not go through as if nothing had been.
func TestWriteUnderWayWhenARewindIsNoticed(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		r, s := newRewindRig(t, 40, sharded)
		texts, hashes := r.copyOf()
		r.mustTouch(s, r.ids...)
		noticed := false
		_, err := s.Update(t.Context(), r.ids[0], func(x *topup.Topup) error {
			if !noticed {
				noticed = true
				r.putBack(texts, hashes)
				if err := r.touch(s, r.ids[1]); !errors.Is(err, topup.ErrUnavailable) {
					t.Errorf("the other write did not notice: %v", err)
				}
			}
			x.Tries++
			return nil
		})
		if !errors.Is(err, topup.ErrUnavailable) || !noticed {
			t.Errorf("written, or failed otherwise: %v", err)
		}
		r.mustTouch(s, r.ids...)
	})
}

// TestManyWritesAreNoRewind goes round all writes that are remembered, with two processes at once, where they are counted by
// shard and where the whole store is. After that a loss is still noticed.
func TestManyWritesAreNoRewind(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		r, first := newRewindRig(t, 1, sharded)
		second, id, many := r.open(), r.ids[0], 16_005
		if sharded {
			many = 1005
		}
		r.mustTouch(second, id)
		for range many {
			r.mustTouch(first, id)
		}
		r.mustTouch(second, id)
		r.mustTouch(first, id)
		if r.marked(first) {
			t.Error("recovered without a reason")
		}
		texts, hashes := r.copyOf()
		r.mustTouch(first, id)
		r.putBack(texts, hashes)
		r.mustTouch(second, id)
		if err := r.touch(first, id); !errors.Is(err, topup.ErrUnavailable) {
			t.Errorf("the writer did not notice: %v", err)
		}
	})
}

// TestParallelWritesAreNoRewind lets two processes write at once on a real Redis.
func TestParallelWritesAreNoRewind(t *testing.T) {
	t.Parallel()
	server := redisproc.StartForTest(t, redisproc.Options{})
	stores := []topup.Store{open(t, server.Addr(), 0), open(t, server.Addr(), 0)}
	var ids []topup.ID
	for i := range 40 {
		x := &topup.Topup{ID: topup.NewID("mer", strconv.Itoa(i)), Merchant: "mer", Reference: strconv.Itoa(i), Provider: topup.AAT, Recipient: "+27831234567"}
		if err := x.Accept(topup.ActorIntake, time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		if _, err := stores[0].Create(t.Context(), []*topup.Topup{x}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for i := range 200 {
				_, err := stores[n%2].Update(t.Context(), ids[(i*7+n)%len(ids)], func(x *topup.Topup) error { x.Tries++; return nil })
				if err != nil && !errors.Is(err, topup.ErrContention) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if at, err := stores[0].Recovered(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("recovered at %v without a reason: %v", at, err)
	}
}

// TestLossOfWhatOthersWrote restores a copy that lacks writes of another process only. This one has to notice before it
// claims anything, since what it is about to send may be what the other one has sent.
func TestLossOfWhatOthersWrote(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		r, mine := newRewindRig(t, 40, sharded)
		other := r.open()
		r.mustTouch(mine, r.ids...)
		texts, hashes := r.copyOf()
		r.mustTouch(other, r.ids...)
		if r.marked(mine) {
			t.Fatal("recovered without a reason")
		}
		r.putBack(texts, hashes)
		for end := time.Now().Add(10 * time.Second); !r.marked(mine); {
			if time.Now().After(end) {
				t.Fatal("nobody noticed")
			}
		}
		r.mustTouch(mine, r.ids...)
	})
}

// TestLossOfWhatOthersWroteStopsTheNextWrite: the write that comes right after such a restore notices it as well, before the
// mark is looked for again. It may be a claim.
func TestLossOfWhatOthersWroteStopsTheNextWrite(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, sharded bool) {
		r, mine := newRewindRig(t, 40, sharded)
		other := r.open()
		r.mustTouch(mine, r.ids...)
		texts, hashes := r.copyOf()
		r.mustTouch(other, r.ids...)
		if r.marked(mine) { // it sees how far the others have come
			t.Fatal("recovered without a reason")
		}
		r.mustNotice(mine, texts, hashes)
	})
}
