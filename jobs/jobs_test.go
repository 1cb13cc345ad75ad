package jobs_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"topupq/jobs"
	"topupq/redisproc"
	"topupq/topup"
)

// bench is a client and the inspector that the dashboard uses, on one Redis.
type bench struct {
	rdb       *redis.Client
	client    *jobs.Client
	inspector *asynq.Inspector
}

// onBoth runs a test on the embedded Redis and on a real one.
func onBoth(t *testing.T, test func(*testing.T, bench)) {
	t.Helper()
	open := func(t *testing.T, addr string) bench {
		rdb := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { _ = rdb.Close() })
		return bench{rdb, jobs.NewClient(rdb, jobs.Timeouts{Provider: time.Minute, Callback: time.Second}), asynq.NewInspectorFromRedisClient(rdb)}
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, miniredis.RunT(t).Addr()))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, redisproc.StartForTest(t, redisproc.Options{}).Addr()))
	})
}

func due(n int) []topup.Due {
	out := make([]topup.Due, n)
	for i := range out {
		out[i] = topup.Due{ID: topup.NewID("m", strconv.Itoa(i)), State: topup.Accepted}
	}
	return out
}

func (b bench) pending(t *testing.T, queue string) []*asynq.TaskInfo {
	t.Helper()
	tasks, err := b.inspector.ListPendingTasks(queue, asynq.PageSize(5000))
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

// TestBulk queues more than a pipeline takes, half of them again, and after Redis has forgotten the script.
func TestBulk(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ctx := t.Context()
		if err := b.client.Sends(ctx, topup.AAT, due(700)); err != nil {
			t.Fatal(err)
		}
		if err := b.rdb.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := b.client.Sends(ctx, topup.AAT, due(1300)); err != nil {
			t.Fatal(err)
		}
		n, err := b.client.Waiting(ctx, jobs.SubmitQueue(topup.AAT))
		if err != nil || n != 1300 {
			t.Fatalf("%d wait (%v), want 1300", n, err)
		}
		for _, task := range b.pending(t, jobs.SubmitQueue(topup.AAT))[:10] {
			id := topup.ID(task.Payload)
			if !id.Valid() || task.ID != "submit:"+string(id)+":0" || task.Type != jobs.KindSubmit || task.Timeout <= time.Minute {
				t.Errorf("task %+v", task)
			}
		}
	})
}

// TestRingPastTheArchive rings for a top-up whose task an operator has archived: its name is taken for ever.
func TestRingPastTheArchive(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ctx, one, queue := t.Context(), due(1), jobs.SubmitQueue(topup.AAT)
		if err := b.client.SendsAgain(ctx, topup.AAT, one); err != nil {
			t.Fatal(err)
		}
		if err := b.client.SendsAgain(ctx, topup.AAT, one); err != nil {
			t.Fatal(err)
		}
		if n := len(b.pending(t, queue)); n != 1 {
			t.Fatalf("rung twice for a waiting task: %d tasks", n)
		}
		if err := b.inspector.ArchiveTask(queue, "submit:"+string(one[0].ID)+":0"); err != nil {
			t.Fatal(err)
		}
		if err := b.client.SendsAgain(ctx, topup.AAT, one); err != nil {
			t.Fatal(err)
		}
		if n := len(b.pending(t, queue)); n != 1 {
			t.Errorf("an archived task keeps its top-up from being rung for: %d tasks", n)
		}
	})
}

// TestRingPastALostList rings for top-ups whose tasks are there but in no list any more, as after a part of the queue
// was deleted: asynq would never come by them.
func TestRingPastALostList(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ctx, queue := t.Context(), jobs.SubmitQueue(topup.AAT)
		if err := b.client.SendsAgain(ctx, topup.AAT, due(3)); err != nil {
			t.Fatal(err)
		}
		if err := b.rdb.Del(ctx, "asynq:{"+queue+"}:pending", "asynq:queues").Err(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := b.client.SendsAgain(ctx, topup.AAT, due(2)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := b.client.Waiting(ctx, queue); n < 2 || err != nil {
			t.Errorf("%d of 2 top-ups are waited for after their list was lost (%v)", n, err)
		}
	})
}

// TestHeldTask leaves a task in the archive by which an operator sends a held top-up again, once per round.
func TestHeldTask(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		one := due(1)[0]
		for range 2 {
			if err := b.client.Held(t.Context(), topup.AAT, one); err != nil {
				t.Fatal(err)
			}
		}
		archived, err := b.inspector.ListArchivedTasks(jobs.SubmitQueue(topup.AAT))
		if err != nil || len(archived) != 1 || string(archived[0].Payload) != string(one.ID) {
			t.Errorf("archived %v, %v", archived, err)
		}
	})
}

func TestOneTaskEach(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b bench) {
		ctx, id := t.Context(), due(1)[0].ID
		calls := map[string]func() error{
			jobs.KindCallback:      func() error { return b.client.Callback(ctx, string(id)) },
			jobs.KindLookup:        func() error { return b.client.Lookup(ctx, "lkpabc") },
			jobs.KindSMS:           func() error { return b.client.SMS(ctx, id) },
			jobs.CheckQueue("aat"): func() error { return b.client.Check(ctx, topup.AAT, topup.Due{ID: id, Round: 3}) },
		}
		for queue, call := range calls {
			if err := errors.Join(call(), call()); err != nil {
				t.Fatal(err)
			}
			if n := len(b.pending(t, queue)); n != 1 {
				t.Errorf("%s: %d tasks, want 1", queue, n)
			}
		}
	})
}

func TestTopupID(t *testing.T) {
	t.Parallel()
	good := topup.NewID("m", "r")
	if id, err := jobs.TopupID(asynq.NewTask("x", []byte(good))); err != nil || id != good {
		t.Errorf("%s, %v", id, err)
	}
	for _, bad := range []string{"", "short", string(good) + "a", "UPPERCASEUPPERCASEUP", string(good[:19]) + "1"} {
		if _, err := jobs.TopupID(asynq.NewTask("x", []byte(bad))); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%q: %v, want the archive", bad, err)
		}
	}
}
