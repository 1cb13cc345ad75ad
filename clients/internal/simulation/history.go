package simulation

import (
	"net/http"
	"sync"
	"time"
)

// History is the calls that came in and the connections they came on. The zero value is empty. It is safe for
// concurrent use, also below a simulator's own lock.
type History struct {
	mu          sync.Mutex
	requests    []*Request
	connections map[string]bool
}

// Enter adds a call, whose entry Answered completes; reused means that the connection has carried a call
// before.
func (h *History) Enter(r *http.Request, at time.Time, reference string) (entry *Request, reused bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.connections == nil {
		h.connections = map[string]bool{}
	}
	reused = h.connections[r.RemoteAddr]
	h.connections[r.RemoteAddr] = true
	entry = &Request{At: at, Method: r.Method, Path: r.URL.Path, Reference: reference}
	h.requests = append(h.requests, entry)
	return entry, reused
}

// Answered notes the status that an entry's call was answered with, 0 for none.
func (h *History) Answered(entry *Request, status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	entry.Status = status
}

// Clear forgets all calls and connections.
func (h *History) Clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests, h.connections = nil, nil
}

// Len is how many calls came in.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests)
}

// List is every call in the order of arrival.
func (h *History) List() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Request, 0, len(h.requests))
	for _, r := range h.requests {
		list = append(list, *r)
	}
	return list
}
