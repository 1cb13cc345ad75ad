package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"topupq/topup"
)

// The kinds of task. A kind is the task's type and the stem of its queue's name.
const (
	KindSubmit   = "submit"
	KindCheck    = "check"
	KindCallback = "callback"
	KindLookup   = "lookup"
	KindSMS      = "sms"
)

// maxRetry bounds asynq's own repeats. They only serve a store that is away: verdicts about money are the ledger's.
const maxRetry = 1000

// SubmitQueue and CheckQueue are the queues of a provider; the other kinds have one queue named like the kind.
func SubmitQueue(p topup.ProviderName) string { return KindSubmit + ":" + string(p) }

// CheckQueue is the queue of a provider's questions.
func CheckQueue(p topup.ProviderName) string { return KindCheck + ":" + string(p) }

// Timeouts bound the handlers of each kind, in asynq's eyes. They are longer than the calls inside them.
type Timeouts struct {
	// Provider is the longest timeout of any provider's call.
	Provider time.Duration
	// Callback is the timeout of one callback delivery.
	Callback time.Duration
}

const handlerGrace = 30 * time.Second

func (t Timeouts) of(kind string) time.Duration {
	if kind == KindCallback {
		return t.Callback + handlerGrace
	}
	return t.Provider + handlerGrace
}

// taskID names a task so that the same wake-up is not queued twice: kind:id:round.
func taskID(kind, id string, round int) string { return fmt.Sprintf("%s:%s:%d", kind, id, round) }

// task builds the task of a kind for an ID.
func (t Timeouts) task(kind, queue, id, taskID string) *asynq.Task {
	return asynq.NewTask(kind, []byte(id),
		asynq.Queue(queue), asynq.TaskID(taskID), asynq.MaxRetry(maxRetry), asynq.Timeout(t.of(kind)))
}

// DueOf reads the provider of a task that asks about whatever is due; false for a task about one top-up.
func DueOf(t *asynq.Task) (topup.ProviderName, bool) {
	p, err := topup.ParseProvider(string(t.Payload()))
	return p, err == nil
}

// TopupID reads the ID of a task's payload. Anything else than an ID is refused with an error that wraps
// asynq.SkipRetry, so that garbage is archived and never repeated.
func TopupID(t *asynq.Task) (topup.ID, error) {
	id := topup.ID(strings.TrimSpace(string(t.Payload())))
	if !id.Valid() {
		return "", fmt.Errorf("payload is not a top-up ID: %w", asynq.SkipRetry)
	}
	return id, nil
}
