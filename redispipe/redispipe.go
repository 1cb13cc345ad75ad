// Package redispipe sends the commands of many goroutines together: what is asked for at the same time leaves in one
// pipeline, so that it shares the round trip and, with appendfsync always, the fsync. Nothing waits for company: a
// command alone leaves at once.
package redispipe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxPipeline bounds the commands of one pipeline, so that no single exchange grows long.
	maxPipeline = 256
	// senders is the number of pipelines under way at once; more than a few only make each smaller.
	senders = 2
	// exchangeTimeout bounds one pipeline, whoever waits for it.
	exchangeTimeout = 10 * time.Second
)

// ErrClosed means that the Pipe was closed before the command was taken.
var ErrClosed = errors.New("redis pipe is closed")

// call is one command on its way: add puts it into a pipeline, done is closed when its result is there. A command
// whose ctx has ended before it is sent is not sent any more.
type call struct {
	ctx  context.Context
	add  func(redis.Pipeliner) redis.Cmder
	cmd  redis.Cmder
	done chan struct{}
}

// Pipe collects commands and sends them together. It is safe for concurrent use.
type Pipe struct {
	rdb   redis.UniversalClient
	calls chan *call
	stop  chan struct{}
	// gone is closed when nobody sends any more.
	gone chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

// New returns a pipe on rdb, which it does not own. It needs a Close in the end.
func New(rdb redis.UniversalClient) *Pipe {
	p := &Pipe{rdb: rdb, calls: make(chan *call, maxPipeline*senders), stop: make(chan struct{}), gone: make(chan struct{})}
	for range senders {
		p.wg.Go(p.run)
	}
	return p
}

// Close ends the pipe after what it has taken.
func (p *Pipe) Close() {
	p.once.Do(func() {
		close(p.stop)
		p.wg.Wait()
		close(p.gone)
	})
}

// Do sends one command with whatever others are waiting and returns it with its result, an error included. Do's own
// error means that there is no result: ctx ended first, and the command may still take effect, or ErrClosed.
func (p *Pipe) Do(ctx context.Context, add func(redis.Pipeliner) redis.Cmder) (redis.Cmder, error) {
	cl := &call{ctx: ctx, add: add, done: make(chan struct{})}
	select {
	case <-p.stop:
		return nil, ErrClosed
	default:
	}
	select {
	case p.calls <- cl:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.stop:
		return nil, ErrClosed
	}
	select {
	case <-cl.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.gone: // it was put where nobody looked any more, or its result came with the end
		select {
		case <-cl.done:
		default:
			return nil, ErrClosed
		}
	}
	if cl.cmd == nil {
		return nil, ctx.Err()
	}
	return cl.cmd, nil
}

// Post is Do for commands whose result nobody wants: it returns when they are taken, and nobody is told when they fail.
func (p *Pipe) Post(ctx context.Context, add func(redis.Pipeliner) redis.Cmder) {
	select {
	case p.calls <- &call{ctx: context.WithoutCancel(ctx), add: add, done: make(chan struct{})}:
	case <-ctx.Done():
	case <-p.stop:
	}
}

func (p *Pipe) run() {
	for {
		select {
		case first := <-p.calls:
			p.send(p.collect(first))
		case <-p.stop:
			p.drain()
			return
		}
	}
}

func (p *Pipe) drain() {
	for {
		select {
		case first := <-p.calls:
			p.send(p.collect(first))
		default:
			return
		}
	}
}

// collect takes what is waiting, without waiting for more.
func (p *Pipe) collect(first *call) []*call {
	batch := []*call{first}
	for len(batch) < maxPipeline {
		select {
		case next := <-p.calls:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

func (p *Pipe) send(batch []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()
	pipe := p.rdb.Pipeline()
	for _, cl := range batch {
		if cl.ctx.Err() == nil {
			cl.cmd = cl.add(pipe)
		}
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	for _, cl := range batch {
		close(cl.done)
	}
}

// Client is a Redis client whose script calls go through a Pipe; everything else goes to the client itself.
type Client struct {
	redis.UniversalClient
	pipe *Pipe
}

// NewClient wraps rdb. The pipe stays the caller's.
func NewClient(rdb redis.UniversalClient, pipe *Pipe) *Client { return &Client{rdb, pipe} }

// EvalSha runs a loaded script through the pipe.
func (c *Client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd, err := c.pipe.Do(ctx, func(p redis.Pipeliner) redis.Cmder { return p.EvalSha(ctx, sha, keys, args...) })
	if err != nil {
		failed := redis.NewCmd(ctx)
		failed.SetErr(err)
		return failed
	}
	return cmd.(*redis.Cmd)
}

// Close leaves both the pipe and the wrapped client open: they are their owners'.
func (c *Client) Close() error { return nil }
