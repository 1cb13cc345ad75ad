package simulation

import (
	"net/http"
	"time"
)

// History is the calls that came in and the connections they came on. The zero value is empty. Its methods are
// called with the simulator's lock held.
type History struct {
	requests    []*Request
	connections map[string]bool
}

// Enter adds a call. The entry's Status is set when it is known; reused means that the connection has carried a call
// before.
func (h *History) Enter(r *http.Request, at time.Time, reference string) (entry *Request, reused bool) {
	if h.connections == nil {
		h.connections = map[string]bool{}
	}
	reused = h.connections[r.RemoteAddr]
	h.connections[r.RemoteAddr] = true
	entry = &Request{At: at, Method: r.Method, Path: r.URL.Path, Reference: reference}
	h.requests = append(h.requests, entry)
	return entry, reused
}

// Len is how many calls came in.
func (h *History) Len() int { return len(h.requests) }

// List is every call in the order of arrival.
func (h *History) List() []Request {
	list := make([]Request, 0, len(h.requests))
	for _, r := range h.requests {
		list = append(list, *r)
	}
	return list
}
