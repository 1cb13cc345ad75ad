// Package redisproc starts and stops real redis-server processes, for the tests that must have one and for the
// benchmark. Each has its own directory and port on the loopback interface and ends with its owner.
package redisproc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNoServer means that there is no redis-server on this machine.
var ErrNoServer = errors.New("redis-server is not installed: install it (Debian and Ubuntu: apt-get install redis-server) or put it on the PATH")

// Options are the settings of one server. The zero value keeps nothing on disk.
type Options struct {
	// Dir holds its files; a new temporary one, removed by Stop, where empty.
	Dir string
	// Port is its port; a free one where 0.
	Port int
	// AppendFsync is "always" or "everysec" with an append-only file; "" is no file at all.
	AppendFsync string
	// Args are further arguments, such as "--maxmemory", "50mb".
	Args []string
}

// Server is one running redis-server.
type Server struct {
	opts   Options
	ownDir bool
	// under is the command that the server runs under, such as strace.
	under []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
}

// startTries bounds the attempts to get a free port; answerTimeout the wait for the first PONG.
const (
	startTries    = 5
	answerTimeout = 10 * time.Second
)

// Start runs a server and waits until it answers. ErrNoServer when there is none to run.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s := &Server{opts: opts}
	if opts.Dir == "" {
		dir, err := os.MkdirTemp("", "topupq-redis-")
		if err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
		s.opts.Dir, s.ownDir = dir, true
	}
	var err error
	for range startTries {
		if opts.Port == 0 {
			if s.opts.Port, err = FreePort(); err != nil {
				return nil, err
			}
		}
		if err = s.Run(ctx); err == nil || errors.Is(err, ErrNoServer) {
			return s, err
		}
	}
	return nil, err
}

// Ports of servers lie below those that systems hand out for outgoing connections, so that none of these takes the port
// of a server that is down for a moment.
const (
	firstPort = 20_000
	ports     = 12_000
)

// FreePort is a port of this machine where nobody listens.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(ports) //nolint:gosec // a port, not a secret
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// Run starts the server again after Kill or Halt, on the same port and files, and waits until it answers.
func (s *Server) Run(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return ErrNoServer
	}
	log, err := os.OpenFile(filepath.Join(s.opts.Dir, "redis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	line := append(append([]string{}, s.under...), append([]string{path}, s.args()...)...)
	cmd := exec.Command(line[0], line[1:]...) //nolint:noctx // it outlives the call that starts it
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	s.mu.Lock()
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
	if err := s.answer(ctx, exited); err != nil {
		s.Kill()
		return err
	}
	return nil
}

func (s *Server) args() []string {
	args := []string{
		"--port", strconv.Itoa(s.opts.Port), "--bind", "127.0.0.1", "--dir", s.opts.Dir, "--save", "",
		"--maxmemory-policy", "noeviction",
	}
	if s.opts.AppendFsync == "" {
		args = append(args, "--appendonly", "no")
	} else {
		args = append(args, "--appendonly", "yes", "--appendfsync", s.opts.AppendFsync)
	}
	return append(args, s.opts.Args...)
}

// answer waits for the first PONG of a server that is loaded.
func (s *Server) answer(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1})
	defer rdb.Close()
	for {
		if rdb.Ping(ctx).Err() == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("redis-server on port %d ended at once: see %s", s.opts.Port, filepath.Join(s.opts.Dir, "redis.log"))
		case <-ctx.Done():
			return fmt.Errorf("redis-server on port %d does not answer: %w", s.opts.Port, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Addr is the server's host and port, Dir its directory, PID its process.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.opts.Port)) }

// URL is the server's address as TOPUPQ_REDIS_URL takes it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Dir is the directory of the server's files.
func (s *Server) Dir() string { return s.opts.Dir }

// PID is the process, 0 when it has ended.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Signal sends a signal to the process.
func (s *Server) Signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return errors.New("redis-server is not running")
	}
	return s.cmd.Process.Signal(sig)
}

// Kill ends the process without warning and waits for its end. Files stay.
func (s *Server) Kill() {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.cmd = nil
	s.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill()
		<-exited
	}
}

// Stop ends the process and removes the directory where it was made by Start.
func (s *Server) Stop() {
	s.Kill()
	if s.ownDir {
		_ = os.RemoveAll(s.opts.Dir)
	}
}
