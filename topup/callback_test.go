package topup

import (
	"testing"
	"time"
)

// TestAttemptCountsOnce records an attempt a second time, as happens when the answer to the first write was lost: it uses up
// no further try, and the next one is planned as it was.
func TestAttemptCountsOnce(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	schedule := []time.Duration{time.Minute, time.Hour}
	c := &Callback{Version: 1, State: CallbackWaiting, NextAt: at}
	for range 2 {
		c.Attempted(CallbackAttempt{At: at, Status: 500}, schedule, 0)
	}
	if c.Tries != 1 || len(c.Attempts) != 1 || !c.NextAt.Equal(at.Add(time.Minute)) {
		t.Errorf("%+v", c)
	}
	later := at.Add(time.Minute)
	c.Attempted(CallbackAttempt{At: later, Status: 500}, schedule, 0)
	if c.Tries != 2 || len(c.Attempts) != 2 || !c.NextAt.Equal(later.Add(time.Hour)) {
		t.Errorf("%+v", c)
	}
}
