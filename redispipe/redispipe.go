// Package redispipe sends the commands of many goroutines together: what is asked for at the same time leaves in one
// pipeline, so that it shares the round trip and, with appendfsync always, the fsync. A command alone leaves at once;
// while pipelines are under way the next one gathers until it is as large as they are.
package redispipe

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// maxPipeline bounds the commands of one pipeline, so that no single exchange grows long.
	maxPipeline = 256
	// most is the number of pipelines under way at once; more than a few only make each smaller.
	most = 3
	// patience is how long commands wait for company while a pipeline is under way.
	patience = 5 * time.Millisecond
	// exchangeTimeout bounds one pipeline, whoever waits for it.
	exchangeTimeout = 10 * time.Second
)

// ErrClosed means that the Pipe was closed before the command was taken.
var ErrClosed = errors.New("redis pipe is closed")

// call is one command on its way. A command whose ctx has ended before it is sent is not sent any more.
type call struct {
	ctx context.Context
	// add puts the command into a pipeline; part, where set, is what goes into one together with others of its kind.
	add  func(redis.Pipeliner) redis.Cmder
	part *Part
	// cmd is the command as sent, nil where it was not; answer and err are a part's.
	cmd    redis.Cmder
	answer any
	err    error
	// done is closed when all that is there.
	done chan struct{}
}

// Pipe collects commands and sends them together. It is safe for concurrent use.
type Pipe struct {
	rdb redis.UniversalClient

	mu      sync.Mutex
	waiting []*call
	// room is how many may wait before those are looked for that have given up.
	room int
	// since is when the first of those that wait began to.
	since time.Time
	// flying is the number of pipelines under way, calls that of the commands in them.
	flying, calls int
	// late rings, where armed, when the first has waited long enough.
	late   *time.Timer
	armed  bool
	closed bool
	wg     sync.WaitGroup
}

// New returns a pipe on rdb, which it does not own. It needs a Close in the end.
func New(rdb redis.UniversalClient) *Pipe {
	p := &Pipe{rdb: rdb}
	p.late = time.AfterFunc(time.Hour, p.runLate)
	p.late.Stop()
	return p
}

// Close ends the pipe after what it has taken.
func (p *Pipe) Close() {
	p.mu.Lock()
	p.closed = true
	p.late.Stop()
	p.mu.Unlock()
	p.wg.Wait()
}

// Do sends one command with whatever others are waiting and returns it with its result, an error included. Do's own
// error means that there is no result: ctx ended first, and the command may still take effect, or ErrClosed.
func (p *Pipe) Do(ctx context.Context, add func(redis.Pipeliner) redis.Cmder) (redis.Cmder, error) {
	cl := &call{ctx: ctx, add: add, done: make(chan struct{})}
	if err := p.await(cl); err != nil { //nolint:contextcheck // see sendOne
		return nil, err
	}
	return cl.cmd, nil
}

// await hands a call in and returns when its result is there; an error when there will be none.
func (p *Pipe) await(cl *call) error {
	if err := cl.ctx.Err(); err != nil {
		return err
	}
	if !p.take(cl) {
		return ErrClosed
	}
	select {
	case <-cl.done:
	case <-cl.ctx.Done():
		return cl.ctx.Err()
	}
	if cl.cmd == nil {
		return cl.ctx.Err()
	}
	return nil
}

// Post is Do for commands whose result nobody wants: it returns when they are taken, and nobody is told when they fail.
func (p *Pipe) Post(ctx context.Context, add func(redis.Pipeliner) redis.Cmder) {
	p.take(&call{ctx: context.WithoutCancel(ctx), add: add, done: make(chan struct{})}) //nolint:contextcheck // see sendOne
}

// take puts a call in line, false where the pipe is closed.
func (p *Pipe) take(cl *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if len(p.waiting) == 0 && p.flying > 0 {
		p.since = time.Now()
	}
	p.waiting = append(p.waiting, cl)
	if len(p.waiting) > p.room {
		p.forget()
	}
	p.send()
	return true
}

// forget drops what nobody waits for any more: while Redis hangs, callers come and give up, and would leave all that they
// wanted to say. The lock is held.
func (p *Pipe) forget() {
	p.waiting = slices.DeleteFunc(p.waiting, func(cl *call) bool { return cl.ctx.Err() != nil })
	p.room = max(2*len(p.waiting), most*maxPipeline)
}

// send lets what waits leave: at once where nothing is under way, else when it is as much as a pipeline under way
// carries. The lock is held.
func (p *Pipe) send() {
	for len(p.waiting) > 0 && p.flying < most && len(p.waiting)*p.flying >= p.calls {
		p.sendOne()
	}
	if len(p.waiting) > 0 && !p.armed && !p.closed {
		p.armed = true
		p.late.Reset(patience)
	}
}

// sendOne lets one pipeline leave. The lock is held.
//
// A pipeline is not its commands: it goes on without any that gives up, so it has none of their contexts.
func (p *Pipe) sendOne() {
	n := min(len(p.waiting), maxPipeline)
	batch := p.waiting[:n:n]
	p.waiting, p.since = p.waiting[n:], time.Now()
	p.flying++
	p.calls += n
	p.wg.Go(func() {
		p.exchange(batch)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.flying--
		p.calls -= n
		p.send()
	})
}

// runLate sends what has waited long enough for a pipeline that does not come back.
func (p *Pipe) runLate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if p.closed || len(p.waiting) == 0 {
		return
	}
	rest := patience - time.Since(p.since)
	if rest <= 0 && p.flying < most {
		p.sendOne()
		rest = patience
	}
	if len(p.waiting) > 0 {
		p.armed = true
		p.late.Reset(max(rest, patience/8)) // all are under way: one of them comes back, or this looks again
	}
}

func (p *Pipe) exchange(batch []*call) {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()
	pipe := p.rdb.Pipeline()
	var joint bundles
	for _, cl := range batch {
		switch {
		case cl.ctx.Err() != nil:
		case cl.part != nil:
			joint.add(cl)
		default:
			cl.cmd = cl.add(pipe)
		}
	}
	joint.send(ctx, pipe)
	_, _ = pipe.Exec(ctx) // every command carries its own error
	joint.share()
	for _, cl := range batch {
		close(cl.done)
	}
}

// Client is a Redis client whose script calls go through a Pipe; everything else goes to the client itself. A queue that
// asynq has found empty is not looked at again for a moment.
type Client struct {
	redis.UniversalClient
	pipe  *Pipe
	quiet quiet
}

// NewClient wraps rdb. The pipe stays the caller's.
func NewClient(rdb redis.UniversalClient, pipe *Pipe) *Client {
	return &Client{UniversalClient: rdb, pipe: pipe}
}

// EvalSha runs a loaded script through the pipe.
func (c *Client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	look := lookedAt(sha, keys)
	if look != "" && c.quiet.empty(look) {
		return answered(ctx, redis.Nil)
	}
	cmd, err := c.pipe.Do(ctx, func(p redis.Pipeliner) redis.Cmder { return p.EvalSha(ctx, sha, keys, args...) })
	if err != nil {
		return answered(ctx, err)
	}
	if look != "" && errors.Is(cmd.Err(), redis.Nil) {
		c.quiet.note(look)
	}
	return cmd.(*redis.Cmd)
}

func answered(ctx context.Context, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(err)
	return cmd
}

// Close leaves both the pipe and the wrapped client open: they are their owners'.
func (c *Client) Close() error { return nil }
