package redispipe_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"topupq/redispipe"
)

func open(t *testing.T) (*redis.Client, *redispipe.Pipe) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	p := redispipe.New(rdb)
	t.Cleanup(p.Close)
	return rdb, p
}

// TestEveryoneGetsTheirOwn asks for many things at once, some of which fail.
func TestEveryoneGetsTheirOwn(t *testing.T) {
	t.Parallel()
	rdb, p := open(t)
	if err := rdb.LPush(t.Context(), "list", 1).Err(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 2000 {
		wg.Go(func() {
			key := "k" + strconv.Itoa(i)
			if i%10 == 0 {
				cmd, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.Get(t.Context(), "list") })
				if err != nil || cmd.Err() == nil {
					t.Errorf("%d: a wrong type is no error: %v", i, err)
				}
				return
			}
			cmd, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.SetArgs(t.Context(), key, i, redis.SetArgs{Get: true}) })
			if err != nil || (cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil)) {
				t.Errorf("%d: %v %v", i, err, cmd)
			}
		})
	}
	wg.Wait()
	for i := range 2000 {
		got, err := rdb.Get(t.Context(), "k"+strconv.Itoa(i)).Int()
		if i%10 != 0 && (err != nil || got != i) {
			t.Fatalf("k%d = %d, %v", i, got, err)
		}
	}
}

func TestClientRunsScripts(t *testing.T) {
	t.Parallel()
	rdb, p := open(t)
	c := redispipe.NewClient(rdb, p)
	script := redis.NewScript(`return redis.call('INCRBY', KEYS[1], ARGV[1])`)
	for want := range 3 {
		got, err := script.Run(t.Context(), c, []string{"n"}, 1).Int()
		if err != nil || got != want+1 {
			t.Errorf("%d, %v, want %d", got, err, want+1)
		}
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	_, p := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ping := func(pl redis.Pipeliner) redis.Cmder { return pl.Ping(t.Context()) }
	if _, err := p.Do(ctx, ping); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	p.Close()
	if _, err := p.Do(t.Context(), ping); !errors.Is(err, redispipe.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	p.Close()
}

// TestNobodyWaitsForAStaleCommand has callers give up while Redis hangs: what they had asked for is not done later.
func TestNobodyWaitsForAStaleCommand(t *testing.T) {
	t.Parallel()
	hang, held := make(chan struct{}), make(chan struct{})
	rdb, p := open(t)
	rdb.AddHook(hold{hang, held})
	var busy sync.WaitGroup
	for i := range redispipe.Most {
		busy.Go(func() {
			if _, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.Set(t.Context(), "busy"+strconv.Itoa(i), 1, 0) }); err != nil {
				t.Error(err)
			}
		})
		<-held
	}
	ctx, cancel := context.WithCancel(t.Context())
	stale := make(chan error)
	go func() {
		_, err := p.Do(ctx, func(pl redis.Pipeliner) redis.Cmder { return pl.Set(ctx, "stale", 1, 0) })
		stale <- err
	}()
	cancel()
	if err := <-stale; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller was told %v", err)
	}
	close(hang)
	busy.Wait()
	p.Close()
	if n, err := rdb.Exists(t.Context(), "stale").Result(); err != nil || n != 0 {
		t.Errorf("it was done all the same: %d, %v", n, err)
	}
	if _, err := p.Do(t.Context(), func(pl redis.Pipeliner) redis.Cmder { return pl.Get(t.Context(), "x") }); !errors.Is(err, redispipe.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// hold keeps pipelines back until it is closed, and tells of each.
type hold struct{ until, held chan struct{} }

func (h hold) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h hold) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h hold) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		select {
		case <-h.until:
		case h.held <- struct{}{}:
			<-h.until
		}
		return next(ctx, cmds)
	}
}

// TestPostedCommandsAreSent: nobody waits for them, and closing the pipe sends what is left.
func TestPostedCommandsAreSent(t *testing.T) {
	t.Parallel()
	rdb, p := open(t)
	for i := range 500 {
		p.Post(t.Context(), func(pl redis.Pipeliner) redis.Cmder {
			pl.Set(t.Context(), "p"+strconv.Itoa(i), i, 0)
			return pl.Incr(t.Context(), "posted")
		})
	}
	p.Close()
	if n, err := rdb.Get(t.Context(), "posted").Int(); err != nil || n != 500 {
		t.Errorf("%d of 500 were sent, %v", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p.Post(ended, func(pl redis.Pipeliner) redis.Cmder { return pl.Incr(t.Context(), "posted") })
}
