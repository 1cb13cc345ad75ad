package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"topupq/config"
	"topupq/jobs"
	"topupq/redispipe"
	"topupq/topup"
	"topupq/topup/redisstore"
)

// node is what every role of one process shares. Parts are stopped in the reverse order of their start.
type node struct {
	cfg    config.Config
	log    *zap.Logger
	ledger redis.UniversalClient
	queue  redis.UniversalClient
	// board is the queue's client as it was opened: the dashboard asks for its kind to show the page about Redis.
	board redis.UniversalClient
	store *redisstore.Store
	// clock is the time that all processes agree on: the ledger's.
	clock   *redisstore.Clock
	bell    *jobs.Client
	keyring topup.Keyring
	name    string
	// watch counts and traces; watched is the store with its writes counted. Both are there once the roles start.
	watch   watch
	watched *watchedStore
	traces  bool
	// spans take the traces in the place of what the environment names, nil for that.
	spans sdk.SpanExporter
	// around stands around every provider, nil for nothing.
	around func(topup.Provider) topup.Provider
	// rotations take new credentials; credentialsOf are the settings that the present ones are from.
	rotations     []rotation
	credentialsOf config.Config
	stops         []func(context.Context)
}

// stopGrace is how long parts other than workers may take to stop.
const stopGrace = 10 * time.Second

// loadConfig reads the settings named by --config and the environment.
func loadConfig(cmd *cobra.Command, d deps) (config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return config.Config{}, fmt.Errorf("read flag: %w", err)
	}
	cfg, err := config.Load(path, d.getenv, d.environ())
	if err != nil {
		return cfg, &exitError{code: exitUsage, err: err}
	}
	return cfg, nil
}

// newNode connects the shared parts. demand is what the ledger's Redis must promise; "" asks nothing.
func newNode(ctx context.Context, cfg config.Config, log *zap.Logger, demand string) (*node, error) {
	keyring, err := topup.ParseKeyring(cfg.EncryptionKey.Reveal())
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_ENCRYPTION_KEY: %w", err)}
	}
	n := &node{cfg: cfg, credentialsOf: cfg, log: log, keyring: keyring, name: processName()}
	n.rotations = append(n.rotations, n.rotateKeyring)
	if n.ledger, err = connect(cfg.RedisURL); err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_REDIS_URL: %w", err)}
	}
	n.onStop(func(context.Context) { _ = n.ledger.Close() })
	if demand != "" {
		if err := awaitDurability(ctx, n.ledger, redisstore.Durability(demand), log); err != nil {
			n.stop()
			return nil, err
		}
	}
	if n.queue, err = connect(cfg.QueueRedisURL); err != nil {
		n.stop()
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("TOPUPQ_QUEUE_REDIS_URL: %w", err)}
	}
	n.board = n.queue
	n.onStop(func(context.Context) { _ = n.board.Close() })
	pipe := redispipe.New(n.board)
	n.onStop(func(context.Context) { pipe.Close() })
	n.queue = redispipe.NewClient(n.board, pipe)
	n.startClock(ctx)
	n.store = redisstore.Open(n.ledger, redisstore.Options{Pipe: n.ledgerPipe(pipe), CallbackLease: cfg.Callback.Timeout + callbackMargin, Now: n.clock.Now})
	n.onStop(func(context.Context) { n.store.Close() })
	n.bell = jobs.NewClient(n.queue, jobs.Timeouts{Provider: longestTimeout(cfg), Callback: cfg.Callback.Timeout})
	return n, nil
}

// ledgerPipe is the pipe of the ledger's commands: the queue's, where both are in the same Redis.
func (n *node) ledgerPipe(queue *redispipe.Pipe) *redispipe.Pipe {
	if n.cfg.RedisURL == n.cfg.QueueRedisURL {
		return queue
	}
	return nil
}

// startClock asks the ledger's Redis for the time, and goes on asking. A Redis that does not tell leaves the machine's.
func (n *node) startClock(ctx context.Context) {
	n.clock = redisstore.NewClock(n.ledger, n.log.Named("clock"))
	if err := n.clock.Sync(ctx); err != nil {
		n.log.Warn("the time of Redis is not known: hold times go by this machine's clock", zap.Error(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); n.clock.Run(ctx) }()
	n.onStop(func(context.Context) { cancel(); <-done })
}

// callbackMargin is added to a callback's timeout where a sender's right to send ends.
const callbackMargin = 5 * time.Second

func longestTimeout(cfg config.Config) time.Duration {
	return max(cfg.Reloadly.Timeout, cfg.AAT.Timeout, cfg.RechargeKit.Timeout)
}

// connect opens a client for a Redis address. Pools are wide because many small servers poll side by side.
func connect(address config.Secret) (redis.UniversalClient, error) {
	opts, err := config.RedisOptions(address)
	if err != nil {
		return nil, err
	}
	opts.PoolSize = max(opts.PoolSize, poolSize)
	if !opts.IsClusterMode {
		return redis.NewUniversalClient(opts), nil
	}
	cluster := opts.Cluster()
	cluster.ClusterStateReloadInterval = clusterLook
	return redis.NewClusterClient(cluster), nil
}

const (
	poolSize = 128
	// clusterLook is how old a client's map of a cluster may be. A primary that is gone answers no MOVED, so nothing else
	// tells a pipeline that its replica has taken over; go-redis' own minute would lengthen every failover to that.
	clusterLook = time.Second
)

// durabilityWait is how long a Redis that is still starting is waited for.
const durabilityWait = 30 * time.Second

// awaitDurability checks the ledger's Redis, waiting for one that does not answer yet.
func awaitDurability(ctx context.Context, rdb redis.UniversalClient, want redisstore.Durability, log *zap.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, durabilityWait)
	defer cancel()
	for {
		err := redisstore.CheckDurability(ctx, rdb, want)
		if err == nil {
			return nil
		}
		if !errors.Is(err, topup.ErrUnavailable) || ctx.Err() != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("the ledger's Redis is not safe for money:\n%w", err)}
		}
		log.Warn("waiting for Redis", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// Format hides the node from every verb: its settings hold secrets in fields that fmt would print as they are.
func (n *node) Format(f fmt.State, _ rune) { fmt.Fprint(f, "node "+n.name) }

func (n *node) onStop(stop func(context.Context)) { n.stops = append(n.stops, stop) }

// stop stops all parts, the last started first, and returns when they are done.
func (n *node) stop() {
	for i := len(n.stops) - 1; i >= 0; i-- {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		n.stops[i](ctx)
		cancel()
	}
	n.stops = nil
}

// processName tells this process from others: host, process number and a random part.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), topup.NewLookupID())
}
