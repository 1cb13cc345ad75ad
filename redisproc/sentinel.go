package redisproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Watched is a primary and a replica of it, watched by three sentinels that promote the replica when the primary is
// gone.
type Watched struct {
	Primary, Replica *Server

	sentinels []*sentinel
}

// MasterName is what the sentinels call the primary.
const MasterName = "ledger"

const (
	sentinelCount = 3
	// downAfter is how long the primary must be silent before the sentinels act.
	downAfter = time.Second
	// watchTimeout bounds the wait until all know each other, and for a failover.
	watchTimeout = 60 * time.Second
)

// sentinel is one sentinel process.
type sentinel struct {
	port   int
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartWatched runs all of them, the data servers with opts (Dir and Port must be empty), and returns when the replica
// is in step and every sentinel knows it and the others.
func StartWatched(ctx context.Context, opts Options) (*Watched, error) {
	if opts.Dir != "" || opts.Port != 0 {
		return nil, errors.New("primary and replica need a directory and a port of their own each")
	}
	opts.Args = append([]string{"--repl-diskless-sync-delay", "0"}, opts.Args...)
	w := &Watched{}
	if err := w.start(ctx, opts); err != nil {
		w.Stop()
		return nil, err
	}
	return w, nil
}

func (w *Watched) start(ctx context.Context, opts Options) error {
	var err error
	if w.Primary, err = Start(ctx, opts); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(w.Primary.Addr())
	if err != nil {
		return fmt.Errorf("read address of primary: %w", err)
	}
	replica := opts
	replica.Args = append([]string{"--replicaof", host + " " + port}, opts.Args...)
	if w.Replica, err = Start(ctx, replica); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	err = w.Replica.awaitInfo(ctx, []any{"INFO", "replication"}, func(info string) bool { return strings.Contains(info, "master_link_status:up") })
	if err != nil {
		return fmt.Errorf("replica is not in step: %w", err)
	}
	for range sentinelCount {
		s, err := startSentinel(host, port)
		if err != nil {
			return err
		}
		w.sentinels = append(w.sentinels, s)
	}
	return w.acquainted(ctx)
}

func startSentinel(host, port string) (*sentinel, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNoServer
	}
	s := &sentinel{exited: make(chan struct{})}
	if s.port, err = FreePort(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "topupq-sentinel-"); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	file := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\nsentinel monitor %s %s %s 2\nsentinel down-after-milliseconds %s %d\nsentinel failover-timeout %s 10000\n",
		s.port, s.dir, filepath.Join(s.dir, "sentinel.log"), MasterName, host, port, MasterName, downAfter.Milliseconds(), MasterName)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write sentinel's settings: %w", err)
	}
	s.cmd = exec.Command(path, file, "--sentinel") //nolint:noctx // it outlives the call that starts it
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sentinel: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.exited) }()
	return s, nil
}

// acquainted waits until every sentinel knows the replica and the other sentinels.
func (w *Watched) acquainted(ctx context.Context) error {
	for _, s := range w.sentinels {
		err := s.await(ctx, func(c *redis.SentinelClient) bool {
			m, err := c.Master(ctx, MasterName).Result()
			return err == nil && m["num-slaves"] == "1" && m["num-other-sentinels"] == strconv.Itoa(sentinelCount-1) && m["flags"] == "master"
		})
		if err != nil {
			return fmt.Errorf("sentinel does not know the others: %w", err)
		}
	}
	return nil
}

// AwaitFailover waits until every sentinel names the replica as the primary, and the replica agrees.
func (w *Watched) AwaitFailover(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(w.Replica.Addr())
	if err != nil {
		return fmt.Errorf("read address of replica: %w", err)
	}
	for _, s := range w.sentinels {
		err := s.await(ctx, func(c *redis.SentinelClient) bool {
			addr, err := c.GetMasterAddrByName(ctx, MasterName).Result()
			return err == nil && len(addr) == 2 && addr[0] == host && addr[1] == port
		})
		if err != nil {
			return fmt.Errorf("no failover: %w", err)
		}
	}
	return w.Replica.awaitInfo(ctx, []any{"INFO", "replication"}, func(info string) bool { return strings.Contains(info, "role:master") })
}

func (s *sentinel) await(ctx context.Context, good func(*redis.SentinelClient) bool) error {
	c := redis.NewSentinelClient(&redis.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), MaxRetries: -1})
	defer c.Close()
	ticker := time.NewTicker(infoPoll)
	defer ticker.Stop()
	for !good(c) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.exited:
			return errors.New("sentinel has ended")
		case <-ticker.C:
		}
	}
	return nil
}

// URL is the address as TOPUPQ_REDIS_URL takes it.
func (w *Watched) URL() string {
	addrs := make([]string, len(w.sentinels))
	for i, s := range w.sentinels {
		addrs[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	}
	return "redis-sentinel://" + strings.Join(addrs, ",") + "/0?master=" + MasterName
}

// Stop ends everything and removes the directories.
func (w *Watched) Stop() {
	for _, s := range w.sentinels {
		_ = s.cmd.Process.Kill()
		<-s.exited
		_ = os.RemoveAll(s.dir)
	}
	for _, s := range []*Server{w.Replica, w.Primary} {
		if s != nil {
			s.Stop()
		}
	}
}
