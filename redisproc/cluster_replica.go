package redisproc

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// AddReplica starts a replica of a primary, which takes over when that is away for longer than NodeTimeout. It returns
// when the replica is in step. Stop ends it with the others.
func (c *Cluster) AddReplica(ctx context.Context, primary *Server) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	replica, bus, err := c.startNode(ctx, 0)
	if err != nil {
		return nil, err
	}
	c.replicas = append(c.replicas, replica)
	host, port, err := net.SplitHostPort(replica.Addr())
	if err != nil {
		return nil, fmt.Errorf("read address of replica: %w", err)
	}
	if err := primary.commands(ctx, []any{"CLUSTER", "MEET", host, port, bus}); err != nil {
		return nil, err
	}
	id, err := primary.clusterID(ctx)
	if err != nil {
		return nil, err
	}
	err = replica.awaitInfo(ctx, []any{"CLUSTER", "NODES"}, func(nodes string) bool { return strings.Contains(nodes, id) })
	if err != nil {
		return nil, fmt.Errorf("replica does not know its primary: %w", err)
	}
	if err := replica.commands(ctx, []any{"CLUSTER", "REPLICATE", id}); err != nil {
		return nil, err
	}
	err = replica.awaitInfo(ctx, []any{"INFO", "replication"}, func(info string) bool { return strings.Contains(info, "master_link_status:up") })
	if err != nil {
		return nil, fmt.Errorf("replica is not in step: %w", err)
	}
	return replica, c.Await(ctx)
}

// AwaitPrimary waits until the server is a primary, as a replica becomes that takes over.
func (s *Server) AwaitPrimary(ctx context.Context) error {
	return s.awaitInfo(ctx, []any{"INFO", "replication"}, func(info string) bool { return strings.Contains(info, "role:master") })
}

// clusterID is the name by which the other nodes know the server.
func (s *Server) clusterID(ctx context.Context) (string, error) {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer rdb.Close()
	id, err := rdb.Do(ctx, "CLUSTER", "MYID").Text()
	if err != nil {
		return "", fmt.Errorf("read name of node: %w", err)
	}
	return id, nil
}
