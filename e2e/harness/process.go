package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Process is one role of the product as a process of its own, which is started, ended and frozen as the test wants.
type Process struct {
	// Name is "worker-1" and the like; Args the command line after the program.
	Name string
	Args []string

	path string
	env  []string
	log  string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	frozen bool
}

func newProcess(path, dir, name string, env []string, args ...string) *Process {
	return &Process{Name: name, Args: args, path: path, env: env, log: filepath.Join(dir, name+".log")}
}

// Start runs the process; it fails when it is running already.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		return fmt.Errorf("%s is running already", p.Name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.Args...) //nolint:noctx // it is our own program, and outlives the call
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.Dir = filepath.Dir(p.log)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	p.cmd, p.exited, p.frozen = cmd, exited, false
	return nil
}

// alive reports whether the process runs or is frozen. The caller holds the lock.
func (p *Process) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Alive reports whether the process has not ended.
func (p *Process) Alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

// Exited is closed when the process that runs now has ended.
func (p *Process) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exited
}

// PID is the number of the running process, 0 where there is none.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Kill ends the process without warning and waits for its end.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// ErrStillRunning means that a process did not end in time after a SIGTERM.
var ErrStillRunning = errors.New("still running after SIGTERM")

// Stop asks the process to end and waits for it, at most for patience; then it is killed and ErrStillRunning comes
// back.
func (p *Process) Stop(patience time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return nil
	}
	p.thaw()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s: %w", p.Name, ErrStillRunning)
	}
}

// Term asks the process to end and does not wait.
func (p *Process) Term() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		p.thaw()
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
}

// Freeze stops the process where it is; Thaw lets it go on.
func (p *Process) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() && !p.frozen {
		_ = p.cmd.Process.Signal(syscall.SIGSTOP)
		p.frozen = true
	}
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw()
}

func (p *Process) thaw() {
	if p.alive() && p.frozen {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
	}
	p.frozen = false
}

// Log is everything that the process has said, over all its lives.
func (p *Process) Log() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return nil
	}
	return text
}
