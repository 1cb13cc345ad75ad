package ops

import (
	"sync"
	"time"
)

const (
	// Failed logins within failWindow: of one name from one address, and of all names from one address, which may
	// be a proxy's.
	failsPerName    = 5
	failsPerAddress = 100
	failWindow      = 5 * time.Minute
	maxTracked      = 10_000
)

// throttle counts failed logins.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	fails map[string]failures
}

type failures struct {
	count int
	ends  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, fails: map[string]failures{}}
}

// wait is how long a login of name from addr has to wait, 0 when it may be tried.
func (t *throttle) wait(name, addr string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.left(addr+" "+name, failsPerName), t.left(addr, failsPerAddress))
}

func (t *throttle) left(key string, limit int) time.Duration {
	f := t.fails[key]
	if left := f.ends.Sub(t.now()); f.count >= limit && left > 0 {
		return left
	}
	return 0
}

// failed counts a wrong password.
func (t *throttle) failed(name, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.fails) > maxTracked {
		t.forget(now)
	}
	for _, key := range []string{addr + " " + name, addr} {
		f := t.fails[key]
		if !now.Before(f.ends) {
			f = failures{ends: now.Add(failWindow)}
		}
		f.count++
		t.fails[key] = f
	}
}

// forget drops what is over; when that is not enough somebody is flooding, and all counts start again.
func (t *throttle) forget(now time.Time) {
	for key, f := range t.fails {
		if !now.Before(f.ends) {
			delete(t.fails, key)
		}
	}
	if len(t.fails) > maxTracked {
		clear(t.fails)
	}
}

// passed forgets the failures of a name that has logged in.
func (t *throttle) passed(name, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.fails, addr+" "+name)
}
