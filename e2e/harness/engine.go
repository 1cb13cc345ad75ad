package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"topupq/config"
	"topupq/redisproc"
)

// EngineEnv chooses what every Stack runs on: one server where it is empty, a Redis Cluster of three primaries where it
// is "cluster".
const EngineEnv = "TOPUPQ_TEST_ENGINE"

const (
	clusterEngine = "cluster"
	primaries     = 3
)

// OnCluster reports whether the stacks of this run stand on a Redis Cluster.
func OnCluster() bool { return os.Getenv(EngineEnv) == clusterEngine }

// NotOnCluster skips the test, with the reason, where the stacks stand on a Redis Cluster.
func NotOnCluster(tb testing.TB, reason string) {
	tb.Helper()
	if OnCluster() {
		tb.Skip("not run on a Redis Cluster: " + reason)
	}
}

// Redis is what keeps the data: one server, or the primaries of a cluster, which have no replicas. What is said about
// all of it at once is done to every node.
type Redis struct {
	Nodes   []*redisproc.Server
	cluster *redisproc.Cluster
	// fronts are the nodes' addresses as the processes see them, in the order of the nodes.
	fronts []string
	mu     sync.Mutex
}

// StartRedis runs the engine that EngineEnv chooses, without a proxy in front of it. It ends with the test.
func StartRedis(tb testing.TB, o redisproc.Options) *Redis {
	tb.Helper()
	if !OnCluster() {
		node := redisproc.StartForTest(tb, o)
		return &Redis{Nodes: []*redisproc.Server{node}, fronts: []string{node.Addr()}}
	}
	c := redisproc.StartClusterForTest(tb, primaries, o)
	return &Redis{Nodes: c.Nodes, cluster: c, fronts: c.Addrs()}
}

// startBehind runs one server or a cluster behind a proxy for each node. The nodes of a cluster tell clients the proxies'
// addresses.
func startBehind(tb testing.TB, o redisproc.Options, fronts []string, cluster bool) (*Redis, error) {
	tb.Helper()
	if !cluster {
		return &Redis{Nodes: []*redisproc.Server{redisproc.StartForTest(tb, o)}, fronts: fronts}, nil
	}
	ports := make([]int, len(fronts))
	for i, front := range fronts {
		_, port, err := net.SplitHostPort(front)
		if err != nil {
			return nil, fmt.Errorf("read address of proxy: %w", err)
		}
		if ports[i], err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("read port of proxy: %w", err)
		}
	}
	c := redisproc.StartClusterBehindForTest(tb, ports, o)
	return &Redis{Nodes: c.Nodes, cluster: c, fronts: fronts}, nil
}

// wanted is how many servers a stack stands on: those of a cluster where it asks for one or EngineEnv does.
func wanted(cluster bool) (nodes int, err error) {
	e := os.Getenv(EngineEnv)
	if e != "" && e != clusterEngine {
		return 0, fmt.Errorf("%s is %q: leave it empty or say %q", EngineEnv, e, clusterEngine)
	}
	if cluster || OnCluster() {
		return primaries, nil
	}
	return 1, nil
}

// URL is the address as TOPUPQ_REDIS_URL takes it, through the proxies where there are any.
func (r *Redis) URL() string {
	url := "redis://" + r.fronts[0]
	for i, front := range r.fronts[1:] {
		url += string("?&"[min(i, 1)]) + "addr=" + front
	}
	return url
}

// Client is a connection around the proxies, for what an operator does there. Close it.
func (r *Redis) Client() redis.UniversalClient {
	opts, err := config.RedisOptions(config.Secret(r.URL()))
	if err != nil {
		panic(err) // the processes have been started with it
	}
	behind := map[string]string{}
	for i, front := range r.fronts {
		behind[front] = r.Nodes[i].Addr()
	}
	opts.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, behind[addr])
	}
	return redis.NewUniversalClient(opts)
}

// Each does the same with a connection to every node in turn, until an error.
func (r *Redis) Each(do func(node *redis.Client) error) error {
	for _, node := range r.Nodes {
		rdb := redis.NewClient(&redis.Options{Addr: node.Addr()})
		err := do(rdb)
		_ = rdb.Close()
		if err != nil {
			return fmt.Errorf("node %s: %w", node.Addr(), err)
		}
	}
	return nil
}

// Kill ends every node without warning.
func (r *Redis) Kill() {
	for _, node := range r.Nodes {
		node.Kill()
	}
}

// Run starts every node that does not run, and returns when all of them serve.
func (r *Redis) Run(ctx context.Context) error {
	for _, node := range r.Nodes {
		if err := r.RunNode(ctx, node); err != nil {
			return err
		}
	}
	if r.cluster == nil {
		return nil
	}
	return r.cluster.Await(ctx)
}

// RunNode starts a node that does not run. It answers then; a node of a cluster refuses to serve for a while.
func (r *Redis) RunNode(ctx context.Context, node *redisproc.Server) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if node.PID() != 0 {
		return nil
	}
	return node.Run(ctx)
}

// Signal sends a signal to every node.
func (r *Redis) Signal(sig os.Signal) error {
	for _, node := range r.Nodes {
		if err := node.Signal(sig); err != nil {
			return err
		}
	}
	return nil
}
