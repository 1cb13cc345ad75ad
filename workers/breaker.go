package workers

import (
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"topupq/topup"
)

const (
	// breakerFailures in a row open the breaker of this process for breakerPause.
	breakerFailures = 5
	breakerPause    = 5 * time.Second
	// awayShare of the time that a provider has been away is how long a top-up waits before it looks again, between
	// breakerPause and awayMost: a backlog costs little while nothing answers.
	awayShare = 4
	awayMost  = time.Minute
)

// breaker stops the calls to a provider that cannot be reached, and knows since when.
type breaker struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]
	// since is when it opened, in Unix nanoseconds; 0 while it is closed.
	since atomic.Int64
}

func newBreaker(p topup.ProviderName) *breaker {
	b := &breaker{}
	b.TwoStepCircuitBreaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: string(p), Timeout: breakerPause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch {
			case to == gobreaker.StateClosed:
				b.since.Store(0)
			case from == gobreaker.StateClosed:
				b.since.Store(time.Now().UnixNano())
			}
		},
	})
	return b
}

// away reports for how long the provider has been away, false while a call may be made.
func (b *breaker) away() (time.Duration, bool) {
	if b.State() != gobreaker.StateOpen {
		return 0, false
	}
	return time.Since(time.Unix(0, b.since.Load())), true
}

// Away tells since when providers are out of reach of this process: those whose breaker is not closed.
func (rs Routes) Away() map[topup.ProviderName]time.Time {
	out := map[topup.ProviderName]time.Time{}
	for name, route := range rs {
		if since := route.breaker.since.Load(); since != 0 {
			out[name] = time.Unix(0, since).UTC()
		}
	}
	return out
}

// wait is how long a top-up has to wait for a provider that is away, the zero wait while a call may be made. Nothing is
// written about a send that is not made: a record keeps one line for each.
func (b *breaker) wait(now time.Time) wait {
	away, open := b.away()
	if !open {
		return wait{}
	}
	rest := min(max(away/awayShare, breakerPause), awayMost)
	return wait{until: now.Add(rest), code: topup.CodeProviderUnreachable, refused: now.Add(-away)}
}
