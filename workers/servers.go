package workers

import (
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// Queue is one queue and how it is served.
type Queue struct {
	Name    string
	Handler asynq.Handler
	// Concurrency bounds the handlers at work, spread over Servers asynq servers: each dequeues on its own, which is
	// what bounds a queue's speed. Zero is 1 for both.
	Concurrency, Servers int
	// Poll is how often an empty queue is looked at. Default 20 ms.
	Poll time.Duration
	// Grace is how long a handler may go on when the process stops; longer than any call inside it.
	Grace time.Duration
}

const (
	defaultPoll = 20 * time.Millisecond
	forwardPoll = time.Second
)

// Servers run queues. Every queue has asynq servers of its own, so that a slow provider holds up nobody else.
type Servers struct {
	servers  []*asynq.Server
	handlers []asynq.Handler
}

// NewServers prepares the servers; Start runs them. rdb stays the caller's.
func NewServers(rdb redis.UniversalClient, log *zap.Logger, queues []Queue) *Servers {
	s := &Servers{}
	for _, q := range queues {
		n := min(max(q.Servers, 1), max(q.Concurrency, 1))
		if q.Poll <= 0 {
			q.Poll = defaultPoll
		}
		for i := range n {
			s.servers = append(s.servers, asynq.NewServerFromRedisClient(rdb, asynq.Config{
				Concurrency: share(max(q.Concurrency, 1), n, i), Queues: map[string]int{q.Name: 1},
				TaskCheckInterval: q.Poll, DelayedTaskCheckInterval: forwardPoll, ShutdownTimeout: q.Grace,
				IsFailure: IsFailure, RetryDelayFunc: RetryDelay, Logger: queueLog{log.Named("asynq").Sugar()}, LogLevel: asynq.WarnLevel,
			}))
			s.handlers = append(s.handlers, q.Handler)
		}
	}
	return s
}

// share is the i-th of n parts of total.
func share(total, n, i int) int {
	part := total / n
	if i < total%n {
		part++
	}
	return part
}

// Start runs all servers. When one cannot start those before it are stopped again.
func (s *Servers) Start() error {
	for i, srv := range s.servers {
		if err := srv.Start(s.handlers[i]); err != nil {
			s.servers = s.servers[:i]
			s.Stop()
			return fmt.Errorf("start queue server: %w", err)
		}
	}
	return nil
}

// Stop takes no new tasks, lets those at work end within their grace, and returns when all have.
func (s *Servers) Stop() {
	// Each waits for the question to Redis that it has under way, which takes its time when Redis is away: all at once.
	s.each((*asynq.Server).Stop)
	s.each((*asynq.Server).Shutdown)
}

// each does something with all servers at once and returns when all are done.
func (s *Servers) each(do func(*asynq.Server)) {
	var wg sync.WaitGroup
	for _, srv := range s.servers {
		wg.Go(func() { do(srv) })
	}
	wg.Wait()
}

// queueLog gives asynq's own messages to zap.
type queueLog struct{ *zap.SugaredLogger }

// Fatal is logged as an error: a library does not end our process.
func (l queueLog) Fatal(args ...any) { l.Error(args...) }
