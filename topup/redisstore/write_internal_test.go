package redisstore

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/redisproc"
	"topupq/topup"
)

// cancelled are the keys and arguments of the part that cancels a top-up of the bench.
func (b *dueBench) cancelled(x *topup.Topup) (keys []string, args []any, next *topup.Topup) {
	b.t.Helper()
	next = clone(x)
	if err := next.Cancel(topup.ActorMerchant, "", b.now); err != nil {
		b.t.Fatal(err)
	}
	next.Rev = x.Rev + 1
	counter := b.s.counter(shardOf(string(x.ID)))
	keys, args = b.s.writePart(x, next, newNonce(), counter, b.s.rewind.last(counter))
	return keys, args, next
}

// some are n top-ups of the bench, each with a batch of its own.
func (b *dueBench) some(n int) (out []*topup.Topup) {
	b.t.Helper()
	due, err := b.s.DueSends(b.t.Context(), topup.AAT, b.now, b.now.Add(time.Hour), n)
	if err != nil || len(due) < n {
		b.t.Fatalf("%d found: %v", len(due), err)
	}
	for _, d := range due[:n] {
		x, err := b.s.Get(b.t.Context(), d.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		x.Batch = topup.BatchID("bat" + string(d.ID))
		out = append(out, x)
	}
	return out
}

// TestOneCallWritesMany: each part is written or refused by itself. A key of a wrong type spoils its part alone, and so does
// a counter that is no number.
func TestOneCallWritesMany(t *testing.T) {
	t.Parallel()
	for code, spoil := range map[string]func(rdb redis.Cmdable, key string) redis.Cmder{
		"WRONGTYPE": func(rdb redis.Cmdable, key string) redis.Cmder { return rdb.Set(t.Context(), key, "no hash", 0) },
		"ERR":       func(rdb redis.Cmdable, key string) redis.Cmder { return rdb.HSet(t.Context(), key, "o", "no number") },
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			b := newDueBench(t)
			xs := b.some(4)
			if err := spoil(b.rdb, batchCounters(shardOf(string(xs[1].ID)), xs[1].Batch)).Err(); err != nil {
				t.Fatal(err)
			}
			xs[2].Rev += 7 // somebody else has written
			var keys []string
			args := []any{len(xs)}
			for _, x := range xs {
				k, a, _ := b.cancelled(x)
				keys, args = append(keys, k...), append(args, a...)
			}
			answers, err := b.rdb.Eval(t.Context(), writeScripts[true].source, keys, args...).Slice()
			if err != nil || len(answers) != len(xs) {
				t.Fatalf("%v, %v", answers, err)
			}
			if failed, ok := answers[1].(error); !ok || !strings.HasPrefix(failed.Error(), code+" ") {
				t.Errorf("the spoiled one: %v", answers[1])
			}
			if answers[2] != int64(writeConflict) {
				t.Errorf("the one that somebody else has written: %v", answers[2])
			}
			for _, i := range []int{0, 3} {
				if n, ok := answers[i].(int64); !ok || n <= 0 {
					t.Errorf("part %d: %v", i, answers[i])
				}
				if got, err := b.s.Get(t.Context(), xs[i].ID); err != nil || got.State != topup.Failed {
					t.Errorf("part %d: %v, %v", i, got.State, err)
				}
			}
		})
	}
}

// TestRefusalEndsTheCall: what Redis refuses to everybody is the error of the whole call, so that the client sees it and
// looks for another primary.
func TestRefusalEndsTheCall(t *testing.T) {
	t.Parallel()
	b := newDueBench(t)
	xs := b.some(2)
	var keys []string
	args := []any{len(xs)}
	for _, x := range xs {
		k, a, _ := b.cancelled(x)
		keys, args = append(keys, k...), append(args, a...)
	}
	if err := b.rdb.Do(t.Context(), "CONFIG", "SET", "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.rdb.Eval(t.Context(), writeScripts[true].source, keys, args...).Err(); err == nil || !redis.HasErrorPrefix(err, "OOM") {
		t.Errorf("out of memory: %v", err)
	}
	if err := b.rdb.Do(t.Context(), "CONFIG", "SET", "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.rdb.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.rdb.Eval(t.Context(), writeScripts[true].source, keys, args...).Err(); err == nil || !redis.HasErrorPrefix(err, "READONLY") {
		t.Errorf("on a replica: %v", err)
	}
	if err := b.rdb.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	for _, x := range xs {
		if got, err := b.s.Get(t.Context(), x.ID); err != nil || got.State != topup.Accepted {
			t.Errorf("it was written all the same: %v, %v", got.State, err)
		}
	}
}

// TestClusterBehindAPlainAddress: who speaks to a cluster of one primary as to a single server writes shard by shard.
func TestClusterBehindAPlainAddress(t *testing.T) {
	t.Parallel()
	cluster := redisproc.StartClusterForTest(t, 1, redisproc.Options{})
	rdb := redis.NewClient(&redis.Options{Addr: cluster.Addrs()[0]})
	t.Cleanup(func() { _ = rdb.Close() })
	s := Open(rdb, Options{})
	t.Cleanup(s.Close)
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	xs := accepted(t, s, now, 200)
	var wg sync.WaitGroup
	for _, x := range xs {
		wg.Go(func() {
			got, err := s.UpdateLoaded(t.Context(), x, func(x *topup.Topup) error { return x.Cancel(topup.ActorMerchant, "", now) })
			if err != nil || got.State != topup.Failed {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if !s.apart.Load() {
		t.Error("no call had two shards: nothing was shown")
	}
}
