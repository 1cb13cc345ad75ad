package workers

import (
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"topupq/jobs"
	"topupq/topup"
)

// TestOnlyAPersonReplays puts a late wake-up beside a held top-up: it sends nothing and goes to the archive, from where
// a person can run it.
func TestOnlyAPersonReplays(t *testing.T) {
	t.Parallel()
	b := newBench(t, 0)
	rdb := redis.NewClient(&redis.Options{Addr: b.redis.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	client, inspector := jobs.NewClient(rdb, jobs.Timeouts{Provider: time.Minute}), asynq.NewInspectorFromRedisClient(rdb)
	b.submit.ByHand = client.ByHand
	b.provider.submit = answer(topup.Outcome{Answer: topup.Blocked, Code: topup.CodeFloatEmpty})
	id := b.create("r")
	_ = b.run(id)
	if b.state(id) != topup.Held {
		t.Fatalf("state %s", b.state(id))
	}
	b.provider.submit = answer(topup.Outcome{Answer: topup.Delivered})
	queue := jobs.SubmitQueue(topup.AAT)
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{queue: 1}, TaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel})
	if err := srv.Start(b.submit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Shutdown)

	if err := client.Sends(t.Context(), topup.AAT, []topup.Due{{ID: id}}); err != nil {
		t.Fatal(err)
	}
	var archived *asynq.TaskInfo
	until(t, "the wake-up in the archive", func() bool {
		list, err := inspector.ListArchivedTasks(queue)
		if err == nil && len(list) == 1 {
			archived = list[0]
		}
		return archived != nil
	})
	if b.state(id) != topup.Held || b.provider.sent() != 1 || !strings.HasPrefix(archived.LastErr, jobs.HeldPrefix) {
		t.Fatalf("state %s after %d sends, archived with %q", b.state(id), b.provider.sent(), archived.LastErr)
	}
	if err := inspector.RunTask(queue, archived.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "the replay", func() bool { return b.state(id) == topup.Succeeded })
	if b.provider.sent() != 2 {
		t.Errorf("%d sends", b.provider.sent())
	}
}

// until polls for something that other goroutines bring about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
