package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"topupq/e2e/harness"
)

// chaos breaks the processes and what is between them, by a seeded schedule, and keeps a record of it.
type chaos struct {
	stack *harness.Stack
	rnd   *rand.Rand
	wg    sync.WaitGroup

	mu    sync.Mutex
	marks []harness.Mark
	dealt map[string]int
}

func newChaos(s *harness.Stack, rnd *rand.Rand) *chaos {
	return &chaos{stack: s, rnd: rnd, dealt: map[string]int{}}
}

// note records one fault of a kind.
func (c *chaos) note(kind, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks = append(c.marks, harness.Mark{At: time.Now(), What: kind + " " + fmt.Sprintf(format, args...)})
	c.dealt[kind]++
}

// strike is one kind of fault: a name and how it is done. A strike ends what it began before it returns.
type strike struct {
	weight int
	do     func(c *chaos, ctx context.Context)
}

var strikes = []strike{
	{10, (*chaos).killWorker}, {6, (*chaos).freezeWorker}, {5, (*chaos).termWorker}, {3, (*chaos).killScheduler},
	{3, (*chaos).freezeScheduler}, {3, (*chaos).killIntake}, {4, (*chaos).killRedis}, {1, (*chaos).rollAll},
	{4, (*chaos).slowNetwork}, {4, (*chaos).blackhole}, {4, (*chaos).loseReplies}, {4, (*chaos).resets}, {6, (*chaos).cutCommands},
}

// run strikes with short pauses until ctx ends, and returns when everything is whole again. Faults of processes run
// beside each other, those of the network one at a time.
func (c *chaos) run(ctx context.Context, lanes int) {
	total := 0
	for _, s := range strikes {
		total += s.weight
	}
	for range lanes {
		seed := c.rnd.Uint64()
		c.wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 1))
			for ctx.Err() == nil {
				harness.Pause(ctx, between(rnd, 200*time.Millisecond, 1500*time.Millisecond))
				if ctx.Err() != nil {
					return
				}
				n := rnd.IntN(total)
				for _, s := range strikes {
					if n -= s.weight; n < 0 {
						lane := &chaos{stack: c.stack, rnd: rnd, dealt: map[string]int{}}
						s.do(lane, ctx)
						c.take(lane)
						break
					}
				}
			}
		})
	}
	c.wg.Wait()
}

// take adds what a lane has noted.
func (c *chaos) take(lane *chaos) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks = append(c.marks, lane.marks...)
	for k, n := range lane.dealt {
		c.dealt[k] += n
	}
}

func between(rnd *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rnd.Int64N(int64(high-low)))
}

func (c *chaos) one(from []*harness.Process) *harness.Process { return from[c.rnd.IntN(len(from))] }

// restart runs a process again after a while; one that another lane has started already is left alone.
func (c *chaos) restart(ctx context.Context, p *harness.Process) {
	harness.Pause(ctx, between(c.rnd, 50*time.Millisecond, 700*time.Millisecond))
	_ = p.Start()
}

func (c *chaos) kill(ctx context.Context, p *harness.Process) {
	c.note("kill -9", "%s", p.Name)
	p.Kill()
	c.restart(ctx, p)
}

func (c *chaos) freeze(ctx context.Context, p *harness.Process) {
	d := between(c.rnd, 300*time.Millisecond, 5*time.Second)
	c.note("SIGSTOP", "%s for %s", p.Name, d)
	p.Freeze()
	harness.Pause(ctx, d)
	p.Thaw()
}

func (c *chaos) killWorker(ctx context.Context)      { c.kill(ctx, c.one(c.stack.Workers)) }
func (c *chaos) killScheduler(ctx context.Context)   { c.kill(ctx, c.one(c.stack.Schedulers)) }
func (c *chaos) killIntake(ctx context.Context)      { c.kill(ctx, c.stack.Intake) }
func (c *chaos) freezeWorker(ctx context.Context)    { c.freeze(ctx, c.one(c.stack.Workers)) }
func (c *chaos) freezeScheduler(ctx context.Context) { c.freeze(ctx, c.one(c.stack.Schedulers)) }

// stopPatience is how long a process may take to end by itself.
const stopPatience = 40 * time.Second

func (c *chaos) term(ctx context.Context, p *harness.Process) {
	c.note("SIGTERM", "%s", p.Name)
	if err := p.Stop(stopPatience); err != nil {
		c.note("stuck", "%v", err)
	}
	c.restart(ctx, p)
}

func (c *chaos) termWorker(ctx context.Context) { c.term(ctx, c.one(c.stack.Workers)) }

// rollAll restarts every process in turn, as a release does.
func (c *chaos) rollAll(ctx context.Context) {
	c.note("rolling restart", "")
	for _, p := range c.stack.Processes() {
		if ctx.Err() != nil {
			return
		}
		c.term(ctx, p)
	}
}

// hit chooses the nodes of Redis that a fault strikes: of a cluster mostly one, at times all of them.
func (c *chaos) hit() []int {
	all := make([]int, len(c.stack.Redis.Nodes))
	for i := range all {
		all[i] = i
	}
	if n := len(all); n > 1 {
		if i := c.rnd.IntN(n + 1); i < n {
			return []int{i}
		}
	}
	return all
}

// killRedis kills nodes and runs them again. A node of a cluster has no replica here, so that its slots are away
// meanwhile, and for two seconds after.
func (c *chaos) killRedis(ctx context.Context) {
	d, hit := between(c.rnd, 50*time.Millisecond, 2*time.Second), c.hit()
	c.note("kill -9 of Redis", "%v for %s", hit, d)
	for _, i := range hit {
		c.stack.Redis.Nodes[i].Kill()
	}
	harness.Pause(ctx, d)
	for _, i := range hit {
		_ = c.stack.Redis.RunNode(context.WithoutCancel(ctx), c.stack.Redis.Nodes[i])
	}
}

// network makes the wire to some nodes ill for a while. It leaves alone what another lane is at.
func (c *chaos) network(ctx context.Context, kind string, low, high time.Duration, ill func(*harness.Network) error) {
	d := between(c.rnd, low, high)
	hit := slices.DeleteFunc(c.hit(), func(i int) bool { return ill(c.stack.Networks[i]) != nil })
	if len(hit) == 0 {
		return
	}
	c.note(kind, "%v for %s", hit, d)
	harness.Pause(ctx, d)
	for _, i := range hit {
		c.stack.Networks[i].Heal(context.WithoutCancel(ctx))
	}
}

func (c *chaos) slowNetwork(ctx context.Context) {
	c.network(ctx, "slow Redis", 500*time.Millisecond, 2*time.Second, func(n *harness.Network) error {
		return n.Slow(between(c.rnd, 20*time.Millisecond, 250*time.Millisecond))
	})
}

func (c *chaos) blackhole(ctx context.Context) {
	c.network(ctx, "Redis unreachable", 300*time.Millisecond, 4*time.Second, (*harness.Network).Blackhole)
}

func (c *chaos) loseReplies(ctx context.Context) {
	c.network(ctx, "replies lost", 200*time.Millisecond, 2*time.Second, (*harness.Network).LoseReplies)
}

func (c *chaos) resets(ctx context.Context) {
	c.network(ctx, "connections reset", 200*time.Millisecond, time.Second, func(n *harness.Network) error { return n.Reset(0.3) })
}

// cutCommands breaks connections at a share of the script calls: before, inside or after them.
func (c *chaos) cutCommands(ctx context.Context) {
	d, share := between(c.rnd, 300*time.Millisecond, 1500*time.Millisecond), 0.02+0.1*c.rnd.Float64()
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(c.rnd.Uint64(), 2))
	c.note("scripts cut", "for %s, share %.2f", d, share)
	c.stack.Link.SetJudge(func(cmd harness.Command) (harness.Fate, func()) {
		mu.Lock()
		defer mu.Unlock()
		if len(cmd.Keys()) == 0 || rnd.Float64() >= share {
			return harness.Pass, nil
		}
		return harness.Fate(1 + rnd.IntN(3)), nil
	})
	harness.Pause(ctx, d)
	c.stack.Link.SetJudge(nil)
}

// mend makes everything whole: no fault of the wire, Redis and all processes running.
func (c *chaos) mend(ctx context.Context) error {
	c.stack.Sims.Heal()
	c.stack.Link.SetJudge(nil)
	for _, n := range c.stack.Networks {
		n.Heal(ctx)
	}
	if err := c.stack.Redis.Run(ctx); err != nil {
		return fmt.Errorf("run Redis again: %w", err)
	}
	for _, p := range c.stack.Processes() {
		p.Thaw()
		if !p.Alive() {
			if err := p.Start(); err != nil {
				return err
			}
		}
	}
	c.note("mended", "")
	return nil
}
