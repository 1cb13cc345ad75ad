package simulation

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"
)

const callbackTimeout = 5 * time.Second

// Callbacks are the calls that a simulator makes: timers until they are due, and those under way. It is safe for
// concurrent use, also below a simulator's own lock.
type Callbacks struct {
	client *http.Client

	mu      sync.Mutex
	timers  map[*time.Timer]struct{}
	closed  bool
	running sync.WaitGroup
}

// NewCallbacks returns call-backs of which none is planned. Close it.
func NewCallbacks() *Callbacks {
	return &Callbacks{client: &http.Client{Timeout: callbackTimeout}, timers: map[*time.Timer]struct{}{}}
}

// Closed reports whether Close was called.
func (c *Callbacks) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// After runs do after d, unless Stop or Close comes first. After Close it does nothing.
func (c *Callbacks) After(d time.Duration, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	var t *time.Timer
	c.running.Add(1)
	t = time.AfterFunc(d, func() {
		defer c.running.Done()
		c.mu.Lock()
		delete(c.timers, t)
		c.mu.Unlock()
		do()
	})
	c.timers[t] = struct{}{}
}

// Stop stops every timer that has not fired.
func (c *Callbacks) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

func (c *Callbacks) stop() {
	for t := range c.timers {
		if t.Stop() {
			c.running.Done()
		}
		delete(c.timers, t)
	}
}

// Close stops the timers and waits for what runs. The simulator's lock must not be held.
func (c *Callbacks) Close() {
	c.mu.Lock()
	c.closed = true
	c.stop()
	c.mu.Unlock()
	c.running.Wait()
	c.client.CloseIdleConnections()
}

// Post makes one call-back with a JSON body and returns its HTTP status, 0 where there was none.
func (c *Callbacks) Post(url string, body []byte) int {
	ctx, cancel := context.WithTimeout(context.Background(), callbackTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
