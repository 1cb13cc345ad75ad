package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"topupq/workers"
)

// awayEvery is how often a worker's process says which providers it cannot reach, awayHolds how long that counts.
const (
	awayEvery = 3 * time.Second
	awayHolds = 4 * awayEvery
)

// tellAway shows the breakers of this process in the console, as long as one is open.
func (n *node) tellAway(routes workers.Routes) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(awayEvery)
		defer ticker.Stop()
		told := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				told = n.tellAwayOnce(ctx, routes, told)
			}
		}
	}()
	n.onStop(func(context.Context) { cancel(); <-done })
}

// tellAwayOnce says what is open, and once that nothing is any more. It reports whether something was said to be open.
func (n *node) tellAwayOnce(ctx context.Context, routes workers.Routes, told bool) bool {
	away := routes.Away()
	if len(away) == 0 && !told {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, awayEvery)
	defer cancel()
	if err := n.store.TellAway(ctx, n.name, away, n.clock.Now().Add(awayHolds)); err != nil {
		n.log.Debug("breakers not told", zap.Error(err))
		return true
	}
	return len(away) > 0
}
