package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

const (
	// maxPipeline bounds the commands of one pipeline, so that no single exchange grows long.
	maxPipeline = 256
	// committers is the number of pipelines under way at once; more than a few only make each smaller.
	committers = 4
	// exchangeTimeout bounds one pipeline, whoever waits for it.
	exchangeTimeout = 10 * time.Second
)

// script is one Lua script with its SHA-1, run by EVALSHA.
type script struct {
	*redis.Script
	source string
}

func newScript(source string) script { return script{redis.NewScript(source), source} }

// call is one command on its way: add puts it into a pipeline, done is closed when its result is there.
type call struct {
	add  func(redis.Pipeliner) redis.Cmder
	cmd  redis.Cmder
	done chan struct{}
}

// committer collects the commands of many goroutines and sends them together.
type committer struct {
	rdb   redis.UniversalClient
	calls chan *call
	stop  chan struct{}
	wg    sync.WaitGroup
}

func newCommitter(rdb redis.UniversalClient) *committer {
	c := &committer{rdb: rdb, calls: make(chan *call, maxPipeline*committers), stop: make(chan struct{})}
	for range committers {
		c.wg.Go(c.run)
	}
	return c
}

// close ends the committer after what it has collected.
func (c *committer) close() {
	close(c.stop)
	c.wg.Wait()
}

// do sends one command with whatever others are waiting and returns it with its result. When ctx ends first the
// command may still take effect.
func (c *committer) do(ctx context.Context, add func(redis.Pipeliner) redis.Cmder) (redis.Cmder, error) {
	cl := &call{add: add, done: make(chan struct{})}
	select {
	case c.calls <- cl:
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	case <-c.stop:
		return nil, unavailable(errors.New("store is closed"))
	}
	select {
	case <-cl.done:
		return cl.cmd, nil
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

func (c *committer) run() {
	for {
		select {
		case first := <-c.calls:
			c.send(c.collect(first))
		case <-c.stop:
			for {
				select {
				case first := <-c.calls:
					c.send(c.collect(first))
				default:
					return
				}
			}
		}
	}
}

// collect takes what is waiting, without waiting for more.
func (c *committer) collect(first *call) []*call {
	batch := []*call{first}
	for len(batch) < maxPipeline {
		select {
		case next := <-c.calls:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

func (c *committer) send(batch []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()
	pipe := c.rdb.Pipeline()
	for _, cl := range batch {
		cl.cmd = cl.add(pipe)
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	for _, cl := range batch {
		close(cl.done)
	}
}

// eval runs a script through the committer. A script that the server does not know has not run: it is loaded and
// sent again.
func (s *Store) eval(ctx context.Context, sc script, keys []string, args ...any) (*redis.Cmd, error) {
	cmd, err := s.pipe.do(ctx, func(p redis.Pipeliner) redis.Cmder { return p.EvalSha(ctx, sc.Hash(), keys, args...) })
	if err != nil {
		return nil, err
	}
	res := cmd.(*redis.Cmd)
	if noScript(res.Err()) {
		res = s.rdb.Eval(ctx, sc.source, keys, args...)
	}
	if err := res.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return nil, unavailable(err)
	}
	return res, nil
}

func noScript(err error) bool {
	var re redis.Error
	return errors.As(err, &re) && strings.HasPrefix(re.Error(), "NOSCRIPT")
}

// unavailable marks a failure of the store itself.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", topup.ErrUnavailable, err)
}
