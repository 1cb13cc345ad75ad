package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"topupq/topup"
)

// Client enqueues tasks. A task whose ID is taken counts as queued. It is safe for concurrent use.
type Client struct {
	rdb       redis.UniversalClient
	bulk      *bulk
	inspector *asynq.Inspector
	timeouts  Timeouts
	now       func() time.Time
}

// NewClient returns a client on rdb, which it does not own.
func NewClient(rdb redis.UniversalClient, timeouts Timeouts) *Client {
	return &Client{
		rdb: rdb, bulk: newBulk(rdb), inspector: asynq.NewInspectorFromRedisClient(rdb), timeouts: timeouts, now: time.Now,
	}
}

// Sends rings for top-ups of one provider that are to be sent.
func (c *Client) Sends(ctx context.Context, p topup.ProviderName, due []topup.Due) error {
	_, err := c.enqueue(ctx, dueCalls(KindSubmit, SubmitQueue(p), due))
	return err
}

// Check rings for one top-up that the provider is to be asked about.
func (c *Client) Check(ctx context.Context, p topup.ProviderName, due topup.Due) error {
	return c.Checks(ctx, p, []topup.Due{due})
}

// Checks rings for top-ups of one provider that it is to be asked about.
func (c *Client) Checks(ctx context.Context, p topup.ProviderName, due []topup.Due) error {
	return c.ring(ctx, dueCalls(KindCheck, CheckQueue(p), due))
}

// ChecksDue rings n times for whatever checks of a provider are due: the handler finds them itself, many at a time.
func (c *Client) ChecksDue(ctx context.Context, p topup.ProviderName, n int) error {
	tasks := make([]*asynq.Task, n)
	for i := range tasks {
		// The second in its name lets a task through that follows one which was archived, and no two at once.
		name := fmt.Sprintf("%s:%s:due:%d:%d", KindCheck, p, c.now().Unix(), i)
		tasks[i] = c.timeouts.task(KindCheck, CheckQueue(p), string(p), name)
	}
	_, err := c.bulk.enqueue(ctx, tasks)
	return err
}

// SendsAgain is Sends for top-ups that may have been rung for before: a task that an operator has archived keeps
// its ID, so the wake-up gets another one.
func (c *Client) SendsAgain(ctx context.Context, p topup.ProviderName, due []topup.Due) error {
	return c.ring(ctx, dueCalls(KindSubmit, SubmitQueue(p), due))
}

// Callback rings for one top-up or batch that owes a callback.
func (c *Client) Callback(ctx context.Context, id string) error {
	return c.Callbacks(ctx, []string{id})
}

// Callbacks rings for top-ups or batches that owe a callback.
func (c *Client) Callbacks(ctx context.Context, ids []string) error {
	calls := make([]call, len(ids))
	for i, id := range ids {
		calls[i] = call{KindCallback, KindCallback, id, 0}
	}
	return c.ring(ctx, calls)
}

// Lookup rings for one lookup.
func (c *Client) Lookup(ctx context.Context, id string) error {
	return c.Lookups(ctx, []string{id})
}

// Lookups rings for lookups.
func (c *Client) Lookups(ctx context.Context, ids []string) error {
	calls := make([]call, len(ids))
	for i, id := range ids {
		calls[i] = call{KindLookup, KindLookup, id, 0}
	}
	_, err := c.enqueue(ctx, calls)
	return err
}

// SMS rings for one top-up whose PIN is to be sent by SMS.
func (c *Client) SMS(ctx context.Context, id topup.ID) error {
	return c.ring(ctx, []call{{KindSMS, KindSMS, string(id), 0}})
}

// heldFor is how far away the time of a held top-up's task is before it is in the archive: it never comes.
const heldFor = 10 * 365 * 24 * time.Hour

// HeldPrefix is how the error of a task begins that was archived because its top-up is held; heldMark is in the name of
// a task that was made for the archive.
const (
	HeldPrefix = "held: "
	heldMark   = ":held"
)

// Held puts a task for a held top-up into the archive of its provider's submit queue: run from there it sends the
// top-up again. Once per round.
func (c *Client) Held(ctx context.Context, p topup.ProviderName, due topup.Due) error {
	name := fmt.Sprintf("%s:%s%s%d", KindSubmit, due.ID, heldMark, due.Round)
	task := c.timeouts.task(KindSubmit, SubmitQueue(p), string(due.ID), name)
	_, err := c.bulk.single.EnqueueContext(ctx, task, asynq.ProcessIn(heldFor))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("queue held task: %w", err)
	}
	if err := c.inspector.ArchiveTask(SubmitQueue(p), name); err != nil {
		return fmt.Errorf("archive held task: %w", err)
	}
	return nil
}

// ByHand reports whether a task of the submit queues is one that was archived because its top-up is held: such a task
// runs again only because a person wants it to. Any other may be a wake-up that came late or twice.
func (c *Client) ByHand(queue, taskID string) (bool, error) {
	if strings.Contains(taskID, heldMark) {
		return true, nil
	}
	info, err := c.inspector.GetTaskInfo(queue, taskID)
	if err != nil {
		return false, fmt.Errorf("look up task: %w", err)
	}
	return strings.HasPrefix(info.LastErr, HeldPrefix), nil
}

// call is one wake-up before it is a task.
type call struct {
	kind, queue, id string
	round           int
}

func dueCalls(kind, queue string, due []topup.Due) []call {
	calls := make([]call, len(due))
	for i, d := range due {
		calls[i] = call{kind, queue, string(d.ID), d.Round}
	}
	return calls
}

// enqueue queues the calls under their names and reports which names were taken.
func (c *Client) enqueue(ctx context.Context, calls []call) ([]bool, error) {
	tasks := make([]*asynq.Task, len(calls))
	for i, cl := range calls {
		tasks[i] = c.timeouts.task(cl.kind, cl.queue, cl.id, taskID(cl.kind, cl.id, cl.round))
	}
	return c.bulk.enqueue(ctx, tasks)
}

// ring enqueues, and where a name is taken by a task that will not run by itself any more, enqueues under another.
func (c *Client) ring(ctx context.Context, calls []call) error {
	taken, err := c.enqueue(ctx, calls)
	if err != nil {
		return err
	}
	var held []call
	for i, cl := range calls {
		if taken[i] {
			held = append(held, cl)
		}
	}
	if held, err = c.stuck(ctx, held); err != nil {
		return err
	}
	again := make([]*asynq.Task, len(held))
	for i, cl := range held {
		name := fmt.Sprintf("%s:%s:r%d", cl.kind, cl.id, c.now().UnixMilli())
		again[i] = c.timeouts.task(cl.kind, cl.queue, cl.id, name)
	}
	_, err = c.bulk.enqueue(ctx, again)
	return err
}

// stuck returns the calls whose name is held by a task that no worker will come by: it is in none of the lists that
// asynq takes tasks from, whatever it says of itself. It was archived; or it is active, perhaps an orphan of a worker
// that was killed, which asynq finds only after a minute or two; or its list was lost. Running a wake-up twice changes
// nothing.
func (c *Client) stuck(ctx context.Context, calls []call) ([]call, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	type places struct {
		task           *redis.IntCmd
		pending        *redis.IntCmd
		retry, planned *redis.FloatCmd
	}
	pipe, at := c.rdb.Pipeline(), make([]places, len(calls))
	for i, cl := range calls {
		id, queue := taskID(cl.kind, cl.id, cl.round), "asynq:{"+cl.queue+"}:"
		at[i] = places{
			pipe.Exists(ctx, queue+"t:"+id), pipe.LPos(ctx, queue+"pending", id, redis.LPosArgs{}),
			pipe.ZScore(ctx, queue+"retry", id), pipe.ZScore(ctx, queue+"scheduled", id),
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("look for tasks: %w", err)
	}
	var out []call
	for i, p := range at {
		gone := errors.Is(p.pending.Err(), redis.Nil) && errors.Is(p.retry.Err(), redis.Nil) && errors.Is(p.planned.Err(), redis.Nil)
		if p.task.Val() > 0 && gone {
			out = append(out, calls[i])
		}
	}
	return out, nil
}

// Waiting is the number of tasks that wait in a queue.
func (c *Client) Waiting(ctx context.Context, queue string) (int, error) {
	n, err := c.rdb.LLen(ctx, "asynq:{"+queue+"}:pending").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("count queue: %w", err)
	}
	return int(n), nil
}
