package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// maxBulk bounds the tasks of one pipeline.
const maxBulk = 500

// recorder is the Redis client under asynq's own client. asynq 0.26 has no bulk enqueue, so it notes the script
// calls of Enqueue instead of sending them; bulk sends them in one pipeline and reads what each would have told.
type recorder struct {
	redis.UniversalClient
	calls []recordedCall
}

type recordedCall struct {
	sha  string
	keys []string
	args []any
}

// EvalSha notes the call and answers "enqueued".
func (r *recorder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	r.calls = append(r.calls, recordedCall{sha, keys, args})
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(int64(1))
	return cmd
}

// bulk enqueues many tasks in few exchanges. It is safe for concurrent use.
type bulk struct {
	rdb  redis.UniversalClient
	pool sync.Pool
	// single enqueues one task, and teaches Redis the script.
	single *asynq.Client
}

// recording is one asynq client over one recorder, used by one goroutine at a time.
type recording struct {
	recorder *recorder
	client   *asynq.Client
}

func newBulk(rdb redis.UniversalClient) *bulk {
	b := &bulk{rdb: rdb, single: asynq.NewClientFromRedisClient(rdb)}
	b.pool.New = func() any {
		r := &recorder{UniversalClient: rdb}
		return &recording{r, asynq.NewClientFromRedisClient(r)}
	}
	return b
}

// enqueue sends the tasks and reports for each whether its ID was already taken: somebody has queued it before,
// which is as good as success.
func (b *bulk) enqueue(ctx context.Context, tasks []*asynq.Task) (taken []bool, err error) {
	taken = make([]bool, 0, len(tasks))
	for start := 0; start < len(tasks); start += maxBulk {
		part, err := b.enqueuePart(ctx, tasks[start:min(start+maxBulk, len(tasks))])
		if err != nil {
			return taken, err
		}
		taken = append(taken, part...)
	}
	return taken, nil
}

func (b *bulk) enqueuePart(ctx context.Context, tasks []*asynq.Task) ([]bool, error) {
	taken := make([]bool, len(tasks))
	if len(tasks) == 1 {
		return b.enqueueSingly(ctx, tasks, taken)
	}
	rec := b.pool.Get().(*recording)
	defer b.pool.Put(rec)
	rec.recorder.calls = rec.recorder.calls[:0]
	for _, t := range tasks {
		if _, err := rec.client.EnqueueContext(ctx, t); err != nil {
			return nil, fmt.Errorf("prepare task: %w", err)
		}
	}
	if len(rec.recorder.calls) != len(tasks) {
		return b.enqueueSingly(ctx, tasks, taken)
	}
	pipe := b.rdb.Pipeline()
	cmds := make([]*redis.Cmd, len(tasks))
	for i, c := range rec.recorder.calls {
		cmds[i] = pipe.EvalSha(ctx, c.sha, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // every command carries its own error
	for i, cmd := range cmds {
		n, err := cmd.Int()
		if isNoScript(err) {
			return b.enqueueSingly(ctx, tasks, taken)
		}
		if err != nil {
			return nil, fmt.Errorf("enqueue: %w", err)
		}
		taken[i] = n == 0
	}
	return taken, nil
}

// enqueueSingly goes through asynq's own client, which loads the script where Redis has lost it.
func (b *bulk) enqueueSingly(ctx context.Context, tasks []*asynq.Task, taken []bool) ([]bool, error) {
	for i, t := range tasks {
		_, err := b.single.EnqueueContext(ctx, t)
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			return nil, fmt.Errorf("enqueue: %w", err)
		}
		taken[i] = err != nil
	}
	return taken, nil
}

func isNoScript(err error) bool {
	var re redis.Error
	return errors.As(err, &re) && strings.HasPrefix(re.Error(), "NOSCRIPT")
}
