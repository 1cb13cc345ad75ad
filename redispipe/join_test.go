package redispipe_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/redispipe"
)

// addScript adds to a counter for each part; a negative number is that part's own error.
const addScript = `
local out = {}
for i = 1, tonumber(ARGV[1]) do
  if tonumber(ARGV[i + 1]) < 0 then out[i] = {err = 'NEGATIVE ' .. ARGV[i + 1]}
  else out[i] = redis.call('INCRBY', KEYS[i], ARGV[i + 1]) end
end
return out
`

// watch counts script calls and holds pipelines back that it is told to.
type watch struct {
	calls atomic.Int64
	// gate, where set, holds every pipeline until it is closed; entered gets one for each.
	mu      sync.Mutex
	gate    chan struct{}
	entered chan struct{}
}

func (w *watch) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (w *watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (w *watch) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, c := range cmds {
			if c.Name() == "evalsha" {
				w.calls.Add(1)
			}
		}
		w.mu.Lock()
		gate := w.gate
		w.mu.Unlock()
		if gate != nil {
			w.entered <- struct{}{}
			<-gate
		}
		return next(ctx, cmds)
	}
}

// hold keeps pipelines back from now on, until release.
func (w *watch) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gate, w.entered = make(chan struct{}), make(chan struct{}, 100)
}

func (w *watch) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.gate)
	w.gate = nil
}

// watched is a pipe whose pipelines are watched, with the script loaded.
func watched(t *testing.T) (*redis.Client, *redispipe.Pipe, *watch, string) {
	t.Helper()
	rdb, p := open(t)
	w := &watch{}
	rdb.AddHook(w)
	sha, err := rdb.ScriptLoad(t.Context(), addScript).Result()
	if err != nil {
		t.Fatal(err)
	}
	return rdb, p, w, sha
}

// busy fills all that may be under way with commands that are held back, and returns what waits for them.
func busy(t *testing.T, p *redispipe.Pipe, w *watch) *sync.WaitGroup {
	t.Helper()
	var wg sync.WaitGroup
	w.hold()
	for i := range redispipe.Most {
		wg.Go(func() {
			if _, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.Set(t.Context(), "busy"+strconv.Itoa(i), 1, 0) }); err != nil {
				t.Error(err)
			}
		})
		<-w.entered
	}
	return &wg
}

// TestPartsGoTogether: what waits goes in as few calls as its groups and their bound allow, and each part has its answer.
func TestPartsGoTogether(t *testing.T) {
	t.Parallel()
	_, p, w, sha := watched(t)
	before := busy(t, p, w)
	const parts = 100
	var wg sync.WaitGroup
	var handedIn atomic.Int64
	for i := range parts {
		wg.Go(func() {
			part := redispipe.Part{SHA: sha, Group: strconv.Itoa(i % 2), Keys: []string{"n" + strconv.Itoa(i)}, Args: []any{i}}
			if i%10 == 9 {
				part.Args = []any{-i}
			}
			handedIn.Add(1)
			got, err := p.Join(t.Context(), part)
			switch {
			case i%10 == 9 && (err == nil || err.Error() != fmt.Sprint("NEGATIVE ", -i)):
				t.Errorf("part %d: %v, %v", i, got, err)
			case i%10 != 9 && (err != nil || got != int64(i)):
				t.Errorf("part %d: %v, %v", i, got, err)
			}
		})
	}
	for handedIn.Load() < parts || redispipe.Waiting(p) < parts {
		if t.Context().Err() != nil {
			t.Fatal("not all are in line")
		}
	}
	w.calls.Store(0)
	w.release()
	wg.Wait()
	before.Wait()
	if n := w.calls.Load(); n != 4 { // two groups of 50, 32 parts a call at most
		t.Errorf("%d calls", n)
	}
}

// TestCallThatFailsFailsItsParts: what Redis says of the whole call, and an answer that is not one for each part.
func TestCallThatFailsFailsItsParts(t *testing.T) {
	t.Parallel()
	rdb, p, _, sha := watched(t)
	if _, err := p.Join(t.Context(), redispipe.Part{SHA: "0000000000000000000000000000000000000000", Keys: []string{"k"}}); err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT") {
		t.Errorf("a script that is not there: %v", err)
	}
	short, err := rdb.ScriptLoad(t.Context(), `return {}`).Result()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Join(t.Context(), redispipe.Part{SHA: short, Keys: []string{"k"}}); err == nil {
		t.Error("an answer for nobody was taken for one")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Join(ended, redispipe.Part{SHA: sha, Keys: []string{"k"}, Args: []any{1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if n, err := rdb.Exists(t.Context(), "k").Result(); n != 0 || err != nil {
		t.Errorf("it was done all the same: %d, %v", n, err)
	}
}

// gates hold back each pipeline that sets a key which has a gate, until that is closed.
type gates map[string]chan struct{}

func (g gates) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (g gates) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (g gates) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, c := range cmds {
			if gate, ok := g[fmt.Sprint(c.Args()[1])]; ok {
				<-gate
			}
		}
		return next(ctx, cmds)
	}
}

// TestNobodyWaitsForAPipelineThatDoesNotComeBack: two commands are under way and stay there; one alone is not as many, and
// leaves all the same after a while.
func TestNobodyWaitsForAPipelineThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	rdb, p := open(t)
	held := gates{}
	for _, key := range []string{"0", "1", "2", "stays"} {
		held[key] = make(chan struct{})
	}
	rdb.AddHook(held)
	results := map[string]chan error{}
	set := func(key string) {
		results[key] = make(chan error, 1)
		go func(result chan error) {
			_, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.Set(t.Context(), key, 1, 0) })
			result <- err
		}(results[key])
	}
	until := func(what string, done func() bool) {
		for !done() {
			if t.Context().Err() != nil {
				t.Fatal(what)
			}
		}
	}
	for i := range redispipe.Most {
		set(strconv.Itoa(i))
		until("each leaves alone", func() bool { return redispipe.UnderWay(p) == i+1 })
	}
	set("stays")
	set("along")
	until("two wait", func() bool { return redispipe.Waiting(p) == 2 })
	for i := range redispipe.Most {
		close(held[strconv.Itoa(i)])
		if err := <-results[strconv.Itoa(i)]; err != nil {
			t.Fatal(err)
		}
	}
	until("the two are under way", func() bool { return redispipe.UnderWay(p) == 1 && redispipe.Waiting(p) == 0 })
	set("last")
	if err := <-results["last"]; err != nil {
		t.Error(err)
	}
	if redispipe.UnderWay(p) < 1 || len(results["stays"]) > 0 {
		t.Error("the two came back: nothing was shown")
	}
	close(held["stays"])
	for _, key := range []string{"stays", "along"} {
		if err := <-results[key]; err != nil {
			t.Error(err)
		}
	}
}

// TestEmptyQueueIsAskedForOnce: of many servers that look at an empty queue one asks Redis, and a moment later one again. A
// queue that has something, and any other script, is asked every time.
func TestEmptyQueueIsAskedForOnce(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	w := &watch{}
	rdb.AddHook(w)
	p := redispipe.New(rdb)
	t.Cleanup(p.Close)
	c := redispipe.NewClient(rdb, p)
	pop, err := rdb.ScriptLoad(t.Context(), `return redis.call('RPOP', KEYS[1])`).Result()
	if err != nil {
		t.Fatal(err)
	}
	look := func(key string) error { return c.EvalSha(t.Context(), pop, []string{key}).Err() }
	start := time.Now()
	looks := 0
	for ; w.calls.Load() < 2; looks++ {
		if err := look("asynq:{q}:pending"); !errors.Is(err, redis.Nil) {
			t.Fatalf("an empty queue: %v", err)
		}
	}
	if passed := time.Since(start); passed < redispipe.QuietFor || looks < 3 {
		t.Errorf("asked again after %v and %d looks", passed, looks)
	}
	for range 3 {
		before := w.calls.Load()
		if err := look("asynq:{q}:t:1"); !errors.Is(err, redis.Nil) || w.calls.Load() != before+1 {
			t.Errorf("another key was not asked for: %v", err)
		}
	}
	for i := range 3 {
		if err := rdb.LPush(t.Context(), "asynq:{full}:pending", i).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if got, err := c.EvalSha(t.Context(), pop, []string{"asynq:{full}:pending"}).Int(); err != nil || got != i {
			t.Errorf("take %d: %d, %v", i, got, err)
		}
	}
}

// TestWhatNobodyWaitsForIsNotGathered: callers give up one after the other while Redis hangs, and leave nothing behind.
func TestWhatNobodyWaitsForIsNotGathered(t *testing.T) {
	t.Parallel()
	_, p, w, sha := watched(t)
	before := busy(t, p, w)
	for i := range 3000 {
		ctx, cancel := context.WithCancel(t.Context())
		line := redispipe.Waiting(p)
		gone := make(chan error)
		go func() {
			_, err := p.Join(ctx, redispipe.Part{SHA: sha, Keys: []string{"n"}, Args: []any{i}})
			gone <- err
		}()
		for redispipe.Waiting(p) == line && t.Context().Err() == nil { // it is not in line yet
		}
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatalf("given up: %v", err)
		}
	}
	if n := redispipe.Waiting(p); n > 1000 {
		t.Errorf("%d commands wait for nobody", n)
	}
	w.release()
	before.Wait()
}
