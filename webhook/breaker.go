package webhook

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"topupq/topup"
)

// A breaker opens when 10 exchanges in a row failed, or 70 % of at least 10 within a minute. It lets one
// probe through every 30 s.
const (
	breakerInRow    = 10
	breakerLeast    = 10
	breakerPercent  = 70
	breakerWindow   = time.Minute
	breakerBucket   = 10 * time.Second
	breakerOpen     = 30 * time.Second
	maxBreakerDelay = 10 * time.Minute
	maxHosts        = 10_000
)

// hostKey is one merchant's use of one host and port.
type hostKey struct {
	merchant topup.MerchantID
	host     string
}

// hosts holds one breaker per key.
type hosts struct {
	now   func() time.Time
	mu    sync.Mutex
	byKey map[hostKey]*host
}

func newHosts(now func() time.Time) *hosts {
	return &hosts{now: now, byKey: map[hostKey]*host{}}
}

func (hs *hosts) get(key hostKey) *host {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h, ok := hs.byKey[key]
	if !ok {
		if len(hs.byKey) >= maxHosts {
			clear(hs.byKey) // merchants can name hosts without end; a forgotten breaker only learns anew
		}
		h = newHost(hs.now)
		hs.byKey[key] = h
	}
	return h
}

// host is one breaker, and since when it has been failing.
type host struct {
	now     func() time.Time
	breaker *gobreaker.CircuitBreaker[struct{}]
	// opened is when it opened last, failing when it opened after having been closed; Unix nanoseconds.
	opened, failing atomic.Int64
	// inRow counts failures in a row however long they take; the breaker's own count forgets after its window.
	inRow atomic.Int64
}

func newHost(now func() time.Time) *host {
	h := &host{now: now}
	h.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1, Timeout: breakerOpen, Interval: breakerWindow, BucketPeriod: breakerBucket,
		ReadyToTrip: h.shouldOpen, OnStateChange: h.changed,
		IsExcluded: func(err error) bool { return errors.Is(err, errAborted) },
	})
	return h
}

func (h *host) shouldOpen(c gobreaker.Counts) bool {
	done := c.TotalFailures + c.TotalSuccesses
	return h.inRow.Load() >= breakerInRow || (done >= breakerLeast && c.TotalFailures*100 >= done*breakerPercent)
}

func (h *host) changed(_ string, from, to gobreaker.State) {
	if to != gobreaker.StateOpen {
		return
	}
	h.opened.Store(h.now().UnixNano())
	if from == gobreaker.StateClosed {
		h.failing.Store(h.now().UnixNano())
	}
}

// try runs send unless the breaker is open; then it returns when to come back.
func (h *host) try(send func() error) time.Time {
	_, err := h.breaker.Execute(func() (struct{}, error) {
		err := send()
		switch {
		case err == nil:
			h.inRow.Store(0)
		case !errors.Is(err, errAborted):
			h.inRow.Add(1)
		}
		return struct{}{}, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return h.comeBack()
	}
	return time.Time{}
}

// comeBack is the end of the open time, put off by a random part of the time the host has been failing (at most ten
// minutes): what piles up for a dead host then comes back thinly, and soon after a short outage.
func (h *host) comeBack() time.Time {
	now, opened, failing := h.now(), time.Unix(0, h.opened.Load()), time.Unix(0, h.failing.Load())
	at := opened.Add(breakerOpen)
	if at.Before(now) {
		at = now.Add(time.Second)
	}
	spread := min(max(now.Sub(failing), time.Second), maxBreakerDelay)
	return at.Add(rand.N(spread))
}
