package jobs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"topupq/jobs"
	"topupq/topup"
)

// serve runs handler on the submit queue until the test ends.
func (b bench) serve(t *testing.T, handler asynq.HandlerFunc) {
	t.Helper()
	srv := asynq.NewServerFromRedisClient(b.rdb, asynq.Config{
		Concurrency: 4, Queues: map[string]int{jobs.SubmitQueue(topup.AAT): 1}, TaskCheckInterval: 10 * time.Millisecond,
		ShutdownTimeout: time.Millisecond, LogLevel: asynq.FatalLevel,
	})
	if err := srv.Start(handler); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)
}

// TestRingPastAnOrphan rings for a top-up whose task is active and may never end: a worker that was killed leaves it
// so, and asynq finds it only after a minute or two.
func TestRingPastAnOrphan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ids := make(chan string, 10)
		b.serve(t, func(ctx context.Context, _ *asynq.Task) error {
			id, _ := asynq.GetTaskID(ctx)
			ids <- id
			<-ctx.Done()
			return nil
		})
		if err := b.client.Sends(t.Context(), topup.AAT, due(1)); err != nil {
			t.Fatal(err)
		}
		first := <-ids
		if err := b.client.SendsAgain(t.Context(), topup.AAT, due(1)); err != nil {
			t.Fatal(err)
		}
		select {
		case second := <-ids:
			if second == first || !strings.HasPrefix(second, "submit:"+string(due(1)[0].ID)+":") {
				t.Errorf("rung as %s after %s", second, first)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the wake-up was lost behind an active task")
		}
	})
}

// TestByHand tells tasks that a person has run from the archive of held ones from all others.
func TestByHand(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		queue, held := jobs.SubmitQueue(topup.AAT), due(1)[0]
		if err := b.client.Sends(t.Context(), topup.AAT, due(1)); err != nil {
			t.Fatal(err)
		}
		name := b.pending(t, queue)[0].ID
		if by, err := b.client.ByHand(queue, name); by || err != nil {
			t.Errorf("a task that waits: %t, %v", by, err)
		}
		done := make(chan struct{}, 1)
		b.serve(t, func(context.Context, *asynq.Task) error {
			defer func() { done <- struct{}{} }()
			return fmt.Errorf("%sfloat_empty: %w", jobs.HeldPrefix, asynq.SkipRetry)
		})
		<-done
		deadline := time.After(10 * time.Second)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for by := false; !by; {
			var err error
			if by, err = b.client.ByHand(queue, name); err != nil {
				t.Fatal(err)
			}
			select {
			case <-deadline:
				t.Fatal("a task that was archived as held is not known as such")
			case <-tick.C:
			}
		}
		if err := b.client.Held(t.Context(), topup.AAT, held); err != nil {
			t.Fatal(err)
		}
		if by, err := b.client.ByHand(queue, fmt.Sprintf("submit:%s:held0", held.ID)); !by || err != nil {
			t.Errorf("a task made for the archive: %t, %v", by, err)
		}
	})
}
