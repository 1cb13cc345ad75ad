package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// benchProcess is one role in a process of its own.
type benchProcess struct {
	cmd  *exec.Cmd
	addr string
}

// spawn runs this very program with a role, in the world's settings.
func (w *benchWorld) spawn(ctx context.Context, role string) (*benchProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &benchProcess{}
	if p.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	p.cmd = exec.Command(self, role) //nolint:noctx // stopped by stop, which waits for it
	p.cmd.Env = append(os.Environ(),
		"TOPUPQ_REDIS_URL="+w.url, "TOPUPQ_REDIS_DURABILITY=none", "TOPUPQ_INTAKE_ADDR="+p.addr,
		"TOPUPQ_ALLOW_PRIVATE_CALLBACKS=true", "TOPUPQ_RECHARGEKIT_BASE_URL=http://"+w.provider.addr, "TOPUPQ_RECHARGEKIT_TOKEN="+simSecret,
	)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if role == "intake" {
		if err := p.ready(ctx); err != nil {
			return p, errors.Join(err, p.stop())
		}
	}
	return p, nil
}

func (p *benchProcess) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := benchClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("intake is not ready: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

func (p *benchProcess) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop process: %w", err)
	}
	return p.cmd.Wait()
}

// peakMemory is the most resident memory that the process ever had, in bytes.
func (p *benchProcess) peakMemory() (int64, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read process status: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("process status has no VmHWM")
}

// ticksPerSecond is the unit of processor time in /proc on Linux.
const ticksPerSecond = 100

// processorTime is what the process has used so far.
func (p *benchProcess) processorTime() (time.Duration, error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read process times: %w", err)
	}
	_, rest, ok := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("process times cannot be read")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// idleCost is the share of one core that the process uses over a while in which nothing is due.
func (p *benchProcess) idleCost(ctx context.Context, length time.Duration) (float64, error) {
	before, err := p.processorTime()
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(length):
	}
	after, err := p.processorTime()
	return (after - before).Seconds() / length.Seconds(), err
}
