package redisproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Cluster is a running Redis Cluster of primaries, without replicas unless AddReplica adds one.
type Cluster struct {
	Nodes []*Server
	// announced are the ports that the nodes tell clients, 0 where that is the node's own.
	announced []int
	replicas  []*Server
	opts      Options
}

// NodeTimeout is how long a node must be away until the others take the cluster for broken.
const NodeTimeout = 5 * time.Second

const (
	clusterSlots = 16384
	// clusterTimeout bounds the wait until all nodes know all slots.
	clusterTimeout = 30 * time.Second
)

// StartCluster runs primaries servers with opts (Dir and Port must be empty) and joins them to one cluster, the slots
// in equal parts in order. It returns when every node says that the cluster is whole.
func StartCluster(ctx context.Context, primaries int, opts Options) (*Cluster, error) {
	return startCluster(ctx, make([]int, max(primaries, 0)), opts)
}

// StartClusterBehind is StartCluster with a proxy in front of each primary: the nodes tell clients these ports of the
// loopback interface instead of their own, one primary for each, so that no client comes around the proxies.
func StartClusterBehind(ctx context.Context, ports []int, opts Options) (*Cluster, error) {
	return startCluster(ctx, ports, opts)
}

// startCluster starts a node for each of the ports that they tell clients, 0 for its own.
func startCluster(ctx context.Context, announced []int, opts Options) (*Cluster, error) {
	c := &Cluster{announced: announced}
	if err := c.start(ctx, opts); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, opts Options) error {
	if opts.Dir != "" || opts.Port != 0 || len(c.announced) == 0 {
		return errors.New("a cluster needs at least one primary, and every node a directory and a port of its own")
	}
	buses := make([]int, len(c.announced))
	c.opts = opts
	for i, port := range c.announced {
		s, bus, err := c.startNode(ctx, port)
		if err != nil {
			return err
		}
		buses[i], c.Nodes = bus, append(c.Nodes, s)
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	if err := c.join(ctx, buses); err != nil {
		return err
	}
	return c.Await(ctx)
}

// startNode starts a server that may join, and returns the port that other nodes reach it by.
func (c *Cluster) startNode(ctx context.Context, announced int) (s *Server, bus int, err error) {
	if bus, err = FreePort(); err != nil {
		return nil, 0, err
	}
	node := c.opts
	node.Args = append([]string{
		"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(bus),
		"--cluster-node-timeout", strconv.FormatInt(NodeTimeout.Milliseconds(), 10), "--cluster-announce-port", strconv.Itoa(announced),
	}, node.Args...)
	s, err = Start(ctx, node)
	return s, bus, err
}

// join gives every node its slots and introduces all of them to the first.
func (c *Cluster) join(ctx context.Context, buses []int) error {
	for i, node := range c.Nodes {
		from, to := i*clusterSlots/len(c.Nodes), (i+1)*clusterSlots/len(c.Nodes)-1
		err := node.commands(ctx,
			[]any{"CLUSTER", "ADDSLOTSRANGE", from, to},
			[]any{"CLUSTER", "SET-CONFIG-EPOCH", i + 1})
		if err != nil {
			return err
		}
	}
	for i, node := range c.Nodes[1:] {
		host, port, err := net.SplitHostPort(node.Addr())
		if err != nil {
			return fmt.Errorf("read address of node: %w", err)
		}
		if told := c.announced[i+1]; told != 0 {
			port = strconv.Itoa(told)
		}
		if err := c.Nodes[0].commands(ctx, []any{"CLUSTER", "MEET", host, port, buses[i+1]}); err != nil {
			return err
		}
	}
	return nil
}

// Await waits until every node knows all nodes and serves, at most for half a minute: a node that was started again
// refuses everything for its first two seconds.
func (c *Cluster) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	known := "cluster_known_nodes:" + strconv.Itoa(len(c.Nodes)+len(c.replicas)) + "\r"
	for _, node := range c.Nodes {
		err := node.awaitInfo(ctx, []any{"CLUSTER", "INFO"}, func(info string) bool {
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, known)
		})
		if err != nil {
			return fmt.Errorf("cluster is not whole: %w", err)
		}
	}
	return nil
}

// URL is the cluster's address as TOPUPQ_REDIS_URL takes it.
func (c *Cluster) URL() string {
	others := make([]string, 0, len(c.Nodes))
	for _, node := range c.Nodes[1:] {
		others = append(others, "addr="+node.Addr())
	}
	return c.Nodes[0].URL() + "?" + strings.Join(others, "&")
}

// Addrs are the nodes' hosts and ports.
func (c *Cluster) Addrs() []string {
	out := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		out[i] = node.Addr()
	}
	return out
}

// Stop ends all nodes and removes their directories.
func (c *Cluster) Stop() {
	for _, node := range slices.Concat(c.Nodes, c.replicas) {
		node.Stop()
	}
}

// commands runs commands on the server, one after the other.
func (s *Server) commands(ctx context.Context, commands ...[]any) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer rdb.Close()
	for _, command := range commands {
		if err := rdb.Do(ctx, command...).Err(); err != nil {
			return fmt.Errorf("%v: %w", command[:2], err)
		}
	}
	return nil
}

// infoPoll is how often awaitInfo asks.
const infoPoll = 20 * time.Millisecond

// awaitInfo asks the same until the answer is good.
func (s *Server) awaitInfo(ctx context.Context, command []any, good func(string) bool) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer rdb.Close()
	ticker := time.NewTicker(infoPoll)
	defer ticker.Stop()
	for {
		text, err := rdb.Do(ctx, command...).Text()
		if err == nil && good(text) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%v on %s: %w", command, s.Addr(), ctx.Err())
		case <-ticker.C:
		}
	}
}
