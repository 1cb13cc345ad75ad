package redisproc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNoTracer means that there is no strace on this machine.
var ErrNoTracer = errors.New("strace is not installed: install it (Debian and Ubuntu: apt-get install strace)")

// Traced is a server whose power can be cut: strace notes what it writes to its append-only file, and what of that it
// has brought to the disk.
type Traced struct {
	*Server
	// sizes are the files of the append-only directory when the server started.
	sizes map[string]int64
}

// traceFile and pidFile lie in the server's directory; appendDir is Redis' own name.
const (
	traceFile = "strace.log"
	pidFile   = "redis.pid"
	appendDir = "appendonlydir"
)

// StartTraced runs a server under strace. opts must name an AppendFsync. ErrNoServer, ErrNoTracer.
func StartTraced(ctx context.Context, opts Options) (*Traced, error) {
	if opts.AppendFsync == "" {
		return nil, errors.New("a server without an append-only file keeps nothing to be cut")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, ErrNoTracer
	}
	dir, own := opts.Dir, false
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "topupq-redis-"); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
		own = true
	}
	if opts.Port == 0 {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		opts.Port = port
	}
	opts.Dir = dir
	opts.Args = append([]string{"--pidfile", filepath.Join(dir, pidFile)}, opts.Args...)
	t := &Traced{Server: &Server{opts: opts, ownDir: own, under: []string{
		"strace", "-f", "--seccomp-bpf", "-y", "-s", "0", "-e", "trace=write,fdatasync,fsync", "-o", filepath.Join(dir, traceFile),
	}}}
	return t, t.Run(ctx)
}

// Run starts the server again after Cut, traced anew.
func (t *Traced) Run(ctx context.Context) error {
	sizes, err := t.appendSizes()
	if err != nil {
		return err
	}
	t.sizes = sizes
	if err := t.Server.Run(ctx); err != nil {
		if pid, pidErr := t.serverPID(); pidErr == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it has outlived its tracer
		}
		return err
	}
	return nil
}

func (t *Traced) appendSizes() (map[string]int64, error) {
	sizes := map[string]int64{}
	entries, err := os.ReadDir(filepath.Join(t.Dir(), appendDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read append-only directory: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sizes[e.Name()] = info.Size()
		}
	}
	return sizes, nil
}

// Kill ends the server without warning and waits for the tracer's end, so that its notes are complete.
func (t *Traced) Kill() {
	t.mu.Lock()
	cmd, exited := t.cmd, t.exited
	t.cmd = nil
	t.mu.Unlock()
	if cmd == nil {
		return
	}
	if pid, err := t.serverPID(); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		select {
		case <-exited:
			return
		case <-time.After(answerTimeout):
		}
	}
	_ = cmd.Process.Kill()
	<-exited
}

// Stop ends the server and removes its directory where it was made by StartTraced.
func (t *Traced) Stop() {
	t.Kill()
	t.Server.Stop()
}

func (t *Traced) serverPID() (int, error) {
	text, err := os.ReadFile(filepath.Join(t.Dir(), pidFile))
	if err != nil {
		return 0, fmt.Errorf("read process number: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read process number: %w", err)
	}
	return pid, nil
}

// Cut ends the server as a power cut would in the worst case: at once, and of every append-only file only what the
// last completed sync has brought to the disk is left. It returns how many bytes written are gone.
func (t *Traced) Cut() (int64, error) {
	t.Kill()
	n, err := t.notes()
	if err != nil {
		return 0, err
	}
	var gone int64
	for name := range n.written {
		size := n.synced[name]
		path := filepath.Join(t.Dir(), appendDir, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a temporary file that has been renamed since
		}
		if err != nil {
			return gone, fmt.Errorf("look at append-only file: %w", err)
		}
		if info.Size() <= size {
			continue
		}
		gone += info.Size() - size
		if err := os.Truncate(path, size); err != nil {
			return gone, fmt.Errorf("cut append-only file: %w", err)
		}
	}
	return gone, nil
}

// notes reads what the tracer has noted.
func (t *Traced) notes() (notes, error) {
	n := notes{written: map[string]int64{}, synced: map[string]int64{}, open: map[string]traced{}}
	f, err := os.Open(filepath.Join(t.Dir(), traceFile))
	if err != nil {
		return n, fmt.Errorf("open trace: %w", err)
	}
	defer f.Close()
	for name, size := range t.sizes {
		n.written[name], n.synced[name] = size, size
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		n.read(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return n, fmt.Errorf("read trace: %w", err)
	}
	return n, nil
}

// notes is what a trace says about the files of the append-only directory: how much of each was written, and how much
// of it was on the disk when the server ended.
type notes struct {
	written, synced map[string]int64
	// open are the calls that have not returned, by thread.
	open map[string]traced
}

// traced is one system call: its name, its file, and what had been written to that when it began.
type traced struct {
	call, file string
	before     int64
}

// Lines of strace -f -y: `17 write(8</dir/file>, ""..., 9) = 9`, where other threads come in between
// `17 fdatasync(8</dir/file> <unfinished ...>` and later `17 <... fdatasync resumed>) = 0`.
var (
	callLine   = regexp.MustCompile(`^(\d+) +(write|fdatasync|fsync)\(\d+<([^>]*)>`)
	resumeLine = regexp.MustCompile(`^(\d+) +<\.\.\. (?:write|fdatasync|fsync) resumed>`)
	resultEnd  = regexp.MustCompile(`= (-?\d+)[^=]*$`)
)

func (n *notes) read(line string) {
	var thread string
	var c traced
	if m := callLine.FindStringSubmatch(line); m != nil {
		if filepath.Base(filepath.Dir(m[3])) != appendDir {
			return
		}
		thread = m[1]
		c = traced{m[2], filepath.Base(m[3]), n.written[filepath.Base(m[3])]}
		if strings.HasSuffix(line, "<unfinished ...>") {
			n.open[thread] = c
			return
		}
	} else if m := resumeLine.FindStringSubmatch(line); m != nil {
		var ok bool
		if c, ok = n.open[m[1]]; !ok {
			return
		}
		delete(n.open, m[1])
	} else {
		return
	}
	m := resultEnd.FindStringSubmatch(line)
	if m == nil {
		return
	}
	result, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || result < 0 {
		return
	}
	if c.call == "write" {
		n.written[c.file] += result
		return
	}
	n.synced[c.file] = max(n.synced[c.file], c.before)
}
