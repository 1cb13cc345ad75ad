package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

// KindDay is what is done about a provider's days; it has one queue named like the kind.
const KindDay = "day"

// DayAct is what is done about a day.
type DayAct string

// The acts.
const (
	// ActBalance reads the provider's balance.
	ActBalance DayAct = "balance"
	// ActClose makes a day's report, compares its books, and archives it.
	ActClose DayAct = "close"
	// ActForget takes an archived day's closed top-ups out of the ledger.
	ActForget DayAct = "forget"
)

// DayTask names a provider's day and what is to be done about it.
type DayTask struct {
	Act      DayAct
	Provider topup.ProviderName
	// Date is written 2026-11-23, in the provider's zone.
	Date string
}

// String is the payload: "close:aat:2026-11-23".
func (d DayTask) String() string {
	return string(d.Act) + ":" + string(d.Provider) + ":" + d.Date
}

// dayTimeout bounds a day's task: a day of a million top-ups is read from end to end, some times over.
const dayTimeout = 30 * time.Minute

// dayRetries is how often asynq repeats one; after that the scheduler rings again.
const dayRetries = 3

// Day rings for a day's task. One that is queued or running already is left alone; the hour in its name lets it through
// again when one before it was archived.
func (c *Client) Day(ctx context.Context, d DayTask) error {
	name := fmt.Sprintf("%s:%s:%s", KindDay, d, c.now().UTC().Format("2006010215"))
	task := asynq.NewTask(KindDay, []byte(d.String()),
		asynq.Queue(KindDay), asynq.TaskID(name), asynq.MaxRetry(dayRetries), asynq.Timeout(dayTimeout))
	_, err := c.bulk.enqueue(ctx, []*asynq.Task{task})
	return err
}

// DayOf reads the payload of a day's task. Anything else is refused with an error that wraps asynq.SkipRetry.
func DayOf(t *asynq.Task) (DayTask, error) {
	act, rest, _ := strings.Cut(string(t.Payload()), ":")
	name, date, found := strings.Cut(rest, ":")
	p, err := topup.ParseProvider(name)
	if _, bad := time.Parse(time.DateOnly, date); err != nil || bad != nil || !found {
		return DayTask{}, fmt.Errorf("payload is not a provider's day: %w", asynq.SkipRetry)
	}
	return DayTask{DayAct(act), p, date}, nil
}
