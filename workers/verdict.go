package workers

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/zap"

	"topupq/jobs"
	"topupq/topup"
)

// Errors as asynq stores and shows them: fixed words, never a cause, which could name a secret.
var (
	errStoreAway = errors.New("store_unavailable")
	errBusy      = errors.New("record_busy")
	errInternal  = errors.New("internal_error")
	errPanic     = errors.New("panic")
	errNoRecord  = fmt.Errorf("no_such_record: %w", asynq.SkipRetry)
	errNoRoute   = fmt.Errorf("provider_not_configured: %w", asynq.SkipRetry)
)

// verdict turns a handler's error into what asynq should do: nothing, a repeat, or the archive.
func verdict(err error) error {
	switch {
	case err == nil, errors.Is(err, topup.ErrNotAllowed), errors.Is(err, topup.ErrUnchanged):
		return nil
	case errors.Is(err, asynq.SkipRetry), errors.Is(err, errStoreAway):
		return err
	case errors.Is(err, topup.ErrNotFound):
		return errNoRecord
	case errors.Is(err, topup.ErrUnavailable):
		return errStoreAway
	case errors.Is(err, topup.ErrContention):
		return errBusy
	default:
		return errInternal
	}
}

// held archives the task of a held top-up: running it from the dashboard sends the top-up again.
func held(t *topup.Topup) error {
	code := topup.CodeRetriesUsedUp
	if t.Failure != nil {
		code = t.Failure.Code
	}
	return fmt.Errorf(jobs.HeldPrefix+"%s: %w", code, asynq.SkipRetry)
}

// IsFailure tells asynq which errors count as failures: ours and the provider's, not a store that is away.
func IsFailure(err error) bool {
	return !errors.Is(err, errStoreAway) && !errors.Is(err, errBusy) && !errors.Is(err, asynq.ErrLeaseExpired)
}

// RetryDelay is the wait before asynq repeats a task: 1 s doubled up to 30 s.
func RetryDelay(n int, _ error, _ *asynq.Task) time.Duration {
	return min(time.Second<<min(n, 5), 30*time.Second)
}

// guard keeps a handler's panic and its error's cause out of the queue.
func guard(log *zap.Logger, h asynq.HandlerFunc) asynq.HandlerFunc {
	return func(ctx context.Context, task *asynq.Task) (err error) {
		defer func() {
			if r := recover(); r != nil {
				log.Error("handler panicked", zap.String("kind", task.Type()), zap.ByteString("stack", debug.Stack()))
				err = errPanic
			}
		}()
		err = h(ctx, task)
		v := verdict(err)
		if v != nil && !errors.Is(err, asynq.SkipRetry) {
			log.Warn("job will be repeated", zap.String("kind", task.Type()), zap.ByteString("topup", task.Payload()), zap.Error(err))
		}
		return v
	}
}
